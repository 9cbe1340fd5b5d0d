"""All that the page of a season tells, gathered from the files of the season alone.

``gather_season(folder) -> SeasonFacts``
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Bools, Floats, Ints, Rows, Shape
from ngcmos.names import Level
from ngcmos.report.summary import NightSummary
from ngcmos.report.telescope import Health, health_of
from ngcmos.season.archive import SeasonFolder, read_mark
from ngcmos.season.binned import BinnedSeason, read_binned
from ngcmos.season.health import read_numbers
from ngcmos.season.injection import Completeness, read_completeness
from ngcmos.season.reader import Season, read_table
from ngcmos.season.search import SURE_SNR
from ngcmos.season.summary import star_keys
from ngcmos.season.update import CLOCKS, COPIES, OTHERWISE, SEARCHED, Gathered
from ngcmos.stats import column_medians, mad_sigma, quotient

FEWEST_BRIGHT, MOST_BRIGHT = 10, 50  # stars that do not vary, a tenth of all, by which a night is told
MOST_USED, HALF_USED = 0.8, 0.5  # share of a night's frames: below the first look, below the second bad
COARSE = 1.5  # times the usual precision of a night: look
REASONS_TOLD = 2
_OF_FRAMES = ("zp", "fwhm_px", "sky", "transparency", "place_x", "place_y", "wcs_rms_px")


@dataclasses.dataclass(frozen=True)
class NightOfSeason:
    """How a night was.

    Attributes
    ----------
    night : str
        YYYYMMDD.
    level : Level
    why : str
        Why it is not good; "" where it is.
    frames, used : int
        All frames, and those that count.
    hours : float
        From the first frame that counts to the last.
    fine, whole : float
        What bright stars scatter by within the night in ten minutes, and their nightly means of this night.
    middle : dict of str to float
        Medians of the frames that count, by the columns of `frames.parquet`.
    """

    night: str
    level: Level
    why: str
    frames: int
    used: int
    hours: float
    fine: float
    whole: float
    middle: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonFacts:
    """All that the page tells.

    Attributes
    ----------
    field : str
    stars : Table
        By magnitude.
    nights : list of NightOfSeason
    bjd : (nights,) array
        Middle of the points of a night.
    mean, error : (nights, stars) arrays
        Nightly means of the flux less 1, and what their points let expect; NaN for nights without any.
    binned : BinnedSeason
        Its stars are in the order of `stars`.
    health : Health
    otherwise : str
        Which nights were measured in another way; "" for none.
    told : tuple of str
        What else is told of the nights.
    completeness : Completeness or None
    """

    field: str
    stars: Table
    nights: list[NightOfSeason]
    bjd: Floats
    mean: Floats
    error: Floats
    binned: BinnedSeason
    health: Health
    otherwise: str = ""
    told: tuple[str, ...] = ()
    completeness: Completeness | None = None

    @property
    def sure_dips(self) -> Bools:
        """(stars,) whether a star has dips that noise does not show."""
        sure: Bools = np.asarray(self.stars["dip_snr"], float) >= SURE_SNR
        return sure


def gather_season(
    folder: SeasonFolder,
    shape: Shape,
    summaries: Sequence[NightSummary] = (),
    gathered: Gathered | None = None,
) -> SeasonFacts:
    """The SeasonFacts of a season.

    Parameters
    ----------
    folder : SeasonFolder
    shape : (rows, columns)
        Of the chip.
    summaries : sequence of NightSummary
        Of the pages of nights.
    gathered : Gathered, optional
        What has been read already; all that is missing is read.

    Raises
    ------
    NightError
        There is no season.
    ProductError
        A file is missing or damaged.
    """
    season = Season(folder)
    stars = season.stars.copy()
    stars.sort(["Tmag", "tic_id", "gaia_id"])
    names = season.nights
    binned = _binned_of(folder, names, stars, gathered)
    frames = _frames_by_night(folder)
    dates = sorted({name[:8] for name in names} | set(frames))
    of_name = np.array([dates.index(name[:8]) for name in names], int)
    of_bin = of_name[binned.night]
    bjd, mean, error, scatter = _nightly(binned, of_bin, len(dates))
    quiet = _quiet_stars(stars, mean)
    whole = np.array([mad_sigma(row[quiet]) for row in mean])
    short = column_medians(scatter[:, quiet].T) if quiet.size else np.full(len(dates), np.nan)
    usual = _middle(np.asarray(short, float))
    scatters = zip(dates, short, whole, strict=True)
    nights = [_night(frames[date], date, float(fine), float(long), usual) for date, fine, long in scatters]
    inside = [one for one in summaries if dates and dates[0] <= one.night <= dates[-1]]
    mark = read_mark(folder.stars)
    told = (str(mark.get(name, "")) for name in (CLOCKS, COPIES, SEARCHED))
    health = health_of(read_numbers(folder, shape, gathered.health if gathered else {}), inside)
    kept = read_completeness(folder)
    return SeasonFacts(
        folder.field,
        stars,
        nights,
        bjd,
        mean,
        error,
        binned,
        health,
        str(mark.get(OTHERWISE, "")),
        tuple(filter(None, told)),
        kept,
    )


def _binned_of(
    folder: SeasonFolder, names: Sequence[str], stars: Table, gathered: Gathered | None
) -> BinnedSeason:
    """The bins of the nights, stars in the order of the table."""
    rows = stars.as_array()
    if gathered is None or list(gathered.names) != list(names):
        return read_binned([folder.bins(name) for name in names], rows)
    there = star_keys(gathered.binned.stars)
    order = np.argsort(there)
    return dataclasses.replace(
        gathered.binned.of_stars(order[np.searchsorted(there[order], star_keys(rows))]), stars=rows
    )


def _nightly(binned: BinnedSeason, of_bin: Ints, nights: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Middle, (nights, stars) means less 1, their errors, and the scatter of the bins about them."""
    bjd = np.full(nights, np.nan)
    mean, error, scatter = np.full((3, nights, len(binned.stars)), np.nan)
    for night in np.unique(of_bin):
        here = of_bin == night
        flux, sigma = binned.flux[here].astype(float), binned.error[here].astype(float)
        known = np.isfinite(flux) & np.isfinite(sigma) & (sigma > 0)
        weight = np.where(known, sigma, np.inf) ** -2.0
        total, count = weight.sum(axis=0), known.sum(axis=0)
        held = np.where(known, flux - 1, 0)
        mean[night] = quotient((weight * held).sum(axis=0), total)
        error[night] = np.sqrt(quotient(1, total))
        away = np.where(known, held - np.nan_to_num(mean[night]), 0)
        scatter[night] = np.sqrt(quotient((away**2).sum(axis=0), count - 1))
        bjd[night] = np.median(binned.time[here])
    return bjd, mean, error, scatter


