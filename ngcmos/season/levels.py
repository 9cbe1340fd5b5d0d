"""What the scale of a season is made of, what comes of it, and what it says of the stars."""

import dataclasses

from ngcmos.arrays import Bools, Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Levels:
    """How bright the stars were in the pointings of a season, in one aperture.

    Attributes
    ----------
    level, error : (pointings, stars) arrays
        Counts, and their relative standard error; NaN where a star was not seen.
    basis : (pointings, stars, terms) array
        1 and the terms of the surface; finite.
    mag : (stars,) array
    comparing : (pointings, stars) bool array
        Levels that may tell the surfaces.
    counting : (pointings,) bool array
        Pointings that count for the means; all of them where none does.
    """

    level: Floats
    error: Floats
    basis: Floats
    mag: Floats
    comparing: Bools
    counting: Bools


@dataclasses.dataclass(frozen=True, eq=False)
class StarTerms:
    """What a season says of its stars in one aperture: by these further pointings are put on its scale.

    Attributes
    ----------
    mean, weight : (stars,) arrays
        Counts, NaN for a star that was never seen; and their inverse relative variance.
    inflation : (stars,) array
        Scatter of the levels of stars of that magnitude over the expected one.
    excess : (stars,) array
        Scatter of a star beyond that of its like.
    scatter : (stars,) array
        That of its levels by their median; infinite where too few tell.
    constant : (stars,) bool array
        Told the surfaces.
    prior : (terms - 1,) array
        By how much the coefficients of the surfaces but the constant differ from pointing to pointing.
    """

    mean: Floats
    weight: Floats
    inflation: Floats
    excess: Floats
    scatter: Floats
    constant: Bools
    prior: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonSolution:
    """A season in one aperture; scatters and errors are relative.

    Attributes
    ----------
    surface : (pointings, terms) array
        Coefficients of the basis; NaN where no star tells.
    floor : (pointings,) array
        Scatter of a pointing beyond the errors of its levels.
    deviation, error : (pointings, stars) arrays
        Level over the model less 1, by surfaces that the star itself has not told, and its standard error with
        floor and inflation.
    unit : (pointings, stars) array
        Counts that are a relative flux of 1.
    chi2, freedom : (stars,) arrays
        Of the deviations of the pointings that count by these errors; freedom is 0 where nothing can be told.
    terms : StarTerms
    """

    surface: Floats
    floor: Floats
    deviation: Floats
    error: Floats
    unit: Floats
    chi2: Floats
    freedom: Floats
    terms: StarTerms
