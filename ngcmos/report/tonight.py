"""A night against the earlier nights of a field's season: place, zero point, FWHM, sky, precision; dips foreseen.

``read_tonight(config, field, night) -> Tonight | None``; ``judge_tonight(...)`` gives reasons to look.
"""

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Sequence

import numpy as np
from astropy.table import Row

from ngcmos.arrays import Bools, Floats
from ngcmos.config import Config
from ngcmos.errors import NightError, ProductError
from ngcmos.names import Level, star_name
from ngcmos.report.summary import NightSummary
from ngcmos.report.telescope import health_of, say_step
from ngcmos.report.verdict import Reason
from ngcmos.season.archive import season_folder
from ngcmos.season.binned import BinnedSeason, read_binned
from ngcmos.season.health import NightNumbers, read_numbers
from ngcmos.season.pointings import REACH_SHARE
from ngcmos.season.reader import Season
from ngcmos.season.search import SURE_SNR
from ngcmos.stats import quotient

TELESCOPE, PLACE = "telescope", "place of the field"
FEWEST_EARLIER = 2
SEEN_SIGMA = 3.0  # of a dip in one night
MOST_TOLD = 5
RECENT = 2  # nights within which a step is named
_ROWS = (
    ("zero point of a clear frame [mag]", "clear_zp", ".3f", 1.0),
    ("FWHM [px]", "fwhm_px", ".2f", 1.0),
    ("sky [ADU]", "sky", ".0f", 1.0),
    ("scatter of bright stars [%]", "precision", ".3f", 100.0),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Tonight:
    """A field in a night, and its earlier nights.

    Attributes
    ----------
    own : NightNumbers
    earlier : list of NightNumbers
    dips : list of str
        Dips of known stars in this night, in words.
    """

    own: NightNumbers
    earlier: Sequence[NightNumbers]
    dips: Sequence[str] = ()

    @property
    def away_px(self) -> float:
        """How far the field lies from its usual place; NaN where that is not known."""
        if len(self.earlier) < FEWEST_EARLIER:
            return float("nan")
        usual = [np.nanmedian([getattr(one, name) for one in self.earlier]) for name in ("off_x_px", "off_y_px")]
        return float(np.hypot(self.own.off_x_px - usual[0], self.own.off_y_px - usual[1]))

    def rows(self) -> list[list[object]]:
        """What, tonight, in the middle of the earlier nights, from, to."""
        rows: list[list[object]] = []
        for said, name, form, scale in _ROWS:
            before = np.array([getattr(one, name) for one in self.earlier], float)
            known = scale * before[np.isfinite(before)]
            span = (
                [float(np.median(known)), float(known.min()), float(known.max())] if known.size else [np.nan] * 3
            )
            rows.append([said, *(_cell(value, form) for value in (scale * getattr(self.own, name), *span))])
        return [["place on the chip, from the usual one [px]", _cell(self.away_px, ".1f"), "–", "–", "–"], *rows]


def _cell(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"


def read_tonight(config: Config, field: str, night: str) -> Tonight | None:
    """The Tonight of a field; None where its season does not have the night, or is damaged.

    Parameters
    ----------
    config : Config
    field, night : str
    """
    folder = season_folder(config.directories.base, field)
    try:
        season = Season(folder)
        numbers = read_numbers(folder, config.camera.detector.shape)
        own = [one for one in numbers if one.night == night]
        if not own:
            return None
        names = [name for name in season.nights if name[:8] == night]
        binned = read_binned([folder.bins(name) for name in names], season.stars.as_array())
        dips = list(dips_of(season.stars, binned))
    except (NightError, ProductError):
        return None
    return Tonight(own[0], [one for one in numbers if one.night < night], dips[:MOST_TOLD])


def judge_tonight(field: str, tonight: Tonight, summaries: Sequence[NightSummary], width_px: int) -> list[Reason]:
    """Reasons to look that the earlier nights give.

    Parameters
    ----------
    field : str
    tonight : Tonight
    summaries : sequence of NightSummary
        Of this night and earlier ones.
    width_px : int
        Of the chip: a hundredth of it away from its usual place is far.
    """
    found = []
    if tonight.away_px > REACH_SHARE * width_px:
        found.append(
            Reason(Level.LOOK, PLACE, f"{field}: {tonight.away_px:.0f} px from where it lay in earlier nights")
        )
    health = health_of([*tonight.earlier, tonight.own], summaries)
    steps = [say_step(*step) for step in health.steps if step[1] in health.nights[-RECENT:]]
    return found + [Reason(Level.LOOK, TELESCOPE, f"{field}: {step}") for step in steps]


def dips_of(stars: Sequence[Row], binned: BinnedSeason) -> Iterable[str]:
    """What became of the dips that known stars should have in these bins, the surest stars first."""
    sure = [star for star in range(len(stars)) if stars[star]["dip_snr"] >= SURE_SNR]
    for star in sorted(sure, key=lambda one: -float(stars[one]["dip_snr"])):
        row = stars[star]
        told = _say_dip(row, binned, star)
        if told:
            yield f"{star_name(int(row['tic_id']))} (Tmag {row['Tmag']:.1f}): {told}"


def _say_dip(row: Row, binned: BinnedSeason, star: int) -> str:
    """The dip of a star in these bins; "" where none falls into them."""
    period, middle, length_d = (
        float(row["dip_period_d"]),
        float(row["dip_t0_bjd"]),
        float(row["dip_duration_h"]) / 24,
    )
    single = not np.isfinite(period)
    number = 0.0 if single else np.round((binned.time - middle) / period)
    away = binned.time - middle - (0.0 if single else number * period)
    measure = functools.partial(_level, binned.flux[:, star].astype(float), binned.error[:, star].astype(float))
    inside, error_in = measure(np.abs(away) < 0.5 * length_d)
    outside, error_out = measure(np.abs(away) > 0.6 * length_d)
    depth, error = outside - inside, float(np.hypot(error_in, error_out))
    if not np.isfinite(depth):
        return ""
    at = binned.time[np.abs(away).argmin()]
    clock = datetime.datetime.fromtimestamp((at - 2440587.5) * 86400, datetime.UTC).strftime("%H:%M")
    kind = "a single dip" if single else f"the dip of every {period:.5g} d"
    if depth >= SEEN_SIGMA * error:
        return f"{kind} of {depth:.2%} is seen at {clock} UTC"
    return "" if float(row["dip_depth"]) < 2 * SEEN_SIGMA * error else f"{kind} is not seen at {clock} UTC"


def _level(flux: Floats, error: Floats, here: Bools) -> tuple[float, float]:
    """Weighted mean and its error; NaN for fewer than two bins."""
    held = here & np.isfinite(flux) & (error > 0) & np.isfinite(error)
    if held.sum() < 2:
        return float("nan"), float("nan")
    weight = error[held] ** -2.0
    return float((weight * flux[held]).sum() / weight.sum()), float(quotient(1, np.sqrt(weight.sum())))
