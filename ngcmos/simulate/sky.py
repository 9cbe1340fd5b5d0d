"""The stars of a field: as the TIC lists them, and as they really are on the night."""

import dataclasses

import numpy as np
from astropy.table import MaskedColumn, Table
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ngcmos.config import Catalog
from ngcmos.errors import UsageError
from ngcmos.simulate.signals import Floats, Signal
from ngcmos.sphere import Vectors

Rows = NDArray[np.intp]  # of the stars of a sky

ZERO_POINT = 21.0  # Tmag of 1 e-/s above the air for an aperture of 0.2 m
STARS_PER_DEG2 = 565.0  # with Tmag < 16
TMAG_BRIGHTEST, TMAG_KNEE, TMAG_FAINTEST = 6.0, 16.0, 19.0
SLOPE_BRIGHT, SLOPE_FAINT = 0.28, 0.20  # of log10 of the counts, a magnitude
MISSING = {"pm": 0.47, "GAIA": 0.05, "Teff": 0.57, "colour": 0.03}
PAIR_SHARE = 0.04  # stars brighter than the knee that get a companion of their own
QUIET_ARCSEC = 90.0
FIELDS = 64
COLUMNS = ("TIC", "GAIA", "RAJ2000", "DEJ2000", "Tmag", "Gmag", "BPmag", "RPmag", "pmRA", "pmDE", "Teff")
UNITS = {
    **dict.fromkeys(("RAJ2000", "DEJ2000"), "deg"),
    **dict.fromkeys(("Tmag", "Gmag", "BPmag", "RPmag"), "mag"),
    **dict.fromkeys(("pmRA", "pmDE"), "mas / yr"),
    "Teff": "K",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Sky:
    """The stars of one field.

    Attributes
    ----------
    catalog : Table
        VizieR's columns (`COLUMNS`), masked as the real ones are.
    ra, dec : ndarray
        ICRS degrees at the epoch of the night.
    tmag, gmag : ndarray
        True magnitudes, also of stars whose Gmag the catalog lacks.
    colour : ndarray
        True BP - RP, magnitudes.
    blended : ndarray of bool
        A neighbour of similar Gmag in the catalog; see `find_blends`.
    target : int
        Row of the star named in OBJECT.
    """

    catalog: Table
    ra: Floats
    dec: Floats
    tmag: Floats
    gmag: Floats
    colour: Floats
    blended: NDArray[np.bool_]
    target: int


@dataclasses.dataclass(frozen=True)
class Cap:
    """A round piece of the sky: its centre (ICRS) and radius, degrees."""

    ra: float
    dec: float
    radius_deg: float

    @property
    def area_deg2(self) -> float:
        """Square degrees."""
        return float(2 * np.pi * (1 - np.cos(np.deg2rad(self.radius_deg))) * np.rad2deg(1) ** 2)


def make_sky(
    rng: np.random.Generator,
    cap: Cap,
    *,
    catalog: Catalog,
    epoch_year: float,
    number: int = 0,
    density: float = 1.0,
    blended_target: bool = False,
) -> Sky:
    """The stars of a piece of the sky on the night.

    Parameters
    ----------
    rng : numpy.random.Generator
    cap : Cap
    catalog : ngcmos.config.Catalog
        What counts as a blend.
    epoch_year : float
        Julian year of the night.
    number : int
        Of the field; fields of different numbers (below 64) share no id.
    density : float
        1 is a usual NGTS field: 565 stars with Tmag < 16 a square degree.
    blended_target : bool
        Give the target a neighbour that makes it a blend.
    """
    if density <= 0:
        raise UsageError(f"density is {density}, expected more than 0")
    tmag = draw_magnitudes(rng, STARS_PER_DEG2 * density * cap.area_deg2)
    vectors = _scatter(rng, tmag.size, cap)
    vectors, tmag = _add_companions(rng, vectors, tmag, catalog)
    vectors, tmag = _place_target(rng, vectors, tmag, cap, blended=blended_target)
    rows = _catalog_rows(rng, vectors, tmag, number, pair=blended_target)
    now = _move(vectors, rows, epoch_year - 2000.0)
    ra_now, dec_now = _angles(now)
    blended = find_blends(now, rows["Gmag"].filled(np.nan), catalog)
    gmag = np.asarray(rows["Gmag"].data)
    colour = np.asarray(rows["BPmag"].data.data - rows["RPmag"].data.data)
    return Sky(rows, ra_now, dec_now, tmag, gmag, colour, blended, target=0)


def draw_magnitudes(rng: np.random.Generator, brighter_than_knee: float) -> Floats:
    """Tmag of stars whose counts rise as 10^(0.28 m) to Tmag 16 and 10^(0.20 m) from there to 19."""
    faint = brighter_than_knee * 10 ** (SLOPE_FAINT * (TMAG_FAINTEST - TMAG_KNEE))
    rank = rng.uniform(0, faint, rng.poisson(faint)) / brighter_than_knee
    slope = np.where(rank < 1, SLOPE_BRIGHT, SLOPE_FAINT)
    tmag = TMAG_KNEE + np.log10(rank) / slope
    return np.asarray(tmag[tmag > TMAG_BRIGHTEST])


def electrons_per_second(tmag: ArrayLike, aperture_m: float) -> Floats:
    """Electrons a second above the air."""
    return np.asarray(10 ** (0.4 * (ZERO_POINT - np.asarray(tmag))) * (aperture_m / 0.2) ** 2)


def find_blends(vectors: Vectors, gmag: Floats, catalog: Catalog) -> NDArray[np.bool_]:
    """Stars with a neighbour nearer than `blend_arcsec` whose Gmag differs by less than `blend_dmag`."""
    chord = 2 * np.sin(np.deg2rad(catalog.blend_arcsec / 3600) / 2)
    first, second = cKDTree(vectors).query_pairs(chord, output_type="ndarray").T
    alike = np.abs(gmag[first] - gmag[second]) < catalog.blend_dmag
    blended = np.zeros(len(vectors), dtype=bool)
    blended[first[alike]] = blended[second[alike]] = True
    return blended


def foreign_light(x: Floats, y: Floats, electrons: Floats, *, radius_px: float) -> Floats:
    """Light of other stars centred within `radius_px`, as a share of each star's own."""
    positions = np.column_stack([x, y])
    first, second = cKDTree(positions).query_pairs(radius_px, output_type="ndarray").T
    foreign = np.bincount(first, electrons[second], minlength=x.size)
    foreign += np.bincount(second, electrons[first], minlength=x.size)
    return np.asarray(foreign / electrons)


def draw_signals(
    rng: np.random.Generator, sky: Sky, candidates: Rows, *, bjd_mid: float, span_d: float
) -> dict[int, Signal]:
    """A Signal for each star: {row: Signal}; the target has a transit in the middle of the night's frames.

    Parameters
    ----------
    candidates : ndarray of int
        Rows of stars that may vary.
    bjd_mid, span_d : float
        Middle and length of the series.
    """
    others = rng.permutation(candidates[candidates != sky.target])
    few = max(1, len(others) // 300)
    kinds = ["eclipse"] * few + ["transit"] * few + ["sine"] * (3 * few)
    depths = {"eclipse": (0.1, 0.4), "transit": (0.005, 0.03), "sine": (0.01, 0.1)}
    signals = {sky.target: Signal("transit", 0.01, bjd_mid, span_d / 3)}
    for row, kind in zip(others, kinds, strict=False):
        epoch = bjd_mid + rng.uniform(-0.3, 0.3) * span_d
        duration = span_d * rng.uniform(0.15, 0.5)
        signals[int(row)] = Signal(kind, float(rng.uniform(*depths[kind])), float(epoch), float(duration))
    return signals


def _scatter(rng: np.random.Generator, count: int, cap: Cap) -> Vectors:
    """Unit vectors spread evenly over a cap of the sky."""
    depth = rng.uniform(np.cos(np.deg2rad(cap.radius_deg)), 1, count)
    angle = rng.uniform(0, 2 * np.pi, count)
    axis, east, north = _frame(cap.ra, cap.dec)
    side = np.sqrt(1 - depth**2)
    eastward, northward = (side * np.sin(angle))[:, None], (side * np.cos(angle))[:, None]
    return np.asarray(depth[:, None] * axis + eastward * east + northward * north)


def _frame(ra: ArrayLike, dec: ArrayLike) -> tuple[Vectors, Vectors, Vectors]:
    """Unit vectors (..., 3) towards the star, to the East and to the North of it."""
    ra, dec = np.deg2rad(ra), np.deg2rad(dec)
    zero = np.zeros_like(ra)
    axis = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    east = np.stack([-np.sin(ra), np.cos(ra), zero], axis=-1)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
    return axis, east, north


def _angles(vectors: Vectors) -> tuple[Floats, Floats]:
    x, y, z = vectors.T
    return np.rad2deg(np.arctan2(y, x)) % 360, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def _beside(vectors: Vectors, east_arcsec: Floats, north_arcsec: Floats) -> Vectors:
    """Unit vectors this far from `vectors`."""
    axis, east, north = _frame(*_angles(vectors))
    moved = (
        axis + np.deg2rad(east_arcsec / 3600)[:, None] * east + np.deg2rad(north_arcsec / 3600)[:, None] * north
    )
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def _add_companions(
    rng: np.random.Generator, vectors: Vectors, tmag: Floats, catalog: Catalog
) -> tuple[Vectors, Floats]:
    """A share of the stars become pairs, a few arcsec apart and alike."""
    bright = np.nonzero(tmag < TMAG_KNEE)[0]
    chosen = rng.choice(bright, round(PAIR_SHARE * bright.size), replace=False)
    distance = rng.uniform(3, catalog.blend_arcsec, chosen.size)
    angle = rng.uniform(0, 2 * np.pi, chosen.size)
    pairs = _beside(vectors[chosen], distance * np.cos(angle), distance * np.sin(angle))
    alike = tmag[chosen] + rng.uniform(-0.3, 0.8 * catalog.blend_dmag, chosen.size)
    return np.concatenate([vectors, pairs]), np.concatenate([tmag, alike])


def _place_target(
    rng: np.random.Generator, vectors: Vectors, tmag: Floats, cap: Cap, *, blended: bool
) -> tuple[Vectors, Floats]:
    """The target (Tmag 10) first, near the centre, no other star of the field too near; its companion next."""
    axis = _frame(np.array([cap.ra]), np.array([cap.dec]))[0]
    offset_arcsec = rng.uniform(-0.08, 0.08, (2, 1)) * cap.radius_deg * 3600
    target = _beside(axis, *offset_arcsec)
    near = np.deg2rad(QUIET_ARCSEC / 3600)
    quiet = np.linalg.norm(vectors - target, axis=1) > near
    planted, magnitudes = [target], [10.0 + rng.uniform(-0.2, 0.2)]
    if blended:
        planted.append(_beside(target, np.array([14.0]), np.array([13.0])))
        magnitudes.append(magnitudes[0] + 0.6)
    return np.concatenate([*planted, vectors[quiet]]), np.concatenate([magnitudes, tmag[quiet]])


def _catalog_rows(rng: np.random.Generator, vectors: Vectors, tmag: Floats, number: int, *, pair: bool) -> Table:
    """The TIC's rows: colours, motions, ids, and what the TIC does not know.

    The first row is known wholly; with `pair` the second one too, with the colour and motion of the first.
    """
    count = tmag.size
    colour = np.clip(rng.normal(0.95, 0.35, count), -0.2, 3.0)
    colour[: 1 + pair] = 0.95
    gmag = tmag + 0.00522555 * colour**3 - 0.0891337 * colour**2 + 0.633923 * colour - 0.0324473
    ra, dec = _angles(vectors)
    motion = rng.laplace(0, 9.0, (2, count)) * np.where(rng.random(count) < 0.01, 20, 1)
    motion[:, : 1 + pair] = motion[:, :1]
    tic = FIELDS * _draw_ids(rng, count, 300_000, 14_000) + number
    gaia = FIELDS * _draw_ids(rng, count, 2**55, 2**38) + number
    bp, rp = gmag + 0.45 * colour, gmag - 0.55 * colour
    teff = np.clip(8300 - 2700 * colour, 2700, 12000)
    values = (tic, gaia, ra, dec, tmag, gmag, bp, rp, *motion, teff)
    missing = _draw_missing(rng, tmag, known=1 + pair)
    columns = dict(zip(COLUMNS, values, strict=True))
    return Table(
        {
            key: MaskedColumn(value, mask=missing.get(key, False), unit=UNITS.get(key))
            for key, value in columns.items()
        }
    )


def _draw_ids(rng: np.random.Generator, count: int, first: int, step: int) -> NDArray[np.int64]:
    """Different 64-bit integers in no order."""
    return rng.permutation(first + np.cumsum(rng.integers(1, step, count, dtype=np.int64)))


def _draw_missing(rng: np.random.Generator, tmag: Floats, *, known: int) -> dict[str, NDArray[np.bool_]]:
    """{column: mask}: the TIC knows less of fainter stars; what one source gives is missing together."""
    rank = np.argsort(np.argsort(tmag)) / tmag.size - 0.5
    drawn = {key: rng.random(tmag.size) < share * (1 + rank) for key, share in MISSING.items()}
    for mask in drawn.values():
        mask[:known] = False
    colour = drawn["GAIA"] | drawn["colour"]
    return {
        "GAIA": drawn["GAIA"],
        "Gmag": drawn["GAIA"],
        "BPmag": colour,
        "RPmag": colour,
        "pmRA": drawn["pm"],
        "pmDE": drawn["pm"],
        "Teff": drawn["Teff"],
    }


def _move(vectors: Vectors, rows: Table, years: float) -> Vectors:
    """Unit vectors after proper motion along straight lines; a star without a motion in the TIC has none."""
    east = np.asarray(rows["pmRA"].filled(0.0)) / 1000 * years
    north = np.asarray(rows["pmDE"].filled(0.0)) / 1000 * years
    return _beside(vectors, east, north)
