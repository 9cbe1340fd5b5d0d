"""What a season has found that it did not know before: stars that vary, stars with dips.

``news_of(before, after) -> sentence``.
"""

import numpy as np
from astropy.table import Row, Table

from ngcmos.arrays import Bools
from ngcmos.names import star_name
from ngcmos.season.search import SURE_SNR
from ngcmos.season.summary import star_keys
from ngcmos.season.variability import FALSE_ALARMS

MOST_NAMED = 5


def news_of(before: Table, after: Table) -> str:
    """What is new among the stars of a season, in a sentence; "" where nothing is.

    Parameters
    ----------
    before, after : Table
        Of `ngcmos.season.reader.Season.stars`.
    """
    new_dips = _is_new(before, after, _dips(before), _dips(after))
    new_variables = _is_new(before, after, _varies(before), _varies(after)) & ~new_dips
    told = [_say("varies", after[new_variables]), _say("has dips", after[new_dips])]
    return "; ".join(one for one in told if one)


def _varies(stars: Table) -> Bools:
    return np.asarray(stars["variable"], bool)


def _dips(stars: Table) -> Bools:
    sure: Bools = np.asarray(stars["dip_snr"], float) >= SURE_SNR
    return sure


def _is_new(before: Table, after: Table, then: Bools, now: Bools) -> Bools:
    """Stars of `after` of which something holds now and did not then, though they were known."""
    known, own = star_keys(before.as_array()), star_keys(after.as_array())
    new: Bools = now & np.isin(own, known[~then])
    return new


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
