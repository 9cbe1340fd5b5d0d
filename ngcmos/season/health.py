"""The telescope over the nights of a season: focus, zero point, pointing, sky, precision; steps in such numbers.

``read_numbers(folder, shape) -> [NightNumbers, ...]``; ``find_steps(values, floor=...) -> [Step, ...]``.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Shape
from ngcmos.names import Quality
from ngcmos.photometry.quality import clear_zero_point
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.summary import read_parts, star_keys
from ngcmos.stats import column_medians

FEWEST_BEFORE, MOST_BEFORE = 6, 30  # nights that a step is held against
CHANCE = 1e-4  # that two quiet nights seem to be a step
NORMAL_LIMIT = 3.89  # sigma which a normal deviate passes by that chance; Student's t needs more
EACH_SIGMA = 2.0  # that either of the two nights must be off by itself
BRIGHTEST = 50
CLEAR_SHARE = 0.7  # of the frames that must be free of cloud for a zero point
_PARTS = ("night", "frames", "stars", "pointing", "place", "rms", "variable")


@dataclasses.dataclass(frozen=True)
class NightNumbers:
    """Numbers of a field in a night; NaN where unknown.

    Attributes
    ----------
    night : str
        YYYYMMDD.
    fwhm_px, sky : float
        Medians of the frames.
    clear_zp : float
        Zero point of a clear frame in the zenith; NaN where the night was clouded.
    precision : float
        What bright constant stars scatter by from frame to frame, relative flux.
    off_x_px, off_y_px : float
        How far the stars lay from where they lie in the middle of all nights.
    """

    night: str
    fwhm_px: float
    sky: float
    clear_zp: float
    precision: float
    off_x_px: float
    off_y_px: float


@dataclasses.dataclass(frozen=True, eq=False)
class NightHealth:
    """A night by itself: its numbers, which do not tell yet how far it was off, and where its stars lay.

    Attributes
    ----------
    numbers : NightNumbers
    keys : (stars,) int array
        As of `ngcmos.season.summary.star_keys`.
    place : (stars, 2) array
        FITS pixels, in most of its frames.
    """

    numbers: NightNumbers
    keys: Ints
    place: Floats


@dataclasses.dataclass(frozen=True)
class Step:
    """A number that has changed for good: at which place of its series, from what to what, how sure in sigma."""

    at: int
    before: float
    after: float
    sigma: float


def find_steps(values: Floats, *, floor: float) -> list[Step]:
    """Steps in a series of nights, each sure at its second night.

    The mean of two nights that follow each other is held against up to 30 nights before them, by Student's t, so
    that few nights before make it cautious. After a step only the nights since then count.

    Parameters
    ----------
    values : (n,) array
        NaN where unknown: such nights are passed over.
    floor : float
        Least scatter from night to night that is believed.
    """
    known = np.flatnonzero(np.isfinite(values))
    start, steps = 0, []
    for second in range(1, known.size):
        before = values[known[max(start, second - 1 - MOST_BEFORE) : second - 1]]
        if before.size < FEWEST_BEFORE:
            continue
        pair = values[known[second - 1 : second + 1]]
        step = _step_of(before, pair, floor)
        if step is not None:
            steps.append(Step(int(known[second - 1]), *step))
            start = second - 1
    return steps


def _step_of(before: Floats, pair: Floats, floor: float) -> tuple[float, float, float] | None:
    """(before, after, sigma) where a pair of nights is off; None where it is not."""
    usual, sigma = float(before.mean()), max(float(before.std(ddof=1)), floor)
    off = (pair - usual) / sigma
    together = float(off.mean()) / np.sqrt(1 / 2 + 1 / before.size)
    if abs(together) < NORMAL_LIMIT or (np.sign(together) * off).min() < EACH_SIGMA:
        return None
    from scipy.special import stdtrit  # a fifth of a second to import, and few series have a step

    limit = -stdtrit(before.size - 1, CHANCE / 2)
    return None if abs(together) < limit else (usual, float(pair.mean()), abs(together))


def read_numbers(
    folder: SeasonFolder, shape: Shape, known: Mapping[str, NightHealth] = MappingProxyType({})
) -> list[NightNumbers]:
    """The numbers of all nights of a season, in order.

    Parameters
    ----------
    folder : SeasonFolder
    shape : (rows, columns)
        Of the chip: on a flipped night the sky lies turned about its middle.
    known : mapping of str to NightHealth
        By names of nights, what was read of them already.

    Raises
    ------
    ProductError
        A file is damaged.
    """
    own = [name for name in folder.nights() if "_" not in name]  # those of other telescopes are no measure of this
    paths = {name: folder.summary(name) for name in own}
    nights = [
        known[name] if name in known else health_of_night(read_parts(path, _PARTS))
        for name, path in paths.items()
        if path.is_file()
    ]
    off = _offsets([night.place for night in nights], [night.keys for night in nights], shape)
    return [
        dataclasses.replace(night.numbers, off_x_px=float(x), off_y_px=float(y))
        for night, (x, y) in zip(nights, off, strict=True)
    ]


def health_of_night(parts: Mapping[str, Any]) -> NightHealth:
    """The NightHealth of the parts of a night's summary, see `ngcmos.season.summary.read_parts`."""
    return NightHealth(_numbers_of(parts), star_keys(parts["stars"]), parts["place"][_main_pointing(parts)])


