"""How good each frame is: width and shape of its stars, sky, clouds; and one word for it.

``measure_shape(image, x, y)`` and ``sky_gradient(x, y, sky, shape)`` look at one frame;
``judge_frames(facts)`` compares the frames of a night and tells cloud, jump, slew, trail and twilight apart.
"""

import dataclasses

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from ngcmos.arrays import Bools, Floats, Ints, Reals, Shape
from ngcmos.config import QualityLimits
from ngcmos.names import Quality
from ngcmos.photometry.sky import pixels_around
from ngcmos.photometry.trails import TRAIL_SHARE
from ngcmos.sphere import sides_of
from ngcmos.stats import column_medians, median_of_known

FWHM_A_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
WINDOWS_PX = (1.5, 3.0, 6.0)  # sigma; a wider one where the stars fill it
FILLED = 0.6  # of the window's variance
REACH_SIGMA, RING_SIGMA = 4.0, 6.0
EXTINCTION_MAG = 0.1  # an airmass, in Tmag; only tells clouds from low altitude
CLEAR_QUANTILE = 0.9  # of the zero points of a night: stands for a clear sky
USUAL_LIMITS = QualityLimits()
NEIGHBOURS = 5  # frames before, whose median place a frame is compared with, and where their drift leads


@dataclasses.dataclass(frozen=True)
class StarShape:
    """Median width of the stars: geometric mean of both axes (pixels), and long over short axis; NaN unknown."""

    fwhm_px: float
    elongation: float


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Of each frame: transparency against a clear one, and a `Quality`."""

    transparency: Floats
    verdict: NDArray[np.str_]


def measure_shape(image: Reals, x: Floats, y: Floats, *, bad: Bools | None = None) -> StarShape:
    """Shape of the stars at these positions.

    Second moments under a round Gaussian window, whose part is taken off again: the inverse of the windowed
    moments is that of the star plus that of the window, for a Gaussian star of any shape. The median of each
    moment over the stars is deaf to neighbours.

    Parameters
    ----------
    image : (rows, columns) array
    x, y : (n,) arrays
        0-based pixels, good to a tenth of one.
    bad : bool array, optional
        Stars with such a pixel are left out.
    """
    shape = StarShape(np.nan, np.nan)
    for sigma in WINDOWS_PX:
        xx, xy, yy = _windowed_moments(image, x, y, sigma, bad)
        apart = np.hypot((xx - yy) / 2, xy)
        axes = (xx + yy) / 2 + np.array([-apart, apart])
        if axes[0] > 0 and axes[1] < sigma**2:
            short, long = np.sqrt(1 / (1 / axes - 1 / sigma**2))
            shape = StarShape(float(FWHM_A_SIGMA * np.sqrt(short * long)), float(long / short))
            if axes[1] < FILLED * sigma**2:
                break
    return shape


def _windowed_moments(image: Reals, x: Floats, y: Floats, sigma: float, bad: Bools | None) -> Floats:
    """Median second moments (xx, xy, yy) under a Gaussian window; NaN where no star fits the image."""
    reach, ring = REACH_SIGMA * sigma, RING_SIGMA * sigma
    inside = (x >= ring) & (x < image.shape[1] - ring) & (y >= ring) & (y < image.shape[0] - ring)
    x, y = x[inside], y[inside]
    index, distance = pixels_around(image.shape, x, y, ring)
    values = image.reshape(-1)[index].astype(float)
    if bad is not None:
        values[bad.reshape(-1)[index]] = np.nan
    around = np.where((distance > reach) & (distance <= ring), values, np.nan)
    known = np.isfinite(around).any(axis=1)
    if not known.any():
        return np.full(3, np.nan)
    level = column_medians(around[known].T)
    row, column = np.divmod(index[known], image.shape[1])
    dx, dy = column - x[known, None], row - y[known, None]
    near = distance[known] <= reach
    weight = np.where(near, np.exp(-0.5 * (distance[known] / sigma) ** 2) * (values[known] - level[:, None]), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        moments = np.stack([(weight * product).sum(axis=1) for product in (dx * dx, dx * dy, dy * dy)])
        moments /= weight.sum(axis=1)
    good = np.isfinite(moments).all(axis=0)
    return np.median(moments[:, good], axis=1) if good.any() else np.full(3, np.nan)


def sky_gradient(x: Floats, y: Floats, sky: Floats, shape: Shape) -> float:
    """Relative change of the sky over the chip along its steepest direction: a plane through the stars' skies.

    By plain sums: linear algebra libraries give other last digits on another number of cores.
    """
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(sky)
    level = np.median(sky[known]) if known.any() else np.nan
    if known.sum() < 3 or not level > 0:
        return np.nan
    across, up, sky = x[known] / shape[1], y[known] / shape[0], sky[known]
    across, up, sky = across - across.mean(), up - up.mean(), sky - sky.mean()
    xx, xy, yy = (across * across).sum(), (across * up).sum(), (up * up).sum()
    xs, ys, determinant = (across * sky).sum(), (up * sky).sum(), xx * yy - xy**2
    if determinant <= 0:
        return np.nan
    return float(np.hypot(xs * yy - ys * xy, ys * xx - xs * xy) / determinant / level)


def clear_zero_point(zp: ArrayLike, airmass: ArrayLike) -> float:
    """Zero point of a clear frame in the zenith: that which a tenth of all exceed; NaN where none is known.

    Parameters
    ----------
    zp, airmass : arrays
        Of all frames of a night; NaN where unknown.
    """
    zenith = _in_zenith(zp, airmass)
    known = zenith[np.isfinite(zenith)]
    return float(np.quantile(known, CLEAR_QUANTILE)) if known.size else np.nan


def transparency_of(zp: ArrayLike, airmass: ArrayLike, clear_zp: float) -> Floats:
    """Share of the light of a clear frame at the same airmass that came through; NaN where unknown."""
    light: Floats = 10 ** (0.4 * (_in_zenith(zp, airmass) - clear_zp))
    return light


def find_clouds(transparency: Floats, stars_seen: Floats, limits: QualityLimits = USUAL_LIMITS) -> Bools:
    """Whether each frame of a field is cloudy: by its light, or by the stars it shows against those usual.

    Parameters
    ----------
    transparency : array
        Of `transparency_of`; NaN where unknown.
    stars_seen : array
        Number of stars, or their share; NaN where unknown.
    limits : ngcmos.config.QualityLimits
    """
    with np.errstate(invalid="ignore"):
        few = stars_seen < limits.cloud_stars * _usual(stars_seen)
        return few | (transparency < limits.cloud_transparency)


def _in_zenith(zp: ArrayLike, airmass: ArrayLike) -> Floats:
    air: Floats = np.nan_to_num(np.asarray(airmass, float), nan=1.0)
    return np.asarray(zp, float) + EXTINCTION_MAG * (air - 1.0)


def judge_frames(
    facts: Table, *, jump_px: float, limits: QualityLimits = USUAL_LIMITS, clear_zp: float | None = None
) -> Judged:
    """Judged frames of one field.

    Parameters
    ----------
    facts : Table
        A row a frame in time order, columns zp, airmass, elongation, sky, stars_seen, trail, place_x, place_y;
        NaN where unknown; and rotation_deg where it is known, as frames of
        another side do not say where one should be.
    jump_px : float
        A frame this far off the median place of those before, and of where their drift leads, has jumped.
    limits : ngcmos.config.QualityLimits
    clear_zp : float, optional
        Of `clear_zero_point` for all fields of the night; that of these frames by default.
    """
    column = {name: np.asarray(facts[name], float) for name in (*_COLUMNS, "stars_seen", "trail")}
    sides = sides_of(np.asarray(facts["rotation_deg"], float)) if "rotation_deg" in facts.colnames else None
    if clear_zp is None:
        clear_zp = clear_zero_point(column["zp"], column["airmass"])
    transparency = transparency_of(column["zp"], column["airmass"], clear_zp)
    usual = {name: _usual(column[name]) for name in ("elongation", "sky")}
    with np.errstate(invalid="ignore"):
        tests = [
            (Quality.TWILIGHT, column["sky"] > limits.twilight_sky * usual["sky"]),
            (Quality.JUMP, _jumps(column["place_x"], column["place_y"], sides) >= jump_px),
            (Quality.CLOUD, find_clouds(transparency, column["stars_seen"], limits)),
            (Quality.TRAIL, column["trail"] >= TRAIL_SHARE),
            (Quality.SLEW, column["elongation"] > limits.slew_elongation * usual["elongation"]),
        ]
    verdict = np.full(len(facts), Quality.GOOD, dtype=f"U{max(map(len, Quality))}")
    for name, holds in tests:  # the last that holds is the one that explains the others
        verdict[holds] = name
    return Judged(transparency, verdict)


_COLUMNS = ("zp", "airmass", "elongation", "sky", "place_x", "place_y")


def _usual(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return median_of_known(known) if known.size else np.nan


def _jumps(x: Floats, y: Floats, sides: Ints | None) -> Floats:
    """Distance of each frame from where those before it on its side lead; of the first two, those after."""
    away, sides = np.zeros(x.size), np.zeros(x.size, int) if sides is None else sides
    for side in range(sides.max(initial=0) + 1):
        here = np.flatnonzero(sides == side)
        for order, frame in enumerate(here):
            before, after = here[max(0, order - NEIGHBOURS) : order], here[order + 1 : order + 1 + NEIGHBOURS]
            near = before if order > 1 or not after.size else after
            away[frame] = np.hypot(_off(x, frame, near), _off(y, frame, near))
    known: Floats = np.nan_to_num(away)
    return known


def _off(places: Floats, frame: np.intp, near: Ints) -> float:
    """How far a frame lies off the median of others, or off their slow drift, whichever is less; NaN unknown."""
    middle = _usual(places[near])
    if near.size < 2:
        return float(places[frame] - middle)
    drift = _usual(np.diff(places[near])) * (frame - np.median(near)) / max(np.median(np.diff(near)), 1)
    return float(min(abs(places[frame] - middle), abs(places[frame] - middle - drift)))
