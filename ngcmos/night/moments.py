"""When an exposure began, as camera programs write it: one card or two, text or a number, any time scale."""

import datetime
import re
from pathlib import Path

from astropy.io import fits
from astropy.time import Time, TimeDelta

from ngcmos.config import HeaderNames
from ngcmos.errors import HeaderError
from ngcmos.night.cards import CardValue, Header
from ngcmos.night.headers import card_said
from ngcmos.night.telling import cards_like

EXPECTED = "expected UTC as 2024-07-06T07:27:37.751"
YEARS = (1990, 2099)
_MJD_ZERO = 2400000.5
_MJD_LIMITS = 47892.0, 88068.0  # of these years
_TOLD_SCALES = {"UTC": "utc", "UT": "utc", "GMT": "utc", "UT1": "utc", "": "utc", "TAI": "tai", "TT": "tt"}
_TOLD_SCALES |= {"TDT": "tt", "ET": "tt", "TDB": "tdb", "TCB": "tcb", "TCG": "tcg"}
_TIME_CARDS = re.compile(r"DATE|TIME|^UT|^MJD|^JD|JULDAT")
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT(([01]\d|2[0-3]):[0-5]\d:[0-5]\d|23:59:60)(\.\d{1,9})?Z?\Z", re.ASCII)
_CLOCK = r"(?P<h>\d{1,2}):(?P<m>\d\d):(?P<s>\d\d(?:[.,]\d*)?)\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
_STAMP = re.compile(rf"(?P<day>[\d/-]+?)(?:[T ]\s*{_CLOCK})?\Z", re.ASCII)
_TIME_OF_DAY = re.compile(rf"{_CLOCK}\Z", re.ASCII)
_DAYS = (
    re.compile(r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})\Z", re.ASCII),
    re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4}|\d\d)\Z", re.ASCII),  # FITS before 1999
)


def start_of_exposure(header: Header, names: HeaderNames, exptime_s: float, path: Path) -> Time:
    """The start of an exposure, UTC.

    The first of the cards `names.date_obs` that the header has is read: text, or a Julian date (MJD below 100000);
    a date without a time of day takes that from one of `names.time_obs`. Its scale is that of the card TIMESYS,
    else `names.time_scale`; it tells the start, middle or end of the exposure (`names.time_meaning`).

    Raises
    ------
    HeaderError
        There is no such card, or it makes no sense; the message lists the cards of time that the header has.
    """
    key, value = _first(header, names.date_obs, path)
    if isinstance(value, str) and _PLAIN.match(value.strip()):  # quick, as nearly all are written so
        moment = _in_scale(value.strip().rstrip("Z"), _scale(header, names, path), key, path)
    else:
        moment = _read_moment(header, names, key, path)
    late_s = {"start": 0.0, "middle": exptime_s / 2, "end": exptime_s}[names.time_meaning]
    late_s += 3600.0 * names.utc_offset_h
    return moment if late_s == 0 else Time(moment - TimeDelta(late_s, format="sec"), format="isot")


def _first(header: Header, keys: tuple[str, ...], path: Path) -> tuple[str, CardValue]:
    """(keyword, value) of the first of these cards that holds something."""
    for key in keys:
        try:
            value = header.get(key)
        except fits.VerifyError:
            raise HeaderError(f"{path.name}: {key} is not readable, {EXPECTED}") from None
        if isinstance(value, str) and not value.strip():
            continue
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return key, value
    named = ", ".join(keys)
    raise HeaderError(f"{path.name}: no {named} in the header, {EXPECTED}{cards_like(header, _TIME_CARDS, keys)}")


def _scale(header: Header, names: HeaderNames, path: Path) -> str:
    """The time scale of a header's times, as astropy calls it."""
    try:
        told = header.get("TIMESYS", "")
    except fits.VerifyError:
        told = ""
    words = str(told).upper().split() or names.time_scale.upper().split() or [""]
    scale = _TOLD_SCALES.get(re.sub(r"\(.*", "", words[0]))
    if scale is None:
        raise HeaderError(f"{path.name}: TIMESYS is {str(told)!r}, expected one of {', '.join(_TOLD_SCALES)}")
    return scale


def _in_scale(stamp: str, scale: str, key: str, path: Path) -> Time:
    """UTC Time of ISO text in a time scale."""
    try:
        if YEARS[0] <= int(stamp[:4]) <= YEARS[1]:
            moment = Time(stamp, format="isot", scale=scale)
            return moment if scale == "utc" else moment.utc
    except ValueError:
        pass
    raise HeaderError(f"{path.name}: {key} is {stamp!r}, {EXPECTED}")


def _read_moment(header: Header, names: HeaderNames, key: str, path: Path) -> Time:
    value, scale = header[key], _scale(header, names, path)
    wrong = HeaderError(f"{path.name}: {key} is {str(value)!r}, {EXPECTED}")
    if not isinstance(value, str):
        return _of_number(float(value), scale, wrong)
    match = _STAMP.match(value.strip())
    if match is None:
        raise wrong
    day, clock = _day(match["day"], wrong), match
    if match["h"] is None:
        clock = _time_of_day(header, names.time_obs, f"{path.name}: {key} is {value!r}, a date alone", path)
    stamp = f"{day}T{int(clock['h']):02d}:{clock['m']}:{clock['s'].replace(',', '.').rstrip('.')}"
    moment = _in_scale(stamp, scale, key, path)
    ahead_s = _zone_s(clock["zone"])
    return moment if ahead_s == 0 else Time(moment - TimeDelta(ahead_s, format="sec"), format="isot")


def _time_of_day(header: Header, keys: tuple[str, ...], date: str, path: Path) -> re.Match[str]:
    """The time of day that stands in a card beside the date's."""
    key = next((key for key in keys if str(card_said(header, key) or "").strip()), None)
    if key is None:
        like = cards_like(header, _TIME_CARDS, keys)
        raise HeaderError(f"{date}; {EXPECTED}, or its time of day in one of {', '.join(keys)}{like}")
    found = _TIME_OF_DAY.match(str(header[key]).strip())
    if found is None:
        raise HeaderError(f"{path.name}: {key} is {str(header[key])!r}, expected a time as 07:27:37.751")
    return found


def _of_number(number: float, scale: str, wrong: HeaderError) -> Time:
    """UTC Time of a Julian date, or of a modified one."""
    mjd = number - _MJD_ZERO if number > 1e5 else number
    if not _MJD_LIMITS[0] <= mjd <= _MJD_LIMITS[1]:
        raise wrong
    moment = Time(number, format="jd" if number > 1e5 else "mjd", scale=scale)
    return Time(moment.utc, format="isot")


def _day(text: str, wrong: HeaderError) -> str:
    """A date as 2024-07-06."""
    match = next(filter(None, (form.match(text) for form in _DAYS)), None)
    if match is None:
        raise wrong
    year = int(match["year"])
    year += 0 if year > 99 else 1900 if year >= YEARS[0] % 100 else 2000
    try:
        return datetime.date(year, int(match["month"]), int(match["day"])).isoformat()
    except ValueError:
        raise wrong from None


def _zone_s(zone: str | None) -> float:
    """Seconds that a clock of a zone as -0700 is ahead of UTC."""
    if zone in (None, "", "Z"):
        return 0.0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (3600.0 * hours + 60.0 * minutes) * (-1 if zone[0] == "-" else 1)
