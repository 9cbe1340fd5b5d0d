"""How the camera is set for a frame: filter, exposure time, gain and offset; and the chip that it makes of it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.simulate.detector import Chip, Image
from ngcmos.simulate.signals import Floats

MIDDLING_COLOUR = 0.95  # BP - RP, mag
RING_DEPTHS = (0.05, 0.09)
RING_RADII = (0.02, 0.06)  # of the chip's width


@dataclasses.dataclass(frozen=True)
class Setup:
    """One way to take frames.

    Attributes
    ----------
    filter : str
        For the card FILTER; no card where it is empty.
    exptime_s : float
        0: that of the plan.
    throughput : float
        Share of the light of stars of a middling colour, and of the sky, that passes the filter.
    colour_mag : float
        How much fainter a star looks that is 1 mag redder in BP - RP.
    rings : int
        Rings of dust that lie on the filter and in its flats, 5 to 9 % deep.
    gain : float
        Counts an electron relative to the profile's.
    offset_adu : float
        By which the zero level lies higher.
    cards : sequence of (keyword, value)
        Further cards of all frames of this setup, those of calibration too.
    """

    filter: str = ""
    exptime_s: float = 0.0
    throughput: float = 1.0
    colour_mag: float = 0.0
    rings: int = 0
    gain: float = 1.0
    offset_adu: float = 0.0
    cards: Sequence[tuple[str, str | float]] = ()

    def passing(self, colour: Floats) -> Floats:
        """Share of the light of stars of these BP - RP that passes."""
        return np.asarray(self.throughput * 10 ** (-0.4 * self.colour_mag * (colour - MIDDLING_COLOUR)))


PLAIN = Setup()


def chip_of(chip: Chip, setup: Setup, seed: int) -> Chip:
    """The chip as it answers in this setup; `seed` and the filter's name decide where the rings lie."""
    if setup.rings:
        rng = np.random.default_rng([seed, 16, *setup.filter.encode()])
        chip = dataclasses.replace(chip, response=chip.response * _rings(chip, setup.rings, rng))
    if setup.gain != 1 or setup.offset_adu:
        detector = dataclasses.replace(chip.detector, gain_e_adu=chip.detector.gain_e_adu / setup.gain)
        chip = dataclasses.replace(chip, detector=detector, bias_adu=chip.bias_adu + np.float32(setup.offset_adu))
    return chip


def _rings(chip: Chip, count: int, rng: np.random.Generator) -> Image:
    rows, columns = chip.detector.shape
    y, x = np.ogrid[:rows, :columns]
    passing = np.ones((rows, columns), np.float32)
    for _ in range(count):
        at_x, at_y = rng.uniform(0.15, 0.85, 2) * (columns, rows)
        distance = np.hypot(x - at_x, y - at_y) / (columns * rng.uniform(*RING_RADII))
        passing *= (1 - rng.uniform(*RING_DEPTHS) * ((distance > 0.5) & (distance < 1))).astype(np.float32)
    return passing


def different(setups: Sequence[Setup], *names: str) -> list[Setup]:
    """The first setup of each value of these attributes, in their order."""
    found = {tuple(getattr(setup, name) for name in names): setup for setup in reversed(setups)}
    return [found[key] for key in dict.fromkeys(tuple(getattr(setup, name) for name in names) for setup in setups)]
