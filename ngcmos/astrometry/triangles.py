"""Plate solution of a list of positions without any earlier solution: triangles, votes, verification.

`match_triangles` compares triangles of bright neighbours on the chip with those of the catalog by the
absolute lengths of their sides (the scale of a camera is known to a few per cent, its rotation and parity are
not), lets the pairs vote for rotation and place, and keeps a place only if more stars agree than chance would
allow in so many places. `grow_match` turns an approximate solution into a cubic one.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats, Ints, Place, Shape
from ngcmos.astrometry.distortion import Solution, centre_of, project, to_pixels
from ngcmos.astrometry.fitting import fit_conformal, fit_linear_sip, with_matches
from ngcmos.astrometry.spots import Pairs, ReferenceStars, Spots
from ngcmos.errors import UnsolvedError
from ngcmos.neighbours import tree_of

Complex = NDArray[np.complex128]  # (n,) positions on a plane
Affine = tuple[Floats, Floats]  # (linear (2, 2), place (2,)) with sky = linear @ chip + place
Triangles = tuple[Ints, Floats, Floats]  # see _triangles

BRIGHTEST = 80
NEIGHBOURS = 8
CATALOG_DEPTH = 1.2
DEEPER_AT_FEW, FEW_SOURCES = 8, 30  # where few are seen, the faintest of them may not be the catalog's next
SMALLEST_SIDE_PX = 15.0
SIDE_TOLERANCE = 0.015
SCALES = (1.0, 0.98, 1.02, 0.96, 1.04)
ROTATION_BIN_RAD = 0.02
PLACE_BIN_PX = 25.0
CLUSTERS = 5
FEWEST_VOTES = 4
RANKED = 1000
VERIFIED = 300
MARGIN_PX = 64.0
MOST_GROWN = 1000
DEEPER = 1.5
VERIFY_RADIUS_PX = 8.0
FULL_CHIP_PX = 1024.0
LEAST_LOOSENESS = 0.2
FEWEST_MATCHES = 5
FREE_STARS = 2  # any two stars can be laid on two others of the catalog
PROMISING = 1.0  # places that agree as well by chance alone, of all that were possible: fewer are worth a look
Growth = tuple[tuple[int, float], ...]  # order of the fit and radius of the match in pixels, step by step
GROWTH: Growth = ((1, 8.0), (2, 8.0), (3, 8.0), (3, 6.0), (3, 4.0), (3, 3.0), (3, 2.0), (3, 1.5))
STARS_PER_TERM = 2
FEWEST_FOR_SHEAR = 12  # fewer stars carry a shift, a turn and a scale only
# of the stars taken into a match, so many may have a foreign star within the radius
CHANCE_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Search:
    """Where a field may lie, and what is known of the camera that sees it.

    Attributes
    ----------
    pointing : (float, float)
        Right ascension and declination near the centre of the chip, degrees.
    radius_deg : float
        How far the pointing may be off.
    scale_arcsec : float
        Scale to expect, per pixel; only scales within `scale_limits_arcsec` (low, high) are tried.
    shape : (int, int)
        Rows and columns of the chip.
    """

    pointing: Place
    radius_deg: float
    scale_arcsec: float
    scale_limits_arcsec: tuple[float, ...]
    shape: Shape


@dataclasses.dataclass(frozen=True)
class Match:
    """An approximate solution, and among how many places it was the one to agree."""

    solution: Solution
    trials: float


def match_triangles(spots: Spots, stars: ReferenceStars, search: Search) -> Iterator[Match]:
    """Solutions of positions on the chip against a catalog, wherever it lies near the pointing; likely ones first.

    Yields
    ------
    Match
        The `index` of its solution are rows of `stars`; `rung` is "triangles".

    Raises
    ------
    UnsolvedError
        At the end: there is no (further) place where more stars agree than by chance.
    """
    order = np.argsort(-spots.flux, kind="stable")
    x, y, flux = spots.x[order], spots.y[order], spots.flux[order]
    shape, scale_arcsec, pointing = search.shape, search.scale_arcsec, search.pointing
    middle = (shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0
    chip = (x - middle[0]) + 1j * (y - middle[1])
    reach_deg = search.radius_deg + scale_arcsec * math.hypot(*shape) / 7200.0
    sky, near = _sky_plane(stars, pointing, reach_deg)
    # of a circle with the area of the chip
    chip_radius_deg = scale_arcsec / 3600.0 * math.sqrt(shape[0] * shape[1] / math.pi)
    depth = max(CATALOG_DEPTH * min(BRIGHTEST, len(x)), min(len(x), FEW_SOURCES - 2) + DEEPER_AT_FEW)
    most = max(RANKED, round(1.5 * depth * (reach_deg / chip_radius_deg) ** 2))
    bright = _locally_brightest(sky[:most], chip_radius_deg, depth)
    # each pair of sources may lie on each pair of stars that is as wide, up to a chip
    trials = len(x) ** 2 * len(near) * (1 + len(near) * (chip_radius_deg / reach_deg) ** 2)
    low, high = search.scale_limits_arcsec
    detected = _triangles(chip[:BRIGHTEST])
    for scale_deg in [scale_arcsec * factor / 3600.0 for factor in SCALES if low <= scale_arcsec * factor <= high]:
        for linear, place in _vote(chip[:BRIGHTEST], sky[bright] / scale_deg, detected):
            if not _agrees(chip[:VERIFIED], sky / scale_deg, (linear, place), shape, trials):
                continue
            guess = _linear_solution(linear * scale_deg, place * scale_deg, middle, pointing)
            try:
                found = grow_match(Spots(x, y, flux), stars.only(near), guess, shape=shape, trials=trials)
            except UnsolvedError:
                continue
            yield Match(dataclasses.replace(found, index=near[found.index], rung="triangles"), trials)
    raise UnsolvedError(
        f"no match within {search.radius_deg:g} deg of the pointing {pointing[0]:.4f} {pointing[1]:.4f}: "
        f"{len(x)} sources, {len(near)} catalog stars"
    )


def _sky_plane(stars: ReferenceStars, pointing: Place, reach_deg: float) -> tuple[Complex, Ints]:
    """Complex tangent-plane positions in degrees of the stars within reach, and their rows; brightest first."""
    xi, eta = project(stars.ra, stars.dec, pointing)
    near = np.flatnonzero(np.hypot(xi, eta) < reach_deg)
    near = near[np.argsort(stars.mag[near], kind="stable")]
    return xi[near] + 1j * eta[near], near


def _locally_brightest(sky: Complex, radius: float, depth: float) -> Ints:
    """Rows of the stars (brightest first) with fewer than `depth` brighter ones within `radius`, one chip's area.

    A limit by magnitude alone would take too few stars on the chip where the catalog is deeper elsewhere.
    """
    pairs = tree_of(np.stack([sky.real, sky.imag], axis=1)).query_pairs(radius, output_type="ndarray")
    brighter = np.bincount(pairs.max(axis=1), minlength=len(sky)) if len(pairs) else np.zeros(len(sky))
    return np.flatnonzero(brighter < depth)


def _triangles(stars: Complex) -> Triangles:
    """(vertices, log sides, orientation) of the triangles of each star's neighbours.

    Vertices are ordered by the length of the opposite side; orientation is +1 or -1.
    """
    count = min(NEIGHBOURS, len(stars) - 1)
    if count < 2:
        return np.empty((0, 3), dtype=int), np.empty((0, 3)), np.empty(0)
    points = np.stack([stars.real, stars.imag], axis=1)
    neighbours = tree_of(points).query(points, k=count + 1)[1]
    combinations = np.array(list(itertools.combinations(range(1, count + 1), 2)))
    trios = np.concatenate([neighbours[:, [0, i, j]] for i, j in combinations])
    trios = np.sort(trios, axis=1)
    code = np.sort((trios[:, 0] * len(stars) + trios[:, 1]) * len(stars) + trios[:, 2])
    code = code[np.diff(code, prepend=-1) > 0]  # numpy.unique takes twice as long
    trios = np.stack([code // len(stars) ** 2, code // len(stars) % len(stars), code % len(stars)], axis=1)
    corners = stars[trios]
    sides = np.abs(np.roll(corners, -1, axis=1) - np.roll(corners, 1, axis=1))
    ranked = np.argsort(sides, axis=1)
    sides = np.take_along_axis(sides, ranked, axis=1)
    large = sides[:, 0] > SMALLEST_SIDE_PX
    trios, sides = np.take_along_axis(trios, ranked, axis=1)[large], sides[large]
    corners = stars[trios]
    cross = (np.conj(corners[:, 1] - corners[:, 0]) * (corners[:, 2] - corners[:, 0])).imag
    return trios, np.log(sides), np.sign(cross)


def _vote(chip: Complex, stars: Complex, detected: Triangles) -> list[Affine]:
    """The places most pairs of triangles agree on: list of (linear (2, 2), place (2,)), chip to sky."""
    known = _triangles(stars)
    if not (len(detected[0]) and len(known[0])):
        return []
    pairs = tree_of(detected[1]).sparse_distance_matrix(
        tree_of(known[1]), SIDE_TOLERANCE, p=np.inf, output_type="ndarray"
    )
    first, second = pairs["i"], pairs["j"]
    parity = detected[2][first] * known[2][second]
    corners_chip, corners_sky = chip[detected[0][first]], stars[known[0][second]]
    mirrored = np.where(parity[:, None] < 0, np.conj(corners_chip), corners_chip)
    # the longest side, between the vertices of the two shorter opposite sides, turns the least by errors
    turn = (corners_sky[:, 1] - corners_sky[:, 0]) / (mirrored[:, 1] - mirrored[:, 0])
    turn /= np.abs(turn)
    place = corners_sky.mean(axis=1) - turn * mirrored.mean(axis=1)
    ballots = np.stack(
        [
            turn.real / ROTATION_BIN_RAD,
            turn.imag / ROTATION_BIN_RAD,
            place.real / PLACE_BIN_PX,
            place.imag / PLACE_BIN_PX,
            100.0 * parity,
        ],
        axis=1,
    )
    return _clusters(ballots, corners_chip, corners_sky)


def _clusters(ballots: Floats, corners_chip: Complex, corners_sky: Complex) -> list[Affine]:
    """Affine maps of the fullest clusters of ballots, fullest first."""
    if not len(ballots):
        return []
    tree = tree_of(ballots)
    votes = tree.query_ball_point(ballots, 1.0, return_length=True)
    found: list[Affine] = []
    free = np.ones(len(ballots), dtype=bool)
    for best in np.argsort(-votes, kind="stable"):
        if votes[best] < FEWEST_VOTES or len(found) == CLUSTERS:
            break
        if not free[best]:
            continue
        members = np.array(tree.query_ball_point(ballots[best], 1.0))
        free[tree.query_ball_point(ballots[best], 2.0)] = False
        found.append(_affine(corners_chip[members].ravel(), corners_sky[members].ravel()))
    return found


def _affine(chip: Complex, sky: Complex) -> Affine:
    """Least-squares (linear, place) with sky = linear @ chip + place."""
    design = np.stack([chip.real, chip.imag, np.ones(len(chip))], axis=1)
    solved = np.linalg.lstsq(design, np.stack([sky.real, sky.imag], axis=1), rcond=None)[0]
    return solved[:2].T, solved[2]


def _agrees(chip: Complex, sky: Complex, laid: Affine, shape: Shape, trials: float) -> bool:
    """Whether the chip's brightest stars fall on the sky's brightest there far more often than by chance."""
    linear, place = laid
    stars = np.linalg.solve(linear, np.stack([sky.real, sky.imag]) - place[:, None])
    on_chip = (np.abs(stars[0]) < shape[1] / 2.0) & (np.abs(stars[1]) < shape[0] / 2.0)
    radius = VERIFY_RADIUS_PX * _looseness(shape)
    most = min(VERIFIED, _most_stars(radius, shape))
    chip = chip[:most]
    stars = stars[:, on_chip][:, : min(most, round(DEEPER * len(chip)))]
    if not stars.size:
        return False
    distance = tree_of(stars.T).query(np.stack([chip.real, chip.imag], axis=1))[0]
    chance = len(chip) * stars.shape[1] * math.pi * radius**2 / (shape[0] * shape[1])
    return is_promising(int(np.count_nonzero(distance < radius)), chance, trials)


def _looseness(shape: Shape) -> float:
    """What the radii of a full chip come to on a small one, whose distortion is less."""
    return min(1.0, max(LEAST_LOOSENESS, max(shape) / FULL_CHIP_PX))


def _most_stars(radius: float, shape: Shape) -> int:
    """How many stars the chip may hold for matches within `radius` to be rarely by chance."""
    return min(MOST_GROWN, round(CHANCE_SHARE * shape[0] * shape[1] / (math.pi * radius**2)))


def expected_by_chance(hits: int, chance: float, trials: float) -> float:
    """In how many of `trials` places as many stars as `hits` agree, where by chance `chance` do so (Poisson).

    Two of the stars agree wherever the place was found by them.
    """
    from scipy.special import gammainc

    return float(trials * gammainc(hits - FREE_STARS, chance)) if hits > FREE_STARS else trials


def is_promising(hits: int, chance: float, trials: float) -> bool:
    """Whether so many stars agree that the place may be the right one."""
    return hits >= FEWEST_MATCHES and expected_by_chance(hits, chance, trials) < PROMISING


def _linear_solution(linear: Floats, place: Floats, middle: Place, pointing: Place) -> Solution:
    """Solution of an affine map from pixels about `middle` to degrees about the pointing."""
    crpix = np.array(middle) - np.linalg.solve(linear, place)
    return Solution((float(pointing[0]), float(pointing[1])), (float(crpix[0]), float(crpix[1])), linear)


def grow_match(
    spots: Spots,
    stars: ReferenceStars,
    guess: Solution,
    *,
    shape: Shape,
    trials: float,
    growth: Growth = GROWTH,
) -> Solution:
    """Cubic solution grown from an approximate one: match, fit, shrink the radius.

    Parameters
    ----------
    spots, stars : Spots, ReferenceStars
        Both brightest first.
    guess : Solution
        Good to a few pixels over the chip.
    trials : float
        Among how many places it was the one to agree.
    growth : sequence of (order, radius)
        Order of the fit and radius of the match in pixels, step by step.

    Raises
    ------
    UnsolvedError
        Fewer matches than can be told from chance.
    """
    px, py = to_pixels(guess, stars.ra, stars.dec)
    near = np.flatnonzero(_is_on_chip(px, py, shape, margin=MARGIN_PX))
    x, y, ra, dec = spots.x, spots.y, stars.ra[near], stars.dec[near]
    solution = guess
    for order, full_radius in growth:
        radius = max(full_radius * _looseness(shape), growth[-1][1])
        index, found, chance = match_mutual(solution, x, y, ra, dec, radius, shape=shape)
        if not is_promising(len(found), chance, trials):
            raise UnsolvedError(f"{len(found)} stars agree within {radius:g} px, {chance:.0f} do by chance")
        pairs = Pairs(x[found], y[found], ra[index], dec[index])
        order = min(order, affordable_order(len(found))) if len(found) >= FEW_SOURCES else 1
        solution = fit_pairs(solution, pairs, shape, order=order)
    solution = with_matches(solution, index, pairs, rung=guess.rung)
    return dataclasses.replace(solution, index=near[index])


def fit_pairs(
    guess: Solution, pairs: Pairs, shape: Shape, *, order: int, weights: Floats | None = None
) -> Solution:
    """Solution through matched stars: a polynomial of that order, or `guess` laid onto them where they are few."""
    crval = centre_of(guess, shape)
    if order == 1 and len(pairs) < FEWEST_FOR_SHEAR:
        if not (guess.a.any() or guess.b.any()):
            guess = dataclasses.replace(guess, crval=crval, crpix=((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0))
        return fit_conformal(guess, pairs, weights=weights)
    return fit_linear_sip(pairs, crval=crval, shape=shape, order=order, weights=weights)


def fitted_numbers(order: int, count: int) -> int:
    """How many numbers `fit_pairs` fits to so many stars."""
    return 4 if order == 1 and count < FEWEST_FOR_SHEAR else (order + 1) * (order + 2)


def _is_on_chip(px: Floats, py: Floats, shape: Shape, *, margin: float) -> Bools:
    return (px > -margin) & (px < shape[1] + margin) & (py > -margin) & (py < shape[0] + margin)


def affordable_order(count: int) -> int:
    """Highest order of the distortion that so many stars can carry."""
    for order in (3, 2):
        if count >= STARS_PER_TERM * (order + 1) * (order + 2) / 2:
            return order
    return 1


def match_mutual(
    solution: Solution, x: Floats, y: Floats, ra: Floats, dec: Floats, radius: float, *, shape: Shape
) -> tuple[Ints, Ints, float]:
    """Pairs of catalog stars and detections that are each other's nearest within `radius` pixels.

    Only so many of the brightest of both lists are taken that chance pairs stay rare.

    Returns
    -------
    index, found : int arrays
        Rows of the catalog and of the detections.
    chance : float
        How many pairs to expect of two lists that have nothing in common.
    """
    px, py = to_pixels(solution, ra, dec)
    on_chip = np.flatnonzero(_is_on_chip(px, py, shape, margin=radius))
    most = _most_stars(radius, shape)
    x, y = x[:most], y[:most]
    on_chip = on_chip[: min(most, round(DEEPER * len(x)))]
    if not (len(on_chip) and len(x)):
        return np.empty(0, dtype=int), np.empty(0, dtype=int), 0.0
    stars, sources = np.stack([px[on_chip], py[on_chip]], axis=1), np.stack([x, y], axis=1)
    distance, nearest = tree_of(sources).query(stars, distance_upper_bound=radius)
    back = tree_of(stars).query(sources)[1]
    here = np.flatnonzero(distance < radius)
    here = here[back[nearest[here]] == here]
    chance = len(stars) * len(sources) * math.pi * radius**2 / (shape[0] * shape[1])
    return on_chip[here], nearest[here], chance
