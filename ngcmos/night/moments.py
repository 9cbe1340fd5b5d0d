"""When an exposure began, as camera programs write it: one card or two, text or a number, any time scale."""

import re
from pathlib import Path

from astropy.io.fits import VerifyError
from astropy.time import Time, TimeDelta

from ngcmos.config import HeaderNames
from ngcmos.errors import HeaderError
from ngcmos.night.cards import CardValue, Header
from ngcmos.night.headers import first_card, number_of, said_first
from ngcmos.night.telling import cards_like

# by the ends of their names the cards of the FITS standard 4.0 (section 9.5) tell which moment they mean
_STANDARD = {"BEG": 0.0, "AVG": 0.5, "END": 1.0}
_MOMENTS = {"start": 0.0, "middle": 0.5, "end": 1.0}
_SCALES = {
    **{name: name.lower() for name in ("UTC", "TAI", "TT", "TDB", "TCB", "TCG")},
    "": "utc",
    "UT": "utc",
    "GMT": "utc",
    "UT1": "utc",
    "TDT": "tt",
    "ET": "tt",
    "IAT": "tai",
}
_KIN = re.compile(r"DATE|^UT|TIME|^M?JD|JUL")
_DATE = re.compile(
    r"['\"\s]*((?=\d{4}[-/.]|\d{8}(?!\d))(?P<year>\d{4})(?P<between>[-/.]?)(?P<month>\d\d?)(?P=between)(?P<day>\d\d?)"
    r"|(?P<old_day>\d\d?)[-/](?P<old_month>\d\d?)[-/](?P<old_year>\d\d(\d\d)?))"
    r"((T|\s+)(?P<clock>(([01]?\d|2[0-3]):[0-5]\d:[0-5]\d|([01]\d|2[0-3])[0-5]\d[0-5]\d|23:59:60)([.,]\d*)?)"
    r"\s*(?P<zone>Z|UTC?|\(UTC?\)|GMT|(?P<hours>[+-]\d\d)(:?(?P<minutes>\d\d))?)?)?['\"\s]*\Z",
    re.ASCII,
)
EXPECTED = "UTC as 2024-07-06T07:27:37.751"
_MJD_OF_JD = 2400000.5
_MJD_LIMITS = (47892.0, 88069.0)  # 1990 to 2099


class _NoClockError(ValueError):
    """A date without a time of day."""


def start_of_exposure(header: Header, names: HeaderNames, exptime_s: float, path: Path) -> Time:
    """Start of an exposure as a UTC Time.

    The first card of `names.date_obs` that says something counts: text as FITS has it or nearly so, a Julian Date
    or a modified one. A date without a clock takes that of `names.time_obs`; where there is none, the next card is
    tried. DATE-BEG, -AVG and -END (and MJD-) mean what the standard says, others what `names.time_meaning` says.
    The scale is `names.time_scale`, else TIMESYS, else UTC. The clock is `names.utc_offset_h` ahead of it, else as
    the text says.

    Raises
    ------
    HeaderError
        No card tells the time, or the one that does makes no sense.
    """
    key, value = _told(header, names, path)
    if not key:
        like = cards_like(header, _KIN, "date_obs")
        raise HeaderError(f"{path.name}: no {names.date_obs[0]} in the header, expected {EXPECTED}{like}")
    scale = _scale_of(names.time_scale or said_first(header, ["TIMESYS"]), path)
    try:
        time = _time_of(value, scale, names.utc_offset_h)
    except _NoClockError:
        or_clock = f"a date alone; expected {EXPECTED}, or its clock in one of {', '.join(names.time_obs)}"
        like = cards_like(header, _KIN, "time_obs")
        raise HeaderError(f"{path.name}: {key} is {value!r}, {or_clock}{like}") from None
    except ValueError:
        like = cards_like(header, _KIN, "date_obs", tried=[key])
        remedy = like or "; write it so, or name another card in headers.date_obs"
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, expected {EXPECTED}{remedy}") from None
    moment = _STANDARD.get(key[-3:], _MOMENTS[names.time_meaning])
    return time - TimeDelta(moment * exptime_s, format="sec") if moment else time


