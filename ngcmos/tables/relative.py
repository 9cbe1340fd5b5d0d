"""One star back from `rel_phot_{field}.fits`, the light curves against comparison stars."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from ngcmos.arrays import Floats
from ngcmos.errors import ProductError
from ngcmos.stats import mad_sigma
from ngcmos.tables.table import table_checksum

LIKE_MAG, FEWEST_LIKE = 0.5, 10  # what counts as about as bright, and how many stars at least


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


def read_scatter(path: Path, *, tmag: float) -> Floats:
    """Scatter, from star to star in each frame, of the curves of stars about as bright that do not vary.

    Parameters
    ----------
    path : Path
        The light curves.
    tmag : float
        Stars within `LIKE_MAG` of it are taken, else the `FEWEST_LIKE` nearest to it.

    Returns
    -------
    (frames,) array
        Standard deviation of relative flux, robust.

    Raises
    ------
    ProductError
        The file is damaged.
    """
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)
            stars, frames = units["STARS"].data, units["REL_PHOT"].header["NFRAMES"]
            away = np.abs(np.asarray(stars["Tmag"], float) - tmag)
            away[np.asarray(stars["variable"], bool) | (np.asarray(stars["points"]) == 0)] = np.inf
            nearest = np.argsort(away)[: max(FEWEST_LIKE, int((away <= LIKE_MAG).sum()))]
            rows = units["REL_PHOT"].data
            like = [rows[star * frames : (star + 1) * frames] for star in nearest[np.isfinite(away[nearest])]]
            flux = np.array([one["Relative_Flux"] for one in like], float).reshape(len(like), frames)
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error
    return np.array([mad_sigma(column) for column in flux.T])


def read_variable(path: Path) -> list[int]:
    """TIC ids of the stars that vary by their curves, the brightest first; errors as of `read_scatter`."""
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)
            stars = units["STARS"].data
            varies = stars[np.asarray(stars["variable"], bool)]
            return [int(star["tic_id"]) for star in varies[np.argsort(varies["Tmag"])]]
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error


def read_comparisons(path: Path, table: Path, *, tic_id: int) -> Table | None:
    """Comparison stars of a star with their shares of the weight, the heaviest first; FITS pixels.

    None where there are no curves of this table, or they do not tell; arguments and errors as of
    `read_relative_star`.
    """
    if not path.exists():
        return None
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)
            if "COMPARISONS" not in units or units["REL_PHOT"].header.get("PHOTSUM") != table_checksum(table):
                return None
            rows = units["COMPARISONS"].data
            return Table(np.array(rows[rows["tic_id"] == tic_id]))
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error


def find_like(path: Path, *, tic_id: int, tmag: float) -> tuple[int, float]:
    """(TIC id, Tmag) of the other star nearest in brightness that does not vary; (0, NaN) if there is none."""
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)
            stars = units["STARS"].data
            calm = ~np.asarray(stars["variable"], bool) & (np.asarray(stars["points"]) > 0)
            others = stars[calm & (np.asarray(stars["tic_id"]) != tic_id)]
            if not len(others):
                return 0, float("nan")
            nearest = others[int(np.nanargmin(np.abs(np.asarray(others["Tmag"], float) - tmag)))]
            return int(nearest["tic_id"]), float(nearest["Tmag"])
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error
