"""Nights whose times cannot be: of another evening than their folder is named by, or taken by one camera at once.

``say_clocks(looks, timezone) -> sentence``.
"""

import datetime
import itertools
from collections.abc import Mapping

import numpy as np

from ngcmos.night.folder import evening_of
from ngcmos.season.seen import Look

MOST_NAMED = 3
_JD_OF_UNIX = 2440587.5
_S_A_DAY = 86400.0


def say_clocks(looks: Mapping[str, Look], timezone: str) -> str:
    """Which nights cannot have been taken when their frames say so; "" where all can.

    Parameters
    ----------
    looks : mapping of str to Look
        By the names of the nights in the season, which begin with YYYYMMDD.
    timezone : str
        Of the clocks on the wall.
    """
    timed = {name: look for name, look in looks.items() if np.isfinite(look.first_jd)}
    evenings = {name: evening_of_look(look, timezone) for name, look in timed.items()}
    told = [f"{name} holds frames of the evening of {one}" for name, one in evenings.items() if one != name[:8]]
    told += [f"{one} and {other} were taken by one camera at once" for one, other in _at_once(timed)]
    if not told:
        return ""
    more = f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return f"{'; '.join(told[:MOST_NAMED])}{more}: a clock is off, or a folder has another night's name or frames"


def evening_of_look(look: Look, timezone: str) -> str:
    """YYYYMMDD of the evening of the middle of a night; "" where its frames have no times."""
    middle = 0.5 * (look.first_jd + look.last_jd)
    if not np.isfinite(middle):
        return ""
    moment = datetime.datetime.fromtimestamp((middle - _JD_OF_UNIX) * _S_A_DAY, datetime.UTC)
    return evening_of(moment, timezone)


def _at_once(looks: Mapping[str, Look]) -> list[tuple[str, str]]:
    """Pairs of nights of one camera that follow each other and overlap."""
    by_start = sorted(looks.items(), key=lambda one: (one[1].camera, one[1].first_jd))
    return [
        (name, other)
        for (name, look), (other, later) in itertools.pairwise(by_start)
        if look.camera == later.camera and later.first_jd < look.last_jd
    ]
