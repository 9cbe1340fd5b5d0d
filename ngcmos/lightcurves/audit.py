"""Measured scatter against what the noise terms let expect: curves in bins, ratios by magnitude, one sentence.

``scatter_in_bins(curves, bins)``, ``audit(ratio, mag, points)`` -> [AuditBin], ``judge(bins)`` -> sentence or "";
``sky_ratio(...)`` and ``judge_sky(ratio)`` do the same for the pixels of the sky, which tell the gain better.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Ints, Reals
from ngcmos.config import Detector
from ngcmos.lightcurves.ensemble import Relative
from ngcmos.lightcurves.scatter import deviation_of, find_usual, mean_of, pulls_of
from ngcmos.photometry.noise import noise_area, noise_terms

MAG_EDGES = tuple(float(edge) for edge in range(5, 21))
LOWEST, HIGHEST = 0.9, 1.15  # ratios outside say that the detector's numbers, or the measurement, are wrong
SKY_LOWEST, SKY_HIGHEST = 0.95, 1.06  # faint stars add a little; a gain off by 20 % is off by 0.1
FEWEST_STARS = 5
ERRORS_OF_LEEWAY = 2.0  # few stars in few frames stray beyond the limits by chance
_ANY_RADIUS_PX = 5.0
WHOLE_SHARE = 0.5  # a bin with fewer of the usual frames is no whole one


@dataclasses.dataclass(frozen=True, eq=False)
class BinnedScatter:
    """Means of curves in bins.

    Attributes
    ----------
    means : (bins, stars) array
    measured, predicted : (stars,) arrays
        Their scatter.
    points : float
        Mean number of frames of a bin; NaN where there is none.
    """

    means: Floats
    measured: Floats
    predicted: Floats
    points: float


@dataclasses.dataclass(frozen=True)
class AuditBin:
    """Median measured over predicted scatter of the stars from `low` to `high` mag, and its own error."""

    low: float
    high: float
    stars: int
    ratio: float
    error: float = 0.0

    @property
    def is_good(self) -> bool:
        leeway = ERRORS_OF_LEEWAY * self.error
        return LOWEST - leeway <= self.ratio <= HIGHEST + leeway


def bin_curves(flux: Reals, bins: Ints) -> tuple[Floats, float]:
    """Means of curves in bins of frames.

    Parameters
    ----------
    flux : (frames, stars) array
        NaN where unknown.
    bins : (frames,) int array
        Of `ngcmos.lightcurves.series.assign_bins`.

    Returns
    -------
    means : (bins, stars) array
        Of the whole bins, those with at least half of the usual number of frames; NaN where a star has not half
        of them.
    points : float
        Mean number of frames of a whole bin; NaN where there is none.
    """
    number, length = np.unique(bins, return_counts=True)
    usual = np.max(length, initial=0)
    whole = number[length >= WHOLE_SHARE * usual]
    means = np.full((whole.size, flux.shape[1]), np.nan)
    for row, one in enumerate(whole):
        inside = flux[bins == one]
        count = np.isfinite(inside).sum(axis=0)
        enough = count >= WHOLE_SHARE * len(inside)
        np.divide(np.nansum(inside, axis=0, dtype=float), count, out=means[row], where=enough & (count > 0))
    points = float(length[length >= WHOLE_SHARE * usual].mean()) if whole.size else np.nan
    return means, points


def scatter_in_bins(curves: Relative, bins: Ints) -> BinnedScatter:
    """Scatter of the means of bins of frames, measured and predicted by the light of their own frames.

    Parameters
    ----------
    curves : Relative
    bins : (frames,) int array
        Of `ngcmos.lightcurves.series.assign_bins`.
    """
    means, points = bin_curves(curves.flux, bins)
    errors = np.sqrt(bin_curves(curves.error**2, bins)[0] / points)
    usual = find_usual(pulls_of(means, errors))
    in_bins, whole = (np.sqrt(mean_of(values**2)) for values in (np.where(usual, errors, np.nan), curves.error))
    measured = deviation_of(np.where(usual, means, np.nan))
    return BinnedScatter(means, measured, curves.predicted * in_bins / whole, points)


def audit(ratio: Floats, mag: Floats, points: int) -> list[AuditBin]:
    """AuditBin of each magnitude that has enough stars.

    A scatter by few points is too small by half of them more often than not: medians are divided by that of
    the chi distribution of `points` - 1 degrees of freedom. One star's scatter is known to
    1 / sqrt(2 (`points` - 1)), the median of n stars to sqrt(pi / 2n) of that.

    Parameters
    ----------
    ratio, mag : (stars,) arrays
        Measured over predicted scatter, NaN for stars that tell nothing; magnitude.
    points : int
        Of the series whose scatter was measured; at least 2.
    """
    freedom = max(points - 1, 1)
    usual = usual_scatter(freedom)
    found = []
    for low, high in itertools.pairwise(MAG_EDGES):
        inside = ratio[(mag >= low) & (mag < high) & np.isfinite(ratio)]
        if inside.size >= FEWEST_STARS:
            error = np.sqrt(np.pi / (4 * inside.size * freedom))
            found.append(AuditBin(low, high, int(inside.size), float(np.median(inside) / usual), float(error)))
    return found


def judge(audit_bins: Sequence[AuditBin]) -> str:
    """One sentence that names the magnitudes whose scatter is not the predicted one; "" where all is well."""
    wrong = [one for one in audit_bins if not one.is_good]
    if not wrong:
        return ""
    named = ", ".join(f"{one.ratio:.2f} at {one.low:g}-{one.high:g} mag" for one in wrong)
    return f"measured over predicted scatter is {named}, expected {LOWEST:g} to {HIGHEST:g}"


def sky_ratio(sky: Floats, sky_rms: Floats, exptime_s: Floats, detector: Detector) -> float:
    """Measured over predicted scatter of a pixel of the sky, the median of the frames; NaN where none is known.

    Parameters
    ----------
    sky, sky_rms, exptime_s : (frames,) arrays
        ADU per pixel, its scatter, seconds.
    detector : ngcmos.config.Detector
    """
    noise = noise_terms(0.0, sky, radius_px=_ANY_RADIUS_PX, detector=detector, exptime_s=exptime_s)
    ratio = sky_rms / np.sqrt(noise.total / noise_area(_ANY_RADIUS_PX))
    known = ratio[np.isfinite(ratio)]
    return float(np.median(known)) if known.size else np.nan


def judge_sky(ratio: float) -> str:
    """One sentence where the sky's pixels scatter otherwise than the profile says; "" where all is well."""
    if np.isnan(ratio) or SKY_LOWEST <= ratio <= SKY_HIGHEST:
        return ""
    return (
        f"pixels of the sky scatter {ratio:.2f} of what gain, read noise and dark say, expected {SKY_LOWEST:g} to "
        f"{SKY_HIGHEST:g}: one of them is wrong in the profile, or the zero level"
    )


def usual_scatter(freedom: ArrayLike) -> Floats:
    """Median of the measured over the true scatter of normal numbers of so many degrees of freedom."""
    from scipy.special import gammaincinv

    half = np.fmax(np.asarray(freedom, float), 1) / 2
    median: Floats = np.sqrt(gammaincinv(half, 0.5) / half)
    return median
