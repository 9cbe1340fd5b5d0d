"""The truth of a simulated field: what was put on the pixels, for tests to demand back.

`read_truth(base, field)` reads BASE/truth/truth_{field}.fits: tables STARS and FRAMES and images (frames, stars)
X, Y, ELECTRONS, SCINTILLATION, BJD.
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
        (ICRS degrees at the epoch of the night), Tmag, Gmag (true ones), electrons_s (above the air), blended (as
        the catalog shows it), foreign (light of other stars centred within 6 px, relative), signal, amplitude,
        epoch_bjd, duration_d (see `ngcmos.simulate.signals.Signal`).
    frames : Table
        One row a file in time order: file, fault ("" for a good frame), measurable (whether its stars can and must
        be measured), date_obs (true start, UTC), jd_mid (UTC), exptime_s, shift_x, shift_y (px against the first
        frame), transparency, airmass, altitude_deg (at the start), sky_e (electrons per pixel in the centre),
        fwhm_px.
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


def write_truth(base: Path, truth: Truth) -> None:
    """Write BASE/truth/truth_{field}.fits."""
    primary = fits.PrimaryHDU()
    primary.header["FIELD"] = truth.field
    primary.header["TARGET"] = truth.target
    units = [primary]
    for name in ("stars", "frames"):
        units.append(fits.BinTableHDU(getattr(truth, name), name=name.upper()))
    units += [fits.ImageHDU(getattr(truth, name), name=name.upper()) for name in ARRAYS]
    path = base / FOLDER / f"truth_{truth.field}.fits"
    fits.HDUList(units).writeto(path, overwrite=True)


def read_truth(base: Path | str, field: str | None = None) -> Truth:
    """Truth of a field of the simulated night in folder `base`; without `field`, of the only one.

    Raises
    ------
    ProductError
        There is no truth, or more than one and none named.
    """
    found = sorted((Path(base) / FOLDER).glob(f"truth_{field or '*'}.fits"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ProductError(f"{Path(base) / FOLDER}: found {names}, expected one truth_{field or 'FIELD'}.fits")
    with fits.open(found[0], memmap=False) as units:
        tables = {name: _table(units[name.upper()]) for name in ("stars", "frames")}
        arrays = {name: units[name.upper()].data.astype(np.float64) for name in ARRAYS}
        header = units[0].header
        return Truth(field=header["FIELD"], target=header["TARGET"], **tables, **arrays)


def _table(unit: fits.BinTableHDU) -> Table:
    table = Table.read(unit, character_as_bytes=False)
    table.meta.clear()
    return table