def _main_pointing(night: Mapping[str, Any]) -> int:
    """That of most frames."""
    return int(np.bincount(night["pointing"]).argmax()) if night["pointing"].size else 0


def _numbers_of(night: Mapping[str, Any]) -> NightNumbers:
    measured = night["frames"][: night["pointing"].size]
    clouded = measured["quality"] == Quality.CLOUD.value.encode()
    good = measured[~clouded]
    middles = {name: _middle(good[name].astype(float)) for name in ("fwhm_px", "sky")}
    clear = clear_zero_point(good["zp"].astype(float), good["airmass"].astype(float))
    return NightNumbers(
        night=str(night["night"]),
        clear_zp=clear if measured.size and 1 - clouded.mean() >= CLEAR_SHARE else np.nan,
        precision=_precision(night),
        off_x_px=np.nan,
        off_y_px=np.nan,
        **middles,
    )


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _precision(night: Mapping[str, Any]) -> float:
    """Scatter of the brightest stars that do not vary, in the middle aperture."""
    aperture, pointing = len(night["rms"]) // 2, _main_pointing(night)
    rms, varies = night["rms"][aperture, pointing].astype(float), night["variable"][aperture, pointing]
    order = np.argsort(night["stars"]["Tmag"], kind="stable")
    quiet = order[(np.isfinite(rms) & ~varies)[order]]
    return _middle(rms[quiet[:BRIGHTEST]])


def _offsets(places: Sequence[Floats], keys: Sequence[Any], shape: Shape) -> Floats:
    """(nights, 2) median distance of the stars of each night from their usual places, x and y."""
    if not places:
        return np.zeros((0, 2))
    every = np.unique(np.concatenate(keys))
    cube = np.full((len(places), every.size, 2), np.nan)
    for night, (own, place) in enumerate(zip(keys, places, strict=True)):
        cube[night, np.searchsorted(every, own)] = place
    reference = cube[int(np.isfinite(cube[..., 0]).sum(axis=1).argmax())]
    turned = np.array([_is_turned(night, reference) for night in cube])
    cube[turned] = np.array([shape[1] + 1.0, shape[0] + 1.0]) - cube[turned]
    usual = np.stack([column_medians(cube[..., axis]) for axis in (0, 1)], axis=-1)
    return np.stack([column_medians((cube[..., axis] - usual[:, axis]).T) for axis in (0, 1)], axis=-1)


def _is_turned(place: Floats, reference: Floats) -> bool:
    """Whether the sky lies turned by about 180 degrees."""
    both: Bools = np.isfinite(place[:, 0]) & np.isfinite(reference[:, 0])
    if not both.any():
        return False
    one, other = (values[both] - values[both].mean(axis=0) for values in (place, reference))
    return bool((one * other).sum() < 0)
