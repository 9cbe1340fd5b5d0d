"""What is seen on an image and what the catalog knows there: the two lists that every plate solution compares."""

import dataclasses

from ngcmos.arrays import Bools, Floats, Ints


@dataclasses.dataclass(frozen=True, eq=False)
class Spots:
    """Things that shine on an image, brightest first: 0-based positions in pixels, and their flux."""

    x: Floats
    y: Floats
    flux: Floats

    def __len__(self) -> int:
        return len(self.x)


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceStars:
    """Catalog stars at the epoch of the frame: degrees and magnitudes, and which may enter the fit.

    Stars that are not `usable` (blends, doubtful positions) still help to recognise the field.
    """

    ra: Floats
    dec: Floats
    mag: Floats
    usable: Bools

    def __post_init__(self) -> None:
        if len({len(column) for column in (self.ra, self.dec, self.mag, self.usable)}) != 1:
            raise ValueError("the columns of the reference stars must be of one length")

    def only(self, kept: Ints | Bools) -> "ReferenceStars":
        """Some of them."""
        return ReferenceStars(self.ra[kept], self.dec[kept], self.mag[kept], self.usable[kept])


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Stars that were found on an image: 0-based pixels, and degrees by the catalog."""

    x: Floats
    y: Floats
    ra: Floats
    dec: Floats

    def __len__(self) -> int:
        return len(self.x)

    def only(self, kept: Ints | Bools) -> "Pairs":
        """Some of them."""
        return Pairs(self.x[kept], self.y[kept], self.ra[kept], self.dec[kept])
