"""Raw counts that cannot be right: wrapped around, clipped below saturation, below the bias, not read out.

``believable_counts(raw, bias_adu, saturation_adu)`` tells which counts of a frame can be believed, and what is
wrong with the others; ``tell_counts(faults)`` and ``tell_colour(patterns)`` are one line about a field each.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Bools, Counts
from ngcmos.stats import mad_sigma

FEWEST_CLIPPED_PX = 5  # at the largest count, half of them side by side, are no chance
STAR_SIGMA = 50.0  # above the sky: a clipped count is one of stars
BELOW_BIAS_SIGMA = 10.0
WRAPPED_SIGMA = 20.0  # below zero
BRIGHT_ADU = 4096  # beside a count that was wrapped into the negative lies a bright one
HIGH_ADU, MIDDLE_ADU = 49152, 16384  # of 65536: a star has four times as many counts between them as above both
WRAPPED_SHARE = 0.001  # of the pixels
EMPTY_SHARE = 0.2  # as many counts between, of those above
LOW_SHARE = 0.1
UNREAD_SHARE, UNREAD_SIGMA = 0.005, 10.0  # of the pixels; below the others
NO_PATTERN = ("none", "mono", "monochrome")
_SAMPLE = 8  # every so manieth pixel of both axes tells the sky


@dataclasses.dataclass(frozen=True)
class Believable:
    """Counts from `low` on and below `high` can be believed; `fault` says what is wrong with others, if any."""

    low: float = -np.inf
    high: float = np.inf
    fault: str = ""


ALL_BELIEVABLE = Believable()


def believable_counts(raw: Counts, bias_adu: float | None, saturation_adu: float) -> Believable:
    """What can be believed of a frame.

    Parameters
    ----------
    raw : (rows, columns) array
        Counts of the camera.
    bias_adu : float or None
        Its zero level; None where it is not known.
    saturation_adu : float
        That of the profile.
    """
    sample = raw[::_SAMPLE, ::_SAMPLE]
    sky, sigma = float(np.median(sample)), max(mad_sigma(sample), 1.0)
    if bias_adu is not None and sky < bias_adu - BELOW_BIAS_SIGMA * sigma:
        return Believable(np.inf, fault=f"the sky lies below the bias of {bias_adu:.0f} ADU")
    lowest, highest = float(raw.min()), float(raw.max())
    if unread := _share_unread(raw, sample, lowest):
        return Believable(lowest + 0.5, fault=f"{unread:.0%} of the pixels hold {lowest:g}, not read out it seems")
    if lowest < -WRAPPED_SIGMA * sigma and _lies_in_stars(raw, raw < -WRAPPED_SIGMA * sigma):
        return Believable(-WRAPPED_SIGMA * sigma, fault="bright counts are negative, wrapped around it seems")
    if highest > HIGH_ADU and _is_wrapped_up(raw[::2, ::2], saturation_adu):
        return Believable(high=HIGH_ADU, fault=f"dark counts lie above {HIGH_ADU}, negative ones it seems")
    if sky + STAR_SIGMA * sigma < highest < saturation_adu and _is_clipped(raw == highest):
        return Believable(high=highest, fault=f"counts stop at {highest:.0f}, saturation is {saturation_adu:g}")
    return ALL_BELIEVABLE


def _share_unread(raw: Counts, sample: Counts, lowest: float) -> float:
    """Share of the pixels that all hold the lowest count, far below the others; 0 where it is that of a few."""
    others = sample[sample > lowest]
    if np.mean(sample == lowest) < UNREAD_SHARE / 2 or not others.size:  # of nearly all frames: one look tells
        return 0.0
    is_far = lowest < np.median(others) - UNREAD_SIGMA * max(mad_sigma(others), 1.0)
    share = float(np.mean(raw == lowest))
    return share if is_far and share >= UNREAD_SHARE else 0.0


def _lies_in_stars(raw: Counts, negative: Bools) -> bool:
    """Whether any of these pixels has a bright one beside it."""
    rows, columns = np.nonzero(negative)
    for row, column in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beside_row = np.clip(rows + row, 0, raw.shape[0] - 1)
        beside_column = np.clip(columns + column, 0, raw.shape[1] - 1)
        if (raw[beside_row, beside_column] > BRIGHT_ADU).any():
            return True
    return False


def _is_wrapped_up(sample: Counts, saturation_adu: float) -> bool:
    """Whether counts lie at the top without a slope of stars that leads there, and most others at the bottom."""
    if np.count_nonzero(sample > HIGH_ADU) <= WRAPPED_SHARE * sample.size:  # of nearly all frames: one look tells
        return False
    high = np.count_nonzero((sample > HIGH_ADU) & (sample < saturation_adu))
    middle = np.count_nonzero((sample > MIDDLE_ADU) & (sample <= HIGH_ADU))
    low = np.count_nonzero(sample <= MIDDLE_ADU)
    return bool(
        high > WRAPPED_SHARE * sample.size and middle < EMPTY_SHARE * high and low > LOW_SHARE * sample.size
    )


def _is_clipped(at_top: Bools) -> bool:
    """Whether so many pixels hold the largest count, most of them side by side, that stars were cut off there."""
    rows, columns = np.nonzero(at_top)
    if rows.size < FEWEST_CLIPPED_PX:
        return False
    beside = np.zeros(rows.size, bool)
    for row, column in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        there_row, there_column = rows + row, columns + column
        inside = (there_row >= 0) & (there_row < at_top.shape[0])
        inside &= (there_column >= 0) & (there_column < at_top.shape[1])
        beside[inside] |= at_top[there_row[inside], there_column[inside]]
    return bool(beside.mean() >= 0.5)


def tell_counts(faults: Sequence[str]) -> str:
    """One line of the faults of a field's frames ("" for a good one); "" where none has any."""
    kinds = Counter(fault for fault in faults if fault)
    told = [f"{fault} (in {count} of {len(faults)} frames)" for fault, count in kinds.most_common()]
    return f"{'; '.join(told)}; stars with such counts are flagged saturated" if told else ""


def tell_colour(patterns: Sequence[str]) -> str:
    """One line where frames say they are of a colour camera; "" where none does."""
    coloured = [pattern for pattern in patterns if pattern and pattern.lower() not in NO_PATTERN]
    if not coloured:
        return ""
    told = f"BAYERPAT is {coloured[0]} in {len(coloured)} of {len(patterns)} frames"
    return f"{told}: a colour camera, whose pixels see three filters; apertures mix them"
