"""The tables of a season: a row a star, and a row a frame."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from ngcmos.arrays import Floats, Rows
from ngcmos.names import Quality
from ngcmos.season.archive import SeasonFolder, read_pieces
from ngcmos.season.means import MEASURED, NightMeans, rows_in
from ngcmos.season.season import Season
from ngcmos.season.summary import NightSummary, read_summary, star_keys
from ngcmos.stats import quotient

_IDS = [("gaia_id", "i8"), ("tic_id", "i8")]
_PLACE = [("ra_deg", "f8"), ("dec_deg", "f8"), ("Tmag", "f4"), ("gaiabp", "f4"), ("gaiarp", "f4")]
_SCATTER = [(name, "f4") for name in ("rms", "rms_night", "rms_expected", "rms_night_expected")]
_PERIOD = [("variable", "?"), ("period_d", "f8"), ("period_fap", "f8"), ("amplitude", "f4")]
_DIP = [
    ("dip_period_d", "f8"),
    ("dip_t0_bjd", "f8"),
    ("dip_depth", "f4"),
    ("dip_duration_h", "f4"),
    ("dip_snr", "f4"),
]
_KNOWN = [("name", "U60"), ("known_kind", "U30"), ("known_period_d", "f8")]
_CAUTION = [("contamination", "f4"), ("blended", "?"), ("target", "?"), ("alias_d", "f8"), ("dips", "i4")]
STAR_ROW = np.dtype(
    [
        *_IDS,
        *_PLACE,
        ("radius_px", "f4"),
        ("nights", "i4"),
        ("points", "i8"),
        *_SCATTER,
        *_PERIOD,
        *_DIP,
        *_CAUTION,
        *_KNOWN,
    ]
)
_KEPT = (
    "exptime_s",
    "airmass",
    "zp",
    "sky",
    "fwhm_px",
    "elongation",
    "place_x",
    "place_y",
    "wcs_rms_px",
    "transparency",
)
FRAME_ROW = np.dtype(
    [
        *[("night", "S16"), ("camera", "S120"), ("frame", "i4"), ("frame_id", "S200"), ("jd_mid", "f8")],
        *[(name, "f4") for name in _KEPT],
        *[("quality", "S12"), ("used", "?"), ("reason", "S240"), ("extra", "S400")],
        *[("share", "f4"), ("jitter", "f4"), ("pointing", "i4")],
    ]
)
NO_STAR = "no star of this frame can be compared with its other nights"
_WHY = {
    Quality.CLOUD: "clouds: too little light or too few stars",
    Quality.JUMP: "the telescope has jumped",
    Quality.SLEW: "the telescope was moving: stars are trailed",
    Quality.TRAIL: "a satellite crosses the chip",
    Quality.TWILIGHT: "twilight: the sky is too bright",
    Quality.EXCLUDED: "left out by exclude.csv",
}


def night_means(season: Season) -> NightMeans:
    """The nightly means of a season, those of cameras one below the other; NaN for nights without a good frame."""
    cameras = season.means
    stars = _union([one.stars for one in cameras])
    names = tuple(name for one in cameras for name in one.names)
    columns = {name: np.full((len(names), len(stars)), np.nan) for name in MEASURED}
    first = 0
    for one in cameras:
        here = np.ix_(np.arange(first, first + len(one.names)), rows_in(one.stars, stars))
        for name in MEASURED:
            columns[name][here] = getattr(one, name)
        first += len(one.names)
    middle = np.concatenate([one.bjd for one in cameras])
    order = np.argsort(np.array(names), kind="stable")
    return NightMeans(
        tuple(names[at] for at in order),
        stars,
        middle[order],
        **{name: values[order] for name, values in columns.items()},
    )


def _union(lists: Sequence[Rows]) -> Rows:
    """Stars of all cameras, by Gaia id, then TIC id."""
    every = np.concatenate(lists)
    _, first = np.unique(star_keys(every), return_index=True)
    stars = every[first]
    ordered: Rows = stars[np.lexsort((stars["tic_id"], stars["gaia_id"]))]
    return ordered


def star_rows(season: Season, means: NightMeans) -> Rows:
    """A row a star: who it is and how much it scatters; what a search finds is NaN here."""
    rows = np.zeros(len(means.stars), STAR_ROW)
    for name in STAR_ROW.names or ():
        if name in (means.stars.dtype.names or ()):
            rows[name] = means.stars[name]
        elif STAR_ROW[name].kind == "f":
            rows[name] = np.nan
    for one in season.means:
        rows["radius_px"][rows_in(one.stars, means.stars)] = one.radius_px
    known = np.isfinite(means.deviation)
    dates = np.array([name[:8] for name in means.names])
    rows["nights"] = sum(known[dates == date].any(axis=0).astype(int) for date in np.unique(dates))
    points = np.nan_to_num(means.points)
    rows["points"] = points.sum(axis=0)
    telling = np.where(points >= 2, points, 0)  # one point scatters about nothing
    for name, values in (("rms", means.rms), ("rms_expected", means.expected)):
        rows[name] = _root_mean(values, telling)
    rows["rms_night"] = _scatter(means.deviation)
    rows["rms_night_expected"] = _root_mean(means.error, known.astype(float))
    return rows


def _root_mean(values: Floats, weight: Floats) -> Floats:
    """(stars,) root of the weighted mean of squares; NaN without any."""
    held = np.where(np.isfinite(values), weight, 0)
    total = held.sum(axis=0)
    square = (held * np.nan_to_num(values) ** 2).sum(axis=0)
    return np.sqrt(quotient(square, total))


def _scatter(deviation: Floats) -> Floats:
    """(stars,) standard deviation over the nights; NaN for fewer than two."""
    known = np.isfinite(deviation)
    count = known.sum(axis=0)
    mean = np.where(known, deviation, 0).sum(axis=0) / np.maximum(count, 1)
    square = np.where(known, deviation - mean, 0) ** 2
    return np.sqrt(quotient(square.sum(axis=0), count - 1))


def frame_rows(
    folder: SeasonFolder, season: Season, kept: Mapping[str, int] = MappingProxyType({})
) -> Iterator[Rows | pa.Table]:
    """A row a frame of all nights, used or not, with the reason; night after night, as all of them are many.

    Parameters
    ----------
    folder : SeasonFolder
    season : Season
    kept : mapping of str to int
        Nights whose rows are right in the file that is there, and how-manieth piece of it they are.

    Raises
    ------
    ProductError
        What is kept of a night is damaged.
    """
    pieces = read_pieces(folder.frames, [kept[name] for name in season.names if name in kept])
    for name in season.names:
        yield next(pieces) if name in kept else _frames_of(read_summary(folder.summary(name)))


def _frames_of(summary: NightSummary) -> Rows:
    rows = np.zeros(len(summary.frames), FRAME_ROW)
    measured = summary.share.shape[1]
    for name in ("frame_id", "jd_mid", "quality", "reason", "extra", *_KEPT):
        rows[name] = summary.frames[name]
    rows["night"], rows["camera"] = summary.night.encode(), summary.camera.encode()
    rows["frame"], rows["pointing"], rows["share"], rows["jitter"] = -1, -1, np.nan, np.nan
    here = rows[:measured]
    middle = len(summary.radii) // 2
    here["frame"], here["pointing"] = np.arange(measured), summary.pointing
    here["share"], here["jitter"] = summary.share[middle, :, 0], summary.jitter[middle]
    told = np.isfinite(here["share"])
    here["used"] = told & (here["quality"] == Quality.GOOD.value.encode())
    for quality, reason in _WHY.items():
        here["reason"][here["quality"] == quality.value.encode()] = reason.encode()
    here["reason"][~told] = NO_STAR.encode()
    return rows
