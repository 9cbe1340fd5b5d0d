"""All nights of a season put on one scale: which aperture each star gets, and what a flux of 1 is where.

``fit_season(summaries, shape) -> SeasonFit``. Each camera has terms of its own. The aperture is chosen by
magnitude, the same for all stars of a class, so that it does not change with every night that comes.
``fit_more(summaries, shape, known, stars)`` puts further nights on a scale that stands.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals, Rows
from ngcmos.season.beside import fit_beside
from ngcmos.season.curves import Scale
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.levels import Levels, SeasonSolution, StarTerms
from ngcmos.season.solution import solve_season
from ngcmos.season.summary import NightSummary, star_basis, star_keys

CLASS_MAG = 0.5
FEWEST_OF_CLASS = 5
WORTH = 0.03  # relative gain for which a narrower aperture is taken
MOST_FAINTER = 2.5  # mag than the middle star: what a wrong sky does to yet fainter ones is not believed to grow
FEWEST_SHARE = 0.5  # of the points that stars usually have in a pointing, to tell its surface


@dataclasses.dataclass(frozen=True, eq=False)
class StarScale:
    """What a season of one camera says of its stars, without its nights.

    Attributes
    ----------
    stars, radii, aperture
        As of `SeasonFit`.
    usual_mag : float
        The magnitude that surfaces are of.
    terms : sequence of StarTerms
        One an aperture.
    """

    stars: Rows
    radii: tuple[float, ...]
    aperture: Ints
    usual_mag: float
    terms: Sequence[StarTerms]

    def over(self, more: Rows) -> "StarScale":
        """The same with further stars: aperture and noise of the star of the next magnitude, and no mean."""
        every = np.concatenate([self.stars, more])
        _, first = np.unique(star_keys(every), return_index=True)
        order = first[np.lexsort((every["tic_id"][first], every["gaia_id"][first]))]
        mag = np.nan_to_num(self.stars["Tmag"].astype(float), nan=np.inf)
        alike = np.array([row if row < mag.size else np.argmin(np.abs(mag - every["Tmag"][row])) for row in order])
        terms = [_of_stars(one, alike, order >= mag.size) for one in self.terms]
        return dataclasses.replace(self, stars=every[order], aperture=self.aperture[alike], terms=terms)


def _of_stars(terms: StarTerms, rows: Ints, strange: Bools) -> StarTerms:
    """The terms of these rows, of which strange ones are not the stars themselves."""
    blank = {"mean": np.nan, "weight": 0.0, "excess": 0.0, "scatter": np.inf, "constant": False}
    own = {name: np.where(strange, value, getattr(terms, name)[rows]) for name, value in blank.items()}
    return dataclasses.replace(terms, inflation=terms.inflation[rows], **own)


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonFit:
    """A season of one camera; all scatters and errors are relative.

    Attributes
    ----------
    names : list of str
        Nights, in order.
    night : (pointings,) int array
        Which of them.
    pointing : (pointings,) int array
        How-manieth of its night.
    counting : (pointings,) bool array
        Has good frames.
    stars : (stars,) structured array
        By Gaia id, then TIC id; what the newest night says of each.
    radii : tuple of float
    aperture : (stars,) int array
    unit : (pointings, stars) array
        Counts of the chosen aperture that are a flux of 1.
    deviation, error : (pointings, stars) arrays
        Mean flux in a pointing less 1, and its error.
    rms, expected, points : (pointings, stars) arrays
        Scatter within it, the expected one, and how many points count.
    restless : (pointings, stars) bool array
        Varies within it more than its like.
    chi2, freedom : (stars,) arrays
    floor : (apertures, pointings) array
    noise : (apertures, pointings, stars) float32 array
        Errors of the levels, which tell the apertures; NaN where a pointing does not count.
    scale : StarScale
    """

    names: list[str]
    night: Ints
    pointing: Ints
    counting: Bools
    stars: Rows
    radii: tuple[float, ...]
    aperture: Ints
    unit: Floats
    deviation: Floats
    error: Floats
    rms: Floats
    expected: Floats
    points: Floats
    restless: Bools
    chi2: Floats
    freedom: Floats
    floor: Floats
    noise: Reals
    scale: StarScale

    def scale_of(self, summary: NightSummary) -> Scale:
        """What the season says of the stars of one of its nights, in the order of the night."""
        rows = self.rows_of(summary)
        here = self.night == self.names.index(summary.name)
        return Scale(np.array(self.radii)[self.aperture[rows]], self.unit[np.ix_(here, rows)])

    def rows_of(self, summary: NightSummary) -> Ints:
        """The rows of a night's stars in the season."""
        keys = star_keys(self.stars)
        order = np.argsort(keys)
        rows: Ints = order[np.searchsorted(keys[order], summary.keys)]
        return rows


