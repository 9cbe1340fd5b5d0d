"""Which star dips: the target, or one of its neighbours whose light reaches into the target's aperture.

Three witnesses, where they are: the curves of the neighbours that are measured, how the depth of the target's dip
grows with its aperture, and where the centre of its light moves (`ngcmos.transits.centre`).
"""

import dataclasses
import enum

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.transits.centre import Motion

REACH_ARCSEC = 150.0  # as follow-up of candidates of TESS asks
MOST_DEPTH = 1.0  # nothing loses more than all its light
CERTAIN_SIGMA = 5.0
CLEARED_SIGMA = 3.0
CERTAIN_CHI2 = 12.0  # by which another star must tell the depths of the apertures better
HALF = 0.5  # of the expected light must be lost at least
DEPTH_ERROR = 0.05  # of a depth in another aperture: shapes of stars are not Gaussians


class Witness(enum.StrEnum):
    """What is known of a neighbour."""

    DIPS = "dips"
    CLEARED = "does not dip"
    TOO_FAINT = "too faint to make the depth"
    UNKNOWN = "could be it"


@dataclasses.dataclass(frozen=True, eq=False)
class Star:
    """A star near the target, or the target itself.

    Attributes
    ----------
    tic_id, gaia_id : int
    separation_arcsec : float
    tmag : float
    light : float
        All its light over that of the target.
    shares : (apertures,) array
        Light of it in the target's apertures, over the light of the target in them.
    x_px, y_px : float
        Place from that of the target; NaN where it is not known.
    depth, depth_err : float
        Share of its own light that it loses at the time of the target's dip; NaN where it has no curve.
    """

    tic_id: int
    gaia_id: int
    separation_arcsec: float
    tmag: float
    light: float
    shares: Floats
    x_px: float = float("nan")
    y_px: float = float("nan")
    depth: float = float("nan")
    depth_err: float = float("nan")


@dataclasses.dataclass(frozen=True)
class Checked:
    """A neighbour and what is known of it; `needed_depth` is what it must lose to make the target's dip."""

    star: Star
    needed_depth: float
    witness: Witness


def check_neighbours(
    neighbours: list[Star], depths: Floats, depth_errs: Floats, aperture: int, motion: Motion | None = None
) -> tuple[list[Checked], Star | None]:
    """(every neighbour and what is known of it, the neighbour that dips in place of the target or None).

    Parameters
    ----------
    neighbours : list of Star
    depths, depth_errs : (apertures,) arrays
        Of the target's dip in each aperture, as measured, with all light that is in it.
    aperture : int
        Index of the aperture in which the target's own curve is.
    motion : Motion or None
        How the centre of the target's light moved; None where that is not known.
    """
    errors = np.hypot(depth_errs, DEPTH_ERROR * np.abs(depths))
    total = 1 + sum((star.shares for star in neighbours), np.zeros(depths.size))
    moving = np.array([(star.x_px, star.y_px, star.light) for star in neighbours]).reshape(-1, 3)

    def misfit(dipping: int | None) -> float:
        """chi^2 of depths and of the motion if a neighbour (None: the target) is the one that dips."""
        shares = (1.0 if dipping is None else neighbours[dipping].shares) / total
        depth = _depth_of(shares, depths, errors)
        chi2 = float((((depths - depth * shares) / errors) ** 2).sum())
        return chi2 if motion is None else chi2 + motion.misfit(moving, dipping, depth)

    grown = {index: misfit(index) for index in range(len(neighbours))}
    own = misfit(None)
    best = min(grown, key=lambda index: grown[index], default=None)
    by_growth = best if best is not None and own - grown[best] > CERTAIN_CHI2 else None
    lost = float(depths[aperture] * total[aperture])
    checked = []
    for index, star in enumerate(neighbours):
        share = float(star.shares[aperture])
        needed = lost / share if share > 0 else np.inf
        checked.append(Checked(star, needed, _witness(star, needed, lost, index == by_growth)))
    culprits = [one for one in checked if one.witness is Witness.DIPS]
    worst = max(culprits, key=lambda one: np.nan_to_num(one.star.depth) * one.star.light, default=None)
    return checked, None if worst is None else worst.star


def check_expected(neighbours: list[Star], depth: float) -> tuple[list[Checked], Star | None]:
    """As `check_neighbours`, where the target does not dip: which star made the depth that others have seen?

    Parameters
    ----------
    neighbours : list of Star
        With their own dips at the expected time.
    depth : float
        As expected of the target.
    """
    checked = []
    for star in neighbours:
        needed = depth / star.light
        checked.append(Checked(star, needed, _witness(star, needed, HALF * depth, False)))
    culprits = [one.star for one in checked if one.witness is Witness.DIPS]
    return checked, max(culprits, key=lambda star: star.depth * star.light, default=None)


def _depth_of(shares: Floats, depths: Floats, errors: Floats) -> float:
    """Depth of a star of which apertures hold these shares, fitted to the depths in them between 0 and 1."""
    weight = shares / errors**2
    norm = float(weight @ shares)
    return float(np.clip(weight @ depths / norm, 0.0, MOST_DEPTH)) if norm > 0 else 0.0


def _witness(star: Star, needed: float, lost: float, grows: bool) -> Witness:
    """The verdict on a neighbour; its own curve is believed before the apertures of the target."""
    if np.isfinite(star.depth) and star.depth_err > 0:
        loses_more = star.depth * star.light > lost  # the light it loses, over that of the target
        if star.depth > CERTAIN_SIGMA * star.depth_err and loses_more:
            return Witness.DIPS
        if star.depth + CLEARED_SIGMA * star.depth_err < min(needed, MOST_DEPTH):
            return Witness.CLEARED
    if needed > MOST_DEPTH:
        return Witness.TOO_FAINT
    return Witness.DIPS if grows else Witness.UNKNOWN