def _quiet_stars(stars: Table, mean: Floats) -> Ints:
    """The brightest stars that neither vary nor dip and have their place in most nights."""
    nights = np.isfinite(mean).sum(axis=0)
    restless = np.asarray(stars["variable"], bool) | (np.asarray(stars["dip_snr"], float) >= SURE_SNR)
    good = ~restless & (nights >= 0.5 * nights.max(initial=1))
    quiet: Ints = np.flatnonzero(good)[: int(np.clip(0.1 * len(stars), FEWEST_BRIGHT, MOST_BRIGHT))]
    return quiet


def _frames_by_night(folder: SeasonFolder) -> dict[str, Rows]:
    """The frames of each night, those of all telescopes together; one without any has no rows."""
    frames = read_table(folder.frames, ("night", "used", "reason", "jd_mid", *_OF_FRAMES)).as_array()
    rows = collections.defaultdict(list)
    for row, night in enumerate(frames["night"].tolist()):
        rows[night].append(row)
    return collections.defaultdict(lambda: frames[:0], {night: frames[own] for night, own in rows.items()})


def _night(own: Rows, date: str, fine: float, whole: float, usual: float) -> NightOfSeason:
    used = np.asarray(own["used"], bool)
    counting = own[used] if used.any() else own
    jd = np.asarray(counting["jd_mid"], float)
    level, why = judge_night(own, fine=fine, usual=usual)
    return NightOfSeason(
        night=date,
        level=level,
        why=why,
        frames=len(own),
        used=int(used.sum()),
        hours=24 * float(np.ptp(jd[np.isfinite(jd)])) if np.isfinite(jd).any() else 0.0,
        fine=fine,
        whole=whole,
        middle={name: _middle(np.asarray(counting[name], float)) for name in _OF_FRAMES},
    )


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def judge_night(own: Rows | Table, *, fine: float, usual: float) -> tuple[Level, str]:
    """The verdict of a night by itself, and why it is not good.

    Parameters
    ----------
    own : structured array or Table
        Its frames.
    fine, usual : float
        What bright stars scatter by in it, and in the middle one of all nights.
    """
    used = np.asarray(own["used"], bool)
    share = float(used.mean()) if used.size else 0.0
    reasons = collections.Counter(str(row["reason"]).partition(":")[0] for row in own[~used])
    told = [f"{reason or 'no reason known'} ({count})" for reason, count in reasons.most_common(REASONS_TOLD)]
    found = [f"{used.sum()} of {used.size} frames count: {', '.join(told)}"] if share < MOST_USED else []
    if fine > COARSE * usual:
        found.append(f"bright stars scatter {fine / usual:.1f} times as much as usual")
    level = Level.BAD if share < HALF_USED else Level.LOOK if found else Level.GOOD
    return level, "; ".join(found)
