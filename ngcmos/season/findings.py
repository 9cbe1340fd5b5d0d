"""What a search has found in the rows of the stars: a new one, or the last one while it holds.

A search looks at all nights and costs more the more there are: in the morning that of some days ago will do.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngcmos.arrays import Rows
from ngcmos.season.periods import calibrate_faps
from ngcmos.season.reader import read_table
from ngcmos.season.search import Found
from ngcmos.season.summary import star_keys

MOST_UNSEARCHED = 0.05  # nights that have come since, of those that were searched
_OF_PERIODS = {"period_d": "period_d", "amplitude": "amplitude", "alias_d": "alias_d"}
_OF_DIPS = {
    "dip_period_d": "period_d",
    "dip_t0_bjd": "t0_bjd",
    "dip_depth": "depth",
    "dip_duration_h": "duration_h",
    "dip_snr": "snr",
    "dips": "seen",
}


def enter_found(rows: Rows, found: Found) -> None:
    """What a search has found, into the rows of the stars."""
    barred = None if rows["blended"].all() else rows["blended"]
    gain, fap = (np.array([getattr(one, name) for one in found.periods]) for name in ("gain", "fap"))
    rows["period_fap"] = calibrate_faps(gain, fap, rows["Tmag"].astype(float), barred)
    for columns, of_stars in ((_OF_PERIODS, found.periods), (_OF_DIPS, found.dips)):
        for name, key in columns.items():
            rows[name] = [getattr(one, key) for one in of_stars]
    rows["dip_snr"][~(rows["dip_snr"] > 0)] = np.nan


def take_over(rows: Rows, path: Path) -> None:
    """What an earlier search has found, from the table at `path`; nothing for stars that it does not have.

    Raises
    ------
    ProductError
        The table is missing or damaged.
    """
    before = read_table(path).as_array()
    _, here, there = np.intersect1d(star_keys(rows), star_keys(before), return_indices=True)
    for name in ("period_fap", *_OF_PERIODS, *_OF_DIPS):
        rows[name][here] = before[name][there]


def still_holds(searched: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether a search of some nights will do for those that are there now.

    Parameters
    ----------
    searched, now : mapping of str to str
        Names of nights, and what their solutions are made of.
    """
    other = sum(searched.get(name) != made_of for name, made_of in now.items())
    return set(searched) <= set(now) and other <= MOST_UNSEARCHED * len(searched)


def say_searched(searched: int, nights: int) -> str:
    """Which nights periods and dips are of, where these are not all."""
    if searched == nights:
        return ""
    after = int(MOST_UNSEARCHED * searched) + 1 - (nights - searched)
    return (
        f"periods and dips are those of {searched} of {nights} nights: they are looked for again "
        f"with {after} more, or by season.py"
    )