def common_radii(nights: Sequence[Floats]) -> tuple[float, ...]:
    """Of the apertures of each night those that all have; empty where there is none."""
    sets = [set(radii.tolist()) for radii in nights]
    return tuple(sorted(set.intersection(*sets))) if sets else ()


def fit_season(
    summaries: Sequence[NightSummary], shape: tuple[int, int], known: KnownStars = UNKNOWN
) -> SeasonFit:
    """One scale for the nights of a camera.

    Parameters
    ----------
    summaries : sequence of NightSummary
        In order of their names, with at least one common aperture.
    shape : (rows, columns)
        Of the chip.
    known : KnownStars
        Stars that compare no others.
    """
    stars = _all_stars(summaries)
    gathered = dataclasses.replace(_gather(summaries, stars, shape), known=known.are_known(stars))
    radii = common_radii([summary.radii for summary in summaries])
    solved = [solve_season(gathered.levels(radius)) for radius in radii]
    aperture = choose_apertures(_noise_of(gathered, solved), stars["Tmag"].astype(float))
    return _chosen(gathered, solved, radii, aperture)


def fit_more(
    summaries: Sequence[NightSummary], shape: tuple[int, int], known: KnownStars, scale: StarScale
) -> SeasonFit:
    """Further nights of a camera on the scale that it has.

    Parameters
    ----------
    summaries : sequence of NightSummary
        In order of their names, with all apertures of the scale.
    shape, known
        As of `fit_season`.
    scale : StarScale
        Stars that it does not know get their means of these nights.
    """
    scale = scale.over(_all_stars(summaries))
    gathered = _gather(summaries, scale.stars, shape, scale.usual_mag)
    gathered = dataclasses.replace(gathered, known=known.are_known(scale.stars))
    pairs = zip(scale.radii, scale.terms, strict=True)
    solved = [fit_beside(gathered.levels(radius), terms) for radius, terms in pairs]
    return _chosen(gathered, solved, scale.radii, scale.aperture)


def _noise_of(gathered: "_Gathered", solved: Sequence[SeasonSolution]) -> Floats:
    """(apertures, pointings, stars) errors of the levels of pointings that count."""
    return np.array([np.where(gathered.counting[:, None], one.error, np.nan) for one in solved])


def choose_apertures(error: Reals, mag: Floats) -> Ints:
    """The aperture of each star: the widest of those in which its class of magnitude is as quiet as can be.

    Parameters
    ----------
    error : (apertures, pointings, stars) array
        Of the levels; NaN where unknown. Apertures in order of their radii.
    mag : (stars,) array

    Returns
    -------
    (stars,) int array
        The middle one where nothing tells.
    """
    middle = len(error) // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(error / error[middle])
    number = np.floor(np.nan_to_num(mag, nan=-1.0) / CLASS_MAG).astype(int)
    choice: dict[int, int] = {}
    for one in np.unique(number[np.isfinite(mag)]):
        inside = ratio[:, :, number == one].reshape(len(error), -1)
        known = np.isfinite(inside).all(axis=0)
        if (number == one).sum() >= FEWEST_OF_CLASS and known.any():
            noise = np.median(inside[:, known], axis=1)
            choice[int(one)] = int(np.flatnonzero(noise <= noise.min() + WORTH)[-1])
    if not choice:
        return np.full(mag.size, middle)
    classes = np.array(sorted(choice))
    nearest = classes[np.argmin(np.abs(number[:, None] - classes), axis=1)]
    return np.array([choice[int(one)] for one in nearest])


@dataclasses.dataclass(frozen=True, eq=False)
class _Gathered:
    """The pointings of all nights side by side; row of each night's stars among those of the season."""

    summaries: Sequence[NightSummary]
    rows: list[Ints]
    stars: Rows
    night: Ints
    pointing: Ints
    counting: Bools
    basis: Floats
    usual_mag: float
    known: Bools

    def values(self, name: str, radius: float, blank: float = np.nan) -> Floats:
        """(pointings, stars) of a quantity of the nights in one aperture."""
        pieces = []
        for summary, rows in zip(self.summaries, self.rows, strict=True):
            own = getattr(summary, name)[int(np.flatnonzero(summary.radii == radius)[0])]
            piece = np.full((len(own), len(self.stars)), blank)
            piece[:, rows] = own
            pieces.append(piece)
        return np.concatenate(pieces)

    def levels(self, radius: float) -> Levels:
        """What the solution of a season is made of."""
        points = self.values("points", radius, 0.0)
        usual = np.array([np.median(row[row > 0]) if (row > 0).any() else 0.0 for row in points])
        able = ~self.stars["blended"] & np.isfinite(self.stars["Tmag"]) & ~self.known
        return Levels(
            level=self.values("level", radius),
            error=self.values("level_error", radius),
            basis=self.basis,
            mag=self.stars["Tmag"].astype(float),
            comparing=able
            & (points >= FEWEST_SHARE * usual[:, None])
            & (self.values("variable", radius, 0.0) == 0),
            counting=self.counting,
        )


