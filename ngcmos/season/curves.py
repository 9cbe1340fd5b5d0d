"""The light curves of a night on the scale of its season.

``relative_curves(summary, columns, scale) -> NightCurves`` divides the counts of each star, in the aperture the
season has chosen for it, by what its frame let through, by the surface of its pointing and by its mean.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats, Reals
from ngcmos.config import Camera
from ngcmos.lightcurves.cube import DOUBTFUL, SPOILT
from ngcmos.season.nightly import OUTLIER_SIGMA, leverage, point_variance, share_variance, shares
from ngcmos.season.read import FieldNight
from ngcmos.season.summary import NightSummary, air_scatter, star_basis


@dataclasses.dataclass(frozen=True, eq=False)
class Scale:
    """What a season says of the stars of one night, in the order of the night.

    Attributes
    ----------
    radius_px : (stars,) array
        Of the aperture.
    unit : (pointings, stars) array
        Counts that are a relative flux of 1; NaN where nothing tells.
    """

    radius_px: Floats
    unit: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class NightCurves:
    """(frames, stars) float32 relative flux and its standard error, NaN where nothing is known."""

    flux: Reals
    error: Reals


def relative_curves(night: FieldNight, summary: NightSummary, scale: Scale, camera: Camera) -> NightCurves:
    """The curves of all stars of a night.

    Parameters
    ----------
    night : FieldNight
        The table that `summary` was made of.
    summary : NightSummary
    scale : Scale
    camera : ngcmos.config.Camera
    """
    flux, error = np.full((2, *night.columns["x"].shape), np.nan, np.float32)
    trusted = (night.columns["flags"] & DOUBTFUL) == 0
    air2 = (air_scatter(night.measured, camera) ** 2).astype(np.float32)[:, None]
    for pointing, place in enumerate(summary.place):
        frames = np.flatnonzero(summary.pointing == pointing)
        basis = star_basis(summary.stars, place, camera.detector.shape)
        for radius in np.unique(scale.radius_px):
            aperture, stars = night.radii.index(radius), np.flatnonzero(scale.radius_px == radius)
            cell = np.ix_(frames, stars)
            through = shares(summary.share[aperture, frames], basis[stars])
            unit = through * scale.unit[pointing, stars].astype(np.float32)
            relative = night.columns[f"flux_{radius:g}"][cell] / unit
            counted = (night.columns[f"fluxerr_{radius:g}"][cell] / unit) ** 2 + air2[frames]
            variance = point_variance(
                counted, summary.inflation[aperture, pointing, stars], summary.jitter[aperture, frames]
            )
            shared = share_variance(summary.covariance[aperture, frames], basis[stars]) / through**2
            level = (summary.level[aperture, pointing, stars] / scale.unit[pointing, stars]).astype(np.float32)
            say = summary.say[aperture, pointing, stars]
            told = np.where(trusted[cell], leverage(say, shared, variance), np.float32(0))
            flux[cell], taken = _without_itself(relative, level, np.sqrt(variance), told)
            error[cell] = np.sqrt((variance + shared) / (1 - taken))
    unknown = ~np.isfinite(flux) | ((night.columns["flags"] & SPOILT) != 0)
    flux[unknown], error[unknown] = np.nan, np.nan
    return NightCurves(flux, error)


def _without_itself(relative: Reals, level: Reals, error: Reals, told: Reals) -> tuple[Reals, Reals]:
    """(flux against shares that the star itself has not told, share of its deviation that they had taken up).

    Parameters
    ----------
    relative, error : (frames, stars) arrays
        Flux by the shares as they are, and its error.
    level : (stars,) array
        Mean of the night.
    told : (frames, stars) array
        Of `ngcmos.season.nightly.leverage`; wild points have told nothing.
    """
    away = relative - level
    taken = np.where(np.abs(away) <= OUTLIER_SIGMA * error, told, np.float32(0))
    return np.where(np.isfinite(away), level + away / (1 - taken), relative), taken
