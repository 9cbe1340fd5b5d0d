"""The truth of a simulated field: what was put on the pixels, for tests to demand back.

`read_truth(base, field)` reads BASE/truth/truth_{field}.fits: tables STARS and FRAMES and images (frames, stars)
X, Y, ELECTRONS, SCINTILLATION, BJD. A season has BASE/truth/{night}/truth_{field}.fits for each night, and of
all nights BASE/truth/season_{field}.fits, tables STARS, FRAMES, NIGHTS: `read_season_truth(base, field)`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from ngcmos.errors import ProductError
from ngcmos.simulate.signals import Floats

FOLDER = "truth"
ARRAYS = ("x", "y", "electrons", "scintillation", "bjd")
SEASON_TABLES = ("stars", "frames", "nights")
Index = slice | Sequence[int] | NDArray[np.intp]


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
    """One field.

    Attributes
    ----------
    field : str
        What the names of its frames begin with.
    target : int
        TIC id of the star named in OBJECT; row 0 of `stars`.
    stars : Table
        One row a star with Tmag below the measured limit on or near the chip: tic_id, gaia_id (0: none), ra, dec
        (ICRS degrees at the epoch of the night), Tmag, Gmag, bp_rp (true ones), electrons_s (above the air),
        blended (as the catalog shows it), foreign (light of other stars centred within 6 px, relative), signal,
        amplitude, epoch_bjd, duration_d, period_d (see `ngcmos.simulate.signals.Signal`).
    frames : Table
        One row a file in time order: file, fault ("" for a good frame), measurable (whether its stars can and must
        be measured), date_obs (true start, UTC), jd_mid (UTC), exptime_s, filter, shift_x, shift_y (px against the
        first frame, in a season against the field's usual place), transparency, airmass, altitude_deg (at the
        start), sky_e (electrons per pixel in the centre), fwhm_px, flipped (the sky turned by 180 deg).
    x, y : ndarray (frames, stars)
        0-based pixels.
    electrons : ndarray (frames, stars)
        Expected in the whole star, vignetting divided out: extinction, transparency and signal, without noise,
        scintillation and saturation. 0 where a fault takes all light.
    scintillation : ndarray (frames, stars)
        The factor near 1 that the air put on top of `electrons`.
    bjd : ndarray (frames, stars)
        BJD_TDB of mid exposure.
    """

    field: str
    target: int
    stars: Table
    frames: Table
    x: Floats
    y: Floats
    electrons: Floats
    scintillation: Floats
    bjd: Floats

    @property
    def good(self) -> NDArray[np.intp]:
        """Rows of the frames without a fault."""
        return np.nonzero(np.asarray(self.frames["fault"]) == "")[0]

    def cut(self, *, frames: Index = slice(None), stars: Index = slice(None)) -> "Truth":
        """Of some frames and some stars alone, in that order."""
        arrays = {name: getattr(self, name)[frames][:, stars] for name in ARRAYS}
        return Truth(self.field, self.target, self.stars[stars], self.frames[frames], **arrays)

    def star(self, tic_id: int) -> int:
        """Row of a star."""
        return int(np.nonzero(np.asarray(self.stars["tic_id"]) == tic_id)[0][0])


def write_truth(folder: Path, truth: Truth) -> None:
    """Write truth_{field}.fits."""
    primary = fits.PrimaryHDU()
    primary.header["FIELD"] = truth.field
    primary.header["TARGET"] = truth.target
    units = [primary]
    for name in ("stars", "frames"):
        units.append(fits.BinTableHDU(getattr(truth, name), name=name.upper()))
    units += [fits.ImageHDU(getattr(truth, name), name=name.upper()) for name in ARRAYS]
    fits.HDUList(units).writeto(folder / f"truth_{truth.field}.fits", overwrite=True)


def read_truth(base: Path | str, field: str | None = None, *, night: str | None = None) -> Truth:
    """Truth of a field of the simulated night in folder `base`; without `field`, of the only one.

    Parameters
    ----------
    night : str, optional
        Of a season: the evening, YYYYMMDD.

    Raises
    ------
    ProductError
        There is no truth, or more than one and none named.
    """
    with fits.open(_only(Path(base) / FOLDER / (night or ""), "truth", field), memmap=False) as units:
        tables = {name: _table(units[name.upper()]) for name in ("stars", "frames")}
        arrays = {name: units[name.upper()].data.astype(np.float64) for name in ARRAYS}
        header = units[0].header
        return Truth(field=header["FIELD"], target=header["TARGET"], **tables, **arrays)


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonTruth:
    """One field through several nights.

    Attributes
    ----------
    field : str
    target : int
        TIC id of the star named in OBJECT.
    stars : Table
        As those of `Truth`, and `transits`: how many are half seen or more (of a binary: its first eclipses).
    frames : Table
        As those of `Truth`, of all nights in time order, and `night`, the evening.
    nights : Table
        One row a night: night, frames, clouded (frames), offset_x, offset_y (px), flip_frame (the first turned
        one; -1: none), moon (mean of `moon_light`), throughput, fwhm_px, slope (5 terms, see
        `ngcmos.simulate.illumination.uneven_factor`).
    """

    field: str
    target: int
    stars: Table
    frames: Table
    nights: Table


def write_season_truth(folder: Path, truth: SeasonTruth) -> None:
    """Write season_{field}.fits."""
    primary = fits.PrimaryHDU()
    primary.header["FIELD"], primary.header["TARGET"] = truth.field, truth.target
    tables = [fits.BinTableHDU(getattr(truth, name), name=name.upper()) for name in SEASON_TABLES]
    fits.HDUList([primary, *tables]).writeto(folder / f"season_{truth.field}.fits", overwrite=True)


def read_season_truth(base: Path | str, field: str | None = None) -> SeasonTruth:
    """Truth of a field of the simulated season in folder `base`; without `field`, of the only one.

    Raises
    ------
    ProductError
        There is no truth, or more than one and none named.
    """
    with fits.open(_only(Path(base) / FOLDER, "season", field), memmap=False) as units:
        tables = [_table(units[name.upper()]) for name in SEASON_TABLES]
        return SeasonTruth(units[0].header["FIELD"], units[0].header["TARGET"], *tables)


def _only(folder: Path, kind: str, field: str | None) -> Path:
    """The only file {kind}_{field}.fits of a folder."""
    found = sorted(folder.glob(f"{kind}_{field or '*'}.fits"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ProductError(f"{folder}: found {names}, expected one {kind}_{field or 'FIELD'}.fits")
    return found[0]


def _table(unit: fits.BinTableHDU) -> Table:
    table = Table.read(unit, character_as_bytes=False)
    table.meta.clear()
    return table
