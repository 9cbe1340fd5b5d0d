"""The light curve of one star over one or more nights, as fits and exports want it."""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints

DAY_S = 86400.0


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Points of a star in time order, all finite; arrays of one length.

    Attributes
    ----------
    bjd_tdb : array
        Mid exposure, days.
    flux, error : arrays
        Relative, about 1.
    airmass : array
    exptime_s : array
    night : int array
        Number of the night of a point, from 0.
    """

    bjd_tdb: Floats
    flux: Floats
    error: Floats
    airmass: Floats
    exptime_s: Floats
    night: Ints

    def __post_init__(self) -> None:
        if len({len(values) for values in (*self.columns, self.night)}) != 1:
            raise ValueError("the columns of a light curve are of different lengths, expected one")

    def __len__(self) -> int:
        return len(self.bjd_tdb)

    @property
    def columns(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """The arrays in the order of the attributes, without `night`."""
        return self.bjd_tdb, self.flux, self.error, self.airmass, self.exptime_s

    def at(self, chosen: Bools | slice) -> "Curve":
        """The chosen points."""
        bjd_tdb, flux, error, airmass, exptime_s = (values[chosen] for values in self.columns)
        return Curve(bjd_tdb, flux, error, airmass, exptime_s, self.night[chosen])

    @property
    def nights(self) -> list[slice]:
        """Rows of each night."""
        starts = np.flatnonzero(np.diff(self.night, prepend=-1))
        return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(self)], strict=True)]


def join_nights(curves: list[Curve]) -> Curve:
    """One curve of those of single nights, in their order of time; nights without a point are left out."""
    ordered = sorted((curve for curve in curves if len(curve)), key=lambda curve: float(curve.bjd_tdb[0]))
    numbers = [np.full(len(curve), number) for number, curve in enumerate(ordered)]
    bjd_tdb, flux, error, airmass, exptime_s = (
        np.concatenate([curve.columns[index] for curve in ordered]) for index in range(5)
    )
    return Curve(bjd_tdb, flux, error, airmass, exptime_s, np.concatenate(numbers))


def bin_curve(curve: Curve, most_points: int) -> Curve:
    """The curve with means of neighbouring points of a night, where there are more than so many points in all."""
    length = int(np.ceil(len(curve) / most_points))
    if length <= 1:
        return curve
    starts = np.concatenate([np.arange(rows.start, rows.stop, length) for rows in curve.nights])
    last = np.append(starts[1:], len(curve)) - 1
    count = last - starts + 1
    origin = curve.bjd_tdb[0]  # sums of whole julian dates would lose digits
    bjd_tdb = origin + np.add.reduceat(curve.bjd_tdb - origin, starts) / count
    flux, airmass, exptime_s = (
        np.add.reduceat(values, starts) / count for values in (curve.flux, curve.airmass, curve.exptime_s)
    )
    error = np.sqrt(np.add.reduceat(curve.error**2, starts)) / count
    lasted_s = exptime_s + (curve.bjd_tdb[last] - curve.bjd_tdb[starts]) * DAY_S
    return Curve(bjd_tdb, flux, error, airmass, lasted_s, curve.night[starts])
