"""What a season has found that it did not know before: stars that vary, stars with dips.

``news_of(known_in(before), after) -> sentence``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Row, Table

from ngcmos.arrays import Bools
from ngcmos.names import star_name
from ngcmos.season.search import SURE_SNR
from ngcmos.season.summary import star_keys
from ngcmos.season.variability import FALSE_ALARMS

MOST_NAMED = 5
VARIES, DIPS = "varies", "has dips"


def known_in(stars: Table) -> dict[str, list[str]]:
    """{what: keys of the stars of a season of which that holds}, as a ledger keeps it."""
    keys = _keys(stars)
    return {what: keys[holds].tolist() for what, holds in ((VARIES, _varies(stars)), (DIPS, _dips(stars)))}


def news_of(known: Mapping[str, Sequence[str]], after: Table) -> str:
    """What is new among the stars of a season, in a sentence; "" where nothing is.

    Stars that were seen in one night alone are new themselves.

    Parameters
    ----------
    known : {what: keys}
        Of `known_in`, before.
    after : Table
        Of `ngcmos.season.reader.Season.stars`.
    """
    was_there = np.asarray(after["nights"]) > 1
    dips = was_there & _dips(after) & ~np.isin(_keys(after), list(known[DIPS]))
    varies = was_there & _varies(after) & ~np.isin(_keys(after), list(known[VARIES])) & ~dips
    return "; ".join(one for one in (_say(VARIES, after[varies]), _say(DIPS, after[dips])) if one)


def _keys(stars: Table) -> np.ndarray:
    return star_keys(stars.as_array()).astype(str)


def _varies(stars: Table) -> Bools:
    return np.asarray(stars["variable"], bool)


def _dips(stars: Table) -> Bools:
    sure: Bools = np.asarray(stars["dip_snr"], float) >= SURE_SNR
    return sure


def _say(what: str, stars: Table) -> str:
    if not len(stars):
        return ""
    named = [_name(row) for row in stars[:MOST_NAMED]]
    more = f" and {len(stars) - MOST_NAMED} more" if len(stars) > MOST_NAMED else ""
    return f"new in the season, {what}: {', '.join(named)}{more}"


def _name(row: Row) -> str:
    wave = f", {row['period_d']:.4g} d" if row["period_fap"] < FALSE_ALARMS else ""
    dip = f", {row['dip_depth']:.1%} deep" if row["dip_snr"] >= SURE_SNR else ""
    return f"{star_name(int(row['tic_id']))} (Tmag {row['Tmag']:.1f}{wave}{dip})"
