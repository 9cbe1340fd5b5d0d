"""Plate solutions of ngcmos, told from those that a frame brought from elsewhere.

A camera program may write a WCS of its own; it is rough and says nothing of how well it fits. Only a header with
the version, the residual and the number of stars that ngcmos writes beside its solution counts as solved.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from astropy.io.fits import VerifyError

from ngcmos.arrays import Place
from ngcmos.astrometry.distortion import Solution
from ngcmos.astrometry.wcs_header import solution_from_header
from ngcmos.errors import UnsolvedError

REDUCTION_VERSION = 8  # the last of the earlier scripts wrote 7
FINGERPRINT_CARD = "SOLVSUM"


def own_solution(header: Mapping[str, Any], origin: Place = (0.0, 0.0)) -> Solution:
    """The plate solution that ngcmos wrote into a header, in pixels of the image whose first one is at `origin`.

    Raises
    ------
    UnsolvedError
        There is none, or only one that the frame brought.
    """
    try:
        version = header.get("REDVER")
    except VerifyError:
        version = None
    solution = solution_from_header(header)
    if version != REDUCTION_VERSION or not math.isfinite(solution.rms):
        raise UnsolvedError("not solved by ngcmos, the WCS in its header is another program's")
    at_x, at_y = solution.crpix
    return dataclasses.replace(solution, crpix=(at_x - origin[0], at_y - origin[1]))


def find_own_solution(header: Mapping[str, Any], origin: Place = (0.0, 0.0)) -> Solution | None:
    """The plate solution that ngcmos wrote into a header, None without one."""
    try:
        return own_solution(header, origin)
    except (UnsolvedError, VerifyError):
        return None


def solution_fingerprint(header: Mapping[str, Any]) -> str:
    """What a header says its plate solution was made of; "" where it does not say."""
    try:
        return str(header.get(FINGERPRINT_CARD, ""))
    except VerifyError:
        return ""
