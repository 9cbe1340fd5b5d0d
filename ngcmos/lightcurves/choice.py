"""Which stars may be compared with which: windows of magnitude, colour and place, stars to use and to leave out.

``Choice(brighter_mag=0.5, left_out=(2395685455587424512,))``; the default lets every star compare every other one.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Bools, Floats
from ngcmos.errors import UsageError

_WINDOWS = ("brighter_mag", "fainter_mag", "colour_mag", "box_px")


@dataclasses.dataclass(frozen=True)
class Choice:
    """What an observer asks of comparison stars.

    Attributes
    ----------
    brighter_mag, fainter_mag : float
        How much brighter and fainter (Tmag) than its star a comparison star may be.
    colour_mag : float
        How far its Gaia BP - RP may be from that of its star; a colour that is unknown does not count against it.
    box_px : float
        Side of the square around a star that its comparison stars lie in.
    only, left_out : tuple of int
        Gaia or TIC ids; where `only` has some, no other star compares.
    """

    brighter_mag: float = np.inf
    fainter_mag: float = np.inf
    colour_mag: float = np.inf
    box_px: float = np.inf
    only: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise UsageError where a window is no width."""
        for name in _WINDOWS:
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name):g}, expected a number from 0 on")

    @property
    def asked(self) -> dict[str, float | list[int]]:
        """What differs from the default, by name."""
        values = dataclasses.asdict(self)
        default = dataclasses.asdict(Choice())
        return {
            name: sorted(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != default[name]
        }

    def barred(self, stars: Table) -> Bools:
        """(stars,) which of them never compare others: blended ones too, but for those that were asked for."""
        listed = _have_ids(stars, self.only)
        never = ~listed if self.only else np.asarray(stars["blended"], bool)
        return never | _have_ids(stars, self.left_out)

    def allowed(self, mag: Floats, colour: Floats, x: Floats, y: Floats) -> Bools | None:
        """(stars, stars) whether each star (column) may be compared with each one (row); None: all with all."""
        if all(np.isinf(getattr(self, name)) for name in _WINDOWS):
            return None
        fainter = mag[None, :] - mag[:, None]
        redder = np.nan_to_num(np.abs(colour[None, :] - colour[:, None]))
        inside: Bools = (fainter >= -self.brighter_mag) & (fainter <= self.fainter_mag)
        inside &= redder <= self.colour_mag
        for place in (x, y):
            inside &= np.abs(place[None, :] - place[:, None]) <= self.box_px / 2
        return inside


EVERY_STAR = Choice()


def _have_ids(stars: Table, ids: tuple[int, ...]) -> Bools:
    wanted = [number for number in ids if number > 0]  # 0 stands for "no Gaia id"
    has: Bools = np.isin(np.asarray(stars["gaia_id"]), wanted) | np.isin(np.asarray(stars["tic_id"]), wanted)
    return has
