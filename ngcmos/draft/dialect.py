"""Which cards of a frame tell its time, exposure and place: only what differs from the usual is said."""

import dataclasses
import re
from pathlib import Path

from astropy.time import Time

from ngcmos.config import HeaderNames
from ngcmos.draft.found import Found
from ngcmos.draft.sheet import Sheet
from ngcmos.errors import HeaderError
from ngcmos.night.headers import exposure_time, said_first
from ngcmos.night.moments import start_of_exposure
from ngcmos.night.pointing import pointing_of

USUAL = HeaderNames()
AGREE_S = 1.5  # clocks in whole seconds
_MEANINGS = (
    ("start", re.compile(r"\b(start|beg[ai]n)", re.I)),
    ("middle", re.compile(r"\bmid", re.I)),
    ("end", re.compile(r"\b(end|finish|stop)", re.I)),
)
_TIMES = re.compile(r"DATE|^UT|^M?JD|JUL")
_EXPOSURES = re.compile("EXP|ITIME|INTTIME|DURATION")
_RIGHT_ASCENSIONS = re.compile(r"(^|[-_])RA([-_D]|$)|^[A-Z]*RAD?$")
_MID = ("JULDAT", "JD-MID", "MJD-MID", "DATE-AVG")
_BY_HAND = "look for it in the header and type it: --set headers."


def of_dialect(sheet: Sheet, path: Path) -> list[Found]:
    """The keys of `headers` that this frame needs, and what it lacks."""
    exposure, exptime_s = _exposure(sheet, path)
    times = _times(sheet, exptime_s or 0.0, path)
    return [*exposure, *times, *_pointing(sheet), *_object(sheet)]


def _exposure(sheet: Sheet, path: Path) -> tuple[list[Found], float | None]:
    for keys in (USUAL.exptime, *([key] for key in sheet.header if _EXPOSURES.search(key))):
        try:
            seconds = exposure_time(sheet.header, keys, path)
        except HeaderError:
            continue
        return ([] if keys is USUAL.exptime else [Found("headers.exptime", tuple(keys), _there(keys[0]))]), seconds
    return [Found("headers.exptime", USUAL.exptime, "nothing: assumed", f'{_BY_HAND}exptime=["…"]')], None


def _times(sheet: Sheet, exptime_s: float, path: Path) -> list[Found]:
    names = _names_of_time(sheet, path)
    if names is None:
        return [Found("headers.date_obs", USUAL.date_obs, "nothing: assumed", f'{_BY_HAND}date_obs=["…"]')]
    found = []
    if names is not USUAL:
        found.append(Found("headers.date_obs", names.date_obs, _there(names.date_obs[0])))
    meaning, why = meaning_of(sheet, names, exptime_s, path)
    return found if meaning == "start" else [*found, Found("headers.time_meaning", meaning, why)]


def _names_of_time(sheet: Sheet, path: Path) -> HeaderNames | None:
    """The names by which the frame's time is read; None where it is by none."""
    others = [dataclasses.replace(USUAL, date_obs=(key,)) for key in sheet.header if _TIMES.search(key)]
    for names in (USUAL, *others):
        try:
            start_of_exposure(sheet.header, names, 0.0, path)
        except HeaderError:
            continue
        return names
    return None


def meaning_of(sheet: Sheet, names: HeaderNames, exptime_s: float, path: Path) -> tuple[str, str]:
    """(start, middle or end; why): by the card's own comment, or by a card that tells the middle."""
    key = next((key for key in names.date_obs if sheet.first(key)), names.date_obs[0])
    for meaning, words in _MEANINGS:
        if words.search(sheet.comments.get(key, "")):
            return meaning, f"the comment of {key}"
    told = start_of_exposure(sheet.header, names, 0.0, path)
    middle = _middle(sheet, path)
    if middle is not None and exptime_s > 2 * AGREE_S:
        for meaning, share in (("middle", 0.0), ("end", -0.5)):
            if abs((middle - told).sec - share * exptime_s) < AGREE_S:
                return meaning, f"{next(card for card in _MID if sheet.first(card))} of the header"
    return "start", ""


def _middle(sheet: Sheet, path: Path) -> Time | None:
    """Mid exposure, where a card tells it."""
    names = dataclasses.replace(USUAL, date_obs=_MID, time_meaning="start")
    try:
        middle = start_of_exposure(sheet.header, names, 0.0, path)
    except HeaderError:
        return None
    return middle


def _pointing(sheet: Sheet) -> list[Found]:
    """Cards of the pointing; hours where a plain number and a text beside it say so."""
    if pointing_of(sheet.header, USUAL) is not None:
        return _unit(sheet)
    pairs = [(key, key.replace("RA", "DEC", 1)) for key in sheet.header if _RIGHT_ASCENSIONS.search(key)]
    for pair in [f"{ra}/{dec}" for ra, dec in pairs if dec in sheet.header]:
        if pointing_of(sheet.header, dataclasses.replace(USUAL, pointing=(pair,))) is not None:
            return [Found("headers.pointing", (pair,), _there(pair))]
    how = "say where the field is: --center RA DEC, here and for run_night.py"
    return [Found("headers.center", (), "nothing", how)]


def _unit(sheet: Sheet) -> list[Found]:
    """Hours, where the comment of the right ascension says so or the text beside it makes 15 of one."""
    card = sheet.first("RA", "TELRA")
    if card is None or isinstance(card.value, str) or not 0 <= card.number < 24:
        return []
    hours = Found("headers.pointing_unit", "hour", f"the comment of {card.key}")
    if re.search(r"\bh(ou)?rs?\b|\bhours?\b|\[h\]", card.comment, re.I):
        return [hours]
    text = pointing_of(sheet.header, dataclasses.replace(USUAL, pointing=("OBJCTRA/OBJCTDEC",)))
    if text is not None and abs(15 * card.number - text[0]) < 1 < abs(card.number - text[0]):
        return [dataclasses.replace(hours, source=f"{card.key} and OBJCTRA of the header")]
    return []


def _object(sheet: Sheet) -> list[Found]:
    if said_first(sheet.header, USUAL.object):
        return []
    how = "none is needed: a field is then named by the series of its files"
    return [Found("headers.object", USUAL.object, "nothing: no card names the object", how)]


def _there(key: str) -> str:
    return f"the header has {key}"
