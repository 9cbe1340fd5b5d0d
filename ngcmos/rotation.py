"""The rotation of the Earth around some dates, from the tables that astropy brings along.

astropy reads all 20 000 days of both tables, which takes longer than all else in a small night; here it is the
days that are asked for. The numbers are those of `astropy.utils.iers.IERS_Auto`: up to the end of Bulletin B the
final values (IERS C04), then those of Bulletin A, which end with a year of predictions.
"""

import bisect
import functools
from collections.abc import Mapping
from pathlib import Path

from astropy import units
from astropy.utils import iers

STEP_D = 10
_MJD_FINAL = slice(16, 26)  # of eopc04.1962-now
_MJD = slice(7, 15)  # columns of finals2000A.all
_BULLETIN_A = {"PM_x": slice(18, 27), "PM_y": slice(37, 46), "UT1_UTC": slice(58, 68)}
_BULLETIN_B = {"PM_x": slice(134, 144), "PM_y": slice(144, 154), "UT1_UTC": slice(154, 165)}
_UNITS = {"MJD": units.day, "PM_x": units.arcsec, "PM_y": units.arcsec, "UT1_UTC": units.second}

Day = dict[str, float]  # a row of the table


def earth_rotation(first_mjd: float, last_mjd: float) -> iers.IERS:
    """UT1 - UTC and the place of the pole for each day from `first_mjd` to `last_mjd`, and some days around.

    Dates that the tables do not reach get their first or last days: astropy then knows that it is beyond them.
    """
    return _rotation((int(first_mjd) // STEP_D) * STEP_D - 1, (int(last_mjd) // STEP_D + 1) * STEP_D + 1)


@functools.cache
def _rotation(first: int, last: int) -> iers.IERS:
    lines = Path(iers.IERS_A_FILE).read_text().splitlines()
    del lines[bisect.bisect_left(lines, True, key=lambda line: not line[_BULLETIN_A["UT1_UTC"]].strip()) :]
    start, end = int(float(lines[0][_MJD])), int(float(lines[-1][_MJD]))
    first, last = min(first, end - STEP_D), max(last, start + STEP_D)
    final = _final_days(first, last)
    days = [_day_of(line, final) for line in _between(lines, _MJD, first, last)]
    return iers.IERS({name: [day[name] for day in days] * unit for name, unit in _UNITS.items()})


def _final_days(first: int, last: int) -> Mapping[float, Day]:
    """The days of the table of final values, by their date."""
    lines = Path(iers.IERS_B_FILE).read_text().splitlines()
    del lines[: bisect.bisect_left(lines, True, key=lambda line: not line.startswith("#"))]
    rows = (line.split()[4:8] for line in _between(lines, _MJD_FINAL, first, last))
    days = [dict(zip(_UNITS, map(float, row), strict=True)) for row in rows]
    return {day["MJD"]: day for day in days}


def _between(lines: list[str], place: slice, first: float, last: float) -> list[str]:
    """The lines of a table in the order of its dates, those from the first one to the last one."""

    def date_of(line: str) -> float:
        return float(line[place])

    start = bisect.bisect_left(lines, first, key=date_of)
    return lines[start : bisect.bisect_right(lines, last, lo=start, key=date_of)]


def _day_of(line: str, final: Mapping[float, Day]) -> Day:
    """The day of a line of finals2000A.all; the final one takes its place up to the end of Bulletin B."""
    date, is_settled = float(line[_MJD]), bool(line[_BULLETIN_B["UT1_UTC"]].strip())
    if is_settled and date in final:
        return final[date]
    places = _BULLETIN_B if is_settled else _BULLETIN_A
    return {"MJD": date} | {name: float(line[place]) for name, place in places.items()}