def seconds_after(start: Time, header: Header, key: str, names: HeaderNames, path: Path) -> float:
    """Seconds from the start of an exposure to what a further card of time says; NaN where none makes sense."""
    try:
        value = header[key]
        scale = _scale_of(names.time_scale or said_first(header, ["TIMESYS"]), path)
        return float((_time_of(value, scale, names.utc_offset_h) - start).sec)
    except (KeyError, ValueError, HeaderError, VerifyError):
        return float("nan")


def _told(header: Header, names: HeaderNames, path: Path) -> tuple[str, CardValue | None]:
    """(keyword, value) of the card that tells the time, a date joined with its clock; ("", None) without one."""
    alone: tuple[str, CardValue | None] = "", None
    for card in names.date_obs:
        key, value = first_card(header, [card], path, EXPECTED)
        date = _DATE.match(value) if isinstance(value, str) else None
        if key and (date is None or date["clock"] is not None):
            return key, value
        clock = first_card(header, names.time_obs, path, "a time of day")[1] if key else None
        if clock is not None:
            return key, f"{value} {clock}"
        alone = alone if alone[0] else (key, value)
    return alone


def _scale_of(told: str, path: Path) -> str:
    """A time scale as astropy calls it."""
    scale = _SCALES.get(told.partition("(")[0].strip().upper())
    if scale is None:
        raise HeaderError(
            f"{path.name}: time scale is {told!r}, expected one of {', '.join(filter(None, _SCALES))};"
            " say headers.time_scale in the profile (and headers.utc_offset_h of a local clock)"
        )
    return scale


def _time_of(value: CardValue | None, scale: str, offset_h: float) -> Time:
    """UTC Time of a card's value; ValueError where it is none."""
    date = _DATE.match(value) if isinstance(value, str) else None
    if date is None:
        time = _julian(value, scale)
    elif date["clock"] is None:
        raise _NoClockError
    else:
        time = Time(f"{_day_of(date)}T{_clock_of(date)}", format="isot", scale=scale)
        offset_h = offset_h or _offset_of(date)
    if scale != "utc":
        time = time.utc
    return time - TimeDelta(offset_h * 3600.0, format="sec") if offset_h else time


def _day_of(date: re.Match[str]) -> str:
    """YYYY-MM-DD; a year of two digits lies from 1990 to 2089."""
    if date["year"] is not None:
        year, month, day = date["year"], date["month"], date["day"]
    else:
        year, month, day = date["old_year"], date["old_month"], date["old_day"]
        year = year if len(year) == 4 else ("19" if year >= "90" else "20") + year
    if not "1990" <= year <= "2099":
        raise ValueError(year)
    return f"{year}-{month:0>2}-{day:0>2}"


def _clock_of(date: re.Match[str]) -> str:
    """HH:MM:SS and its fraction."""
    clock = date["clock"].replace(",", ".")
    if ":" not in clock:
        return f"{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    hours, _, rest = clock.partition(":")
    return f"{hours:0>2}:{rest}"


def _offset_of(date: re.Match[str]) -> float:
    """Hours by which the clock of a text is ahead, as the text says."""
    if date["hours"] is None:
        return 0.0
    minutes = float(date["minutes"] or 0) / 60
    return float(date["hours"]) + (-minutes if date["hours"].startswith("-") else minutes)


def _julian(value: CardValue | None, scale: str) -> Time:
    """Time of a Julian Date, modified or not."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):  # FITS has complex numbers, too
        raise ValueError(value)
    days = number_of(value) if isinstance(value, str) else value
    modified = days < 1e6
    if not _MJD_LIMITS[0] <= (days if modified else days - _MJD_OF_JD) < _MJD_LIMITS[1]:
        raise ValueError(value)
    return Time(days, format="mjd" if modified else "jd", scale=scale)