def _all_stars(summaries: Sequence[NightSummary]) -> Rows:
    """Stars of all nights as the newest night that has them knows them, by Gaia id, then TIC id."""
    newest = np.concatenate([summary.stars for summary in reversed(summaries)])
    _, first = np.unique(star_keys(newest), return_index=True)
    stars = newest[first]
    ordered: Rows = stars[np.lexsort((stars["tic_id"], stars["gaia_id"]))]
    return ordered


def _gather(
    summaries: Sequence[NightSummary], stars: Rows, shape: tuple[int, int], usual_mag: float | None = None
) -> _Gathered:
    mag = stars["Tmag"].astype(float)
    usual = _usual_mag(mag) if usual_mag is None else usual_mag
    keys = star_keys(stars)
    order = np.argsort(keys)
    rows = [order[np.searchsorted(keys[order], summary.keys)] for summary in summaries]
    bases = []
    for summary, own in zip(summaries, rows, strict=True):
        for place in summary.place:
            here = np.full((len(stars), 2), np.nan)
            here[own] = place
            bases.append(_surface_basis(star_basis(stars, here, shape), mag, usual))
    counts = [len(summary.place) for summary in summaries]
    return _Gathered(
        summaries=summaries,
        rows=rows,
        stars=stars,
        night=np.repeat(np.arange(len(summaries)), counts),
        pointing=np.concatenate([np.arange(count) for count in counts]),
        counting=np.concatenate([summary.counting for summary in summaries]),
        basis=np.array(bases),
        usual_mag=usual,
        known=np.zeros(len(stars), bool),
    )


def _usual_mag(mag: Floats) -> float:
    known = np.isfinite(mag)
    return float(np.median(mag[known])) if known.any() else 0.0


def _surface_basis(basis: Floats, mag: Floats, usual: float) -> Floats:
    """(stars, 8) terms of a surface: those of a share, x^2, xy, y^2, and what a wrong sky does to a star.

    A sky that is off by the same everywhere is a share of a star's light that grows as the star is fainter; in a
    crowded field that share follows the seeing, and bright stars would seem to do so.
    """
    _, x, y, _ = basis.T
    known = np.isfinite(mag)
    faintness = np.where(known, 10 ** (0.4 * np.minimum(mag - usual, MOST_FAINTER)), 0.0)
    return np.column_stack([basis, x * x, x * y, y * y, faintness])


def _chosen(
    gathered: _Gathered, solved: list[SeasonSolution], radii: tuple[float, ...], aperture: Ints
) -> SeasonFit:
    """Everything in the aperture of each star."""
    units = np.array([one.unit for one in solved])
    means = {name: [getattr(one, name) for one in solved] for name in ("deviation", "error", "chi2", "freedom")}
    kept = {
        name: [gathered.values(name, radius) for radius in radii]
        for name in ("rms", "expected", "points", "variable")
    }
    own = {name: _pick(np.array(values), aperture) for name, values in (means | kept).items()}
    return SeasonFit(
        names=[summary.name for summary in gathered.summaries],
        night=gathered.night,
        pointing=gathered.pointing,
        counting=gathered.counting,
        stars=gathered.stars,
        radii=radii,
        aperture=aperture,
        unit=_pick(units, aperture),
        restless=own.pop("variable") == 1,
        floor=np.array([one.floor for one in solved]),
        noise=_noise_of(gathered, solved).astype(np.float32),
        scale=StarScale(gathered.stars, radii, aperture, gathered.usual_mag, [one.terms for one in solved]),
        **own,
    )


def _pick(values: Floats, aperture: Ints) -> Floats:
    """Of (apertures, ..., stars) those of the aperture of each star."""
    picked: Floats = np.moveaxis(values, 0, -1)[..., np.arange(aperture.size), aperture]
    return picked
