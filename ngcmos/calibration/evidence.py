"""Whether bias and flat are those of the frames, by the pixels: the pattern that they take away must be there.

Files that a program has turned or mirrored, masters of another chip and frames that were calibrated before look
right by every card. ``find_share(image, pattern)`` is how much of a pattern an image holds, ``judge_pattern(...)``
what is wrong with it, if anything.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from ngcmos.arrays import Counts, Floats32
from ngcmos.stats import mad_sigma

SIDE_PX = 1024  # of the square in the middle that is looked at
STAR_SIGMA = 4.0  # what stands out further is a star, or a pixel that is hot
MEDIAN_NOISE = np.pi / 2  # variance of the median of many, in that of their mean
SURE_SIGMA, LOST_SHARE = 8.0, 0.4  # a pattern is lost where less than this share of what is expected is found
SPOT_REACH_PX, SPOT_SIGMA, SPOT_EXCESS = 6, 4.0, 0.008  # a spot is brighter than so far away by both of these,
SPOT_PX = 3, 80  # smoothed over 3 px, of so many pixels at least and at most
FEWEST_SPOTS = 6
TURNS: Mapping[str, Callable[[Floats32], Floats32]] = {
    "turned by 180 deg": lambda image: image[::-1, ::-1],
    "mirrored top to bottom": lambda image: image[::-1],
    "mirrored left to right": lambda image: image[:, ::-1],
    "turned by 90 deg": np.rot90,
    "turned by 270 deg": lambda image: np.rot90(image, 3),
    "mirrored at the diagonal": lambda image: image.T,
    "mirrored at the other diagonal": lambda image: image[::-1, ::-1].T,
}


@dataclasses.dataclass(frozen=True)
class Share:
    """How much of a pattern an image holds, 1 is all of it, and the error of that."""

    value: float
    error: float


def middle_of(image: Counts) -> Floats32:
    """The square in the middle of an image, which turns and mirrors lay upon itself."""
    side = min(SIDE_PX, *image.shape)
    top, left = ((length - side) // 2 for length in image.shape)
    return image[top : top + side, left : left + side].astype(np.float32)


def fine_structure(image: Floats32) -> Floats32:
    """Each pixel less the mean of its four neighbours; the rim is left off."""
    around = image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]
    fine: Floats32 = image[1:-1, 1:-1] - around / np.float32(4)
    return fine


def find_share(image: Floats32, pattern: Floats32) -> Share:
    """The Share of a pattern in an image, both as of `fine_structure`; stars and hot pixels do not count."""
    noise, own = mad_sigma(image[::4, ::4]), mad_sigma(pattern[::4, ::4])
    quiet = (np.abs(image) < STAR_SIGMA * noise) & (np.abs(pattern) < STAR_SIGMA * own)
    seen, known = image[quiet], pattern[quiet]
    power = float(np.dot(known, known))
    if not power > 0:
        return Share(np.nan, np.inf)
    return Share(float(np.dot(seen, known)) / power, float(seen.std()) / np.sqrt(power))


def count_spots(flat: Floats32) -> int:
    """Spots of a flat as wide as stars and brighter than what lies around: stars that all its frames had there.

    Dust is darker, and single pixels that answer more are no spot. 0 where there are too few bright pixels for
    `FEWEST_SPOTS`.
    """
    image = middle_of(flat)
    near = np.maximum(_smoothed(image), np.float32(0.1))
    sides = [np.roll(near, step, axis) for axis in (0, 1) for step in (-SPOT_REACH_PX, SPOT_REACH_PX)]
    around = np.max(sides, axis=0)  # brighter than to every side, as no rim of dust is
    limit = max(SPOT_SIGMA * mad_sigma((near / sides[0])[::4, ::4]), SPOT_EXCESS)
    bright = (near / around - 1 > limit) & (image / around - 1 > limit)
    if np.count_nonzero(bright) < FEWEST_SPOTS * SPOT_PX[0]:
        return 0  # nearly every flat: nothing has to be loaded for it
    from scipy.ndimage import label

    groups, count = label(bright)
    sizes = np.bincount(groups.ravel(), minlength=count + 1)[1:]
    return int(np.count_nonzero((sizes >= SPOT_PX[0]) & (sizes <= SPOT_PX[1])))


def _smoothed(image: Floats32) -> Floats32:
    """Each pixel the mean of the 3 x 3 px around it."""
    wide = np.pad(image, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    mean: Floats32 = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)
    return mean


def judge_pattern(image: Floats32, pattern: Floats32, noise: float) -> str:
    """What is wrong with a pattern that an image should hold; "" where nothing is, or it cannot be told.

    Parameters
    ----------
    image, pattern : (n, n) arrays
        Of `middle_of`, in the same unit.
    noise : float
        Of a pixel of the pattern.

    Returns
    -------
    str
        How the image lies against the pattern, or "not there".
    """
    seen, known = fine_structure(image), fine_structure(pattern)
    spread = mad_sigma(known[::2, ::2])
    expected = 1 - 1.25 * noise**2 / spread**2 if spread > 0 else 0.0  # noise of the pattern is in no image
    share = find_share(seen, known)
    if (
        expected < LOST_SHARE
        or expected - share.value < SURE_SIGMA * share.error
        or share.value > LOST_SHARE * expected
    ):
        return ""
    for how, turn in TURNS.items():
        if find_share(seen, turn(known)).value > max(LOST_SHARE * expected, SURE_SIGMA * share.error):
            return how
    return "not there"
