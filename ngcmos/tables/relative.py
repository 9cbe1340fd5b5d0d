"""One star back from `rel_phot_{field}.fits`, the light curves against comparison stars."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ngcmos.arrays import Floats
from ngcmos.errors import ProductError
from ngcmos.tables.table import table_checksum


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """The light curve of a star against its comparison stars; arrays of a number a frame of the photometry table.

    Attributes
    ----------
    flux, error : float arrays
        About 1.
    quality : str array
        Of the frames, a word of `ngcmos.names.Quality`; "" where nobody judged them.
    radius_px : float
        The aperture in which the star is the quietest.
    comparisons : float
        Effective number of comparison stars.
    variable : bool
        Whether it varies more than its like.
    """

    flux: Floats
    error: Floats
    quality: np.ndarray
    radius_px: float
    comparisons: float
    variable: bool


def read_qualities(path: Path, table: Path) -> list[str] | None:
    """Quality of each frame of the photometry table, a word of `ngcmos.names.Quality` ("" where nobody judged it).

    None where there are no curves of this table; arguments and errors as of `read_relative_star`.
    """
    if not path.exists():
        return None
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)
            frames, made_of = (units["REL_PHOT"].header.get(key) for key in ("NFRAMES", "PHOTSUM"))
            if made_of != table_checksum(table):
                return None
            return [str(word) for word in units["FRAMES"].data["quality"][:frames]]
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error


def read_relative_star(path: Path, table: Path, *, tic_id: int) -> Compared | None:
    """The curve of a star; None where there is none.

    All frames of a star follow each other, so the others are not read.

    Parameters
    ----------
    path, table : Path
        The light curves, and the photometry table; curves of an earlier table count as none.
    tic_id : int

    Raises
    ------
    ProductError
        One of the files is damaged.
    """
    if not path.exists():
        return None
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a truncated file
            frames, made_of = (units["REL_PHOT"].header.get(key) for key in ("NFRAMES", "PHOTSUM"))
            found = np.flatnonzero(units["STARS"].data["tic_id"] == tic_id)
            if made_of != table_checksum(table) or not found.size:
                return None
            rows = units["REL_PHOT"].data[found[0] * frames : (found[0] + 1) * frames]
            star = units["STARS"].data[found[0]]
            return Compared(
                flux=np.array(rows["Relative_Flux"], float),
                error=np.array(rows["Relative_Flux_err"], float),
                quality=np.array(units["FRAMES"].data["quality"][:frames], str),
                radius_px=float(star["radius_px"]),
                comparisons=float(star["comparisons"]),
                variable=bool(star["variable"]),
            )
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error
