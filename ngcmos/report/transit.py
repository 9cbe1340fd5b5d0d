"""The transit of a star: fitted, its neighbours checked, written as `transit_{gaia_id}.json` and a figure.

``run(config, folders, Asked(StarId(gaia_id=...)))``; all is read from tables and nothing of a night is changed, so
it works while another run is at it.
"""

import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ngcmos import __version__
from ngcmos.config import Config
from ngcmos.errors import UsageError
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import make_folder, targets_path, transit_path, write_text, write_then_rename
from ngcmos.qc.plots import write_figure
from ngcmos.qc.transit_plot import TransitPanel, plot_transit
from ngcmos.season.archive import season_folder
from ngcmos.steps.catalog import read_catalog
from ngcmos.tables.observed import Observed, StarId, observe
from ngcmos.transits.ephemeris import DEEPEST, Ephemeris, Expected
from ngcmos.transits.fit import USUAL_DURATION_D
from ngcmos.transits.neighbours import Checked, Witness
from ngcmos.transits.result import Result, find_transit, with_chain
from ngcmos.transits.targets import Target, find_star, read_targets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

TASK = "fit_transit"
PICTURES = (".png", ".pdf", ".svg")
DOTS_PER_INCH = 120
BIN = BinLength(minutes=5.0)
MOST_PANELS = 4
MINUTES_A_DAY, HOURS_A_DAY = 1440.0, 24.0


@dataclasses.dataclass(frozen=True)
class Asked:
    """Whose transit, and where the result goes.

    Attributes
    ----------
    star : StarId
    ephemeris : Ephemeris or None
        None: of the list of targets.
    json, output : path or None
        None: `transit_{gaia_id}.json` and `.png` in the night, or in the season's folder for several nights.
    mcmc : bool
        Errors by Markov chains as well.
    """

    star: StarId
    ephemeris: Ephemeris | None = None
    json: Path | None = None
    output: Path | None = None
    mcmc: bool = False

    def __post_init__(self) -> None:
        for option, path, endings in (("--json", self.json, (".json",)), ("--output", self.output, PICTURES)):
            if path is not None and path.suffix.lower() not in endings:
                raise UsageError(f"{option} is {path}, expected a name that ends in {', '.join(endings)}")


def run(config: Config, folders: list[Path], asked: Asked) -> Outcome:
    """Fit the transit of a star in one night or several; an Outcome.

    Raises
    ------
    WorkError
        No night has the star, or too few good frames of it.
    ConfigError
        The list of targets cannot be read.
    CatalogError
        The field has no usable catalog.
    """
    outcome = Outcome(TASK)
    observed, missing = observe(folders, asked.star)
    _, complaints = read_targets(targets_path(config.directories.out))
    for line in [*missing, *complaints]:
        log.warning("%s: %s", TASK, line)
    result = look(config, observed, asked.ephemeris)
    result = with_chain(result) if asked.mcmc else result
    tell(result)
    place = _place(config, folders, result)
    path = asked.json or transit_path(place, asked.star.in_file_names, ".json")
    write_text(path, json.dumps(facts_of(result), indent=1, allow_nan=False) + "\n")
    picture = asked.output or transit_path(place, asked.star.in_file_names, ".png")
    with write_then_rename(picture) as temporary:
        write_figure(draw(result), temporary, kind=picture.suffix[1:].lower(), dpi=DOTS_PER_INCH)
    for product in (path, picture):
        outcome.products.append(product)
        outcome.done.append(product.name)
        log.info("%s: written: %s", TASK, product)
    return outcome


def look(config: Config, observed: list[Observed], ephemeris: Ephemeris | None = None) -> Result:
    """What the nights tell of the star's transit, with the ephemeris given, else that of the list of targets."""
    ephemerides = (
        [ephemeris] if ephemeris else [one.ephemeris for one in targets_at(config, observed[0]) if one.ephemeris]
    )
    catalog = read_catalog(observed[0].path.parent, observed[0].field)
    scale = config.camera.detector.scale_arcsec
    return find_transit(observed, catalog, scale_arcsec=scale, ephemerides=ephemerides)


def targets_at(config: Config, observed: Observed) -> list[Target]:
    """Rows of the list of targets that mean the star."""
    targets, _ = read_targets(targets_path(config.directories.out))
    columns = (np.atleast_1d(observed.star[name]) for name in ("tic_id", "gaia_id", "ra_deg_corr", "dec_deg_corr"))
    place = tuple(columns)
    return [target for target in targets if find_star(target, *place).size]


def _place(config: Config, folders: list[Path], result: Result) -> Path:
    """Where the result lies if nobody says: in the night, or in the season of its field."""
    if len(folders) == 1:
        return folders[0]
    place = season_folder(config.directories.base, result.observed[0].field).path
    make_folder(place)
    return place


def facts_of(result: Result) -> dict[str, object]:
    """What the JSON holds; what is not known is null, as all of a transit that was neither found nor expected."""
    fit, star = result.fit, result.observed[0].star
    of_transit = {
        "depth": fit.depth,
        "depth_err": fit.depth_err,
        "mid_time_bjd": fit.mid_bjd,
        "mid_time_err_d": fit.mid_err_d,
        "duration_h": fit.duration_d * HOURS_A_DAY,
        "duration_err_h": fit.duration_err_d * HOURS_A_DAY,
        "oc_min": fit.oc_d * MINUTES_A_DAY,
    }
    of_night = {
        "chi2": fit.chi2,
        "beta": fit.beta,
        "bic_difference": fit.bic_difference,
        "depth_limit": fit.depth_limit,
        "contamination": result.contamination,
        "comparison_stars": result.comparison_stars,
        "aperture": result.aperture_px,
    }
    more = {"oc_err_min": fit.oc_err_d * MINUTES_A_DAY, "impact": fit.impact, "radius_ratio": fit.radius_ratio}
    culprit = result.culprit
    return {
        "transit": fit.is_transit,
        **{name: _known(value) if result.is_measured else None for name, value in of_transit.items()},
        **{name: _known(value) for name, value in of_night.items()},
        "gaia_id": int(star["gaia_id"]),
        "tic_id": int(star["tic_id"]),
        "field": result.observed[0].field,
        "nights": [one.night for one in result.observed],
        "errors_by": "Markov chains" if result.by_chain else "grid and residual permutation",
        "trend": fit.trend,
        "frames": len(fit.curve),
        "degrees_of_freedom": fit.degrees_of_freedom,
        **{name: _known(value) if result.is_measured else None for name, value in more.items()},
        "doubts": list(result.doubts),
        "dips": int(star["tic_id"]) if culprit is None else culprit.tic_id,
        "centre_shift_px": None if result.motion is None else result.motion.shift.tolist(),
        "centre_shift_err_px": None if result.motion is None else result.motion.error.tolist(),
        "neighbours": [_neighbour(one) for one in result.checked],
        "units": "fluxes relative, mid_time_bjd BJD_TDB, _d days, _h hours, _min minutes, aperture px",
        "creator": f"ngcmos {__version__}",
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _neighbour(one: Checked) -> dict[str, object]:
    star = one.star
    numbers = {"separation_arcsec": star.separation_arcsec, "Tmag": star.tmag, "needed_depth": one.needed_depth}
    numbers |= {"depth": star.depth, "depth_err": star.depth_err}
    ids = {"tic_id": star.tic_id, "gaia_id": star.gaia_id}
    return {**ids, **{name: _known(value) for name, value in numbers.items()}, "verdict": str(one.witness)}


def sentence(result: Result) -> str:
    """The result in a line or two."""
    fit, expected = result.fit, result.expected
    limit = limit_in_words(fit.depth_limit, _limit_h(expected))
    if not fit.is_transit:
        wanted = "" if expected is None else _expectation(expected.is_seen, expected.mid_bjd)
        sure = "" if fit.bic_difference < 0 else " beyond doubt"
        return f"no transit{sure} (BIC difference {fit.bic_difference:.1f}); {limit}{wanted}"
    oc = (
        ""
        if expected is None
        else f", O-C {fit.oc_d * MINUTES_A_DAY:+.1f} ± {fit.oc_err_d * MINUTES_A_DAY:.1f} min"
    )
    when = f"mid-time BJD_TDB {fit.mid_bjd:.5f} ± {fit.mid_err_d:.5f}{oc}"
    return (
        f"depth {fit.depth:.3%} ± {fit.depth_err:.3%}, {when}, "
        f"duration {fit.duration_d * HOURS_A_DAY:.2f} ± {fit.duration_err_d * HOURS_A_DAY:.2f} h, "
        f"BIC difference {fit.bic_difference:.0f}"
    )


def limit_in_words(depth: float, length_h: float) -> str:
    """Which transit would have been seen; limits deeper than any transit say that the frames tell nothing."""
    if not depth < DEEPEST:
        return f"these frames are too few to show a transit of {length_h:.1f} h"
    return f"a transit of {length_h:.1f} h deeper than {depth:.2%} would have been seen"


def _limit_h(expected: Expected | None) -> float:
    """How long a transit is of which a limit speaks."""
    of_ephemeris = expected is not None and expected.is_seen and expected.duration_d > 0
    return (expected.duration_d if of_ephemeris and expected else USUAL_DURATION_D) * HOURS_A_DAY


def _expectation(is_seen: bool, mid_bjd: float) -> str:
    return f"; one was expected at BJD_TDB {mid_bjd:.4f}" + ("" if is_seen else ", when there are no good frames")


def tell(result: Result) -> None:
    """The result and what speaks against it, for the log."""
    fit = result.fit
    log.info("%s: %s: %s", TASK, result.observed[0].field, sentence(result))
    log.info(
        "%s: %d frames, trend by %s, chi^2 %.0f of %d, beta %.2f, light of neighbours %.1f %% (taken off)",
        TASK,
        len(fit.curve),
        fit.trend,
        fit.chi2,
        fit.degrees_of_freedom,
        fit.beta,
        100 * result.contamination,
    )
    for doubt in result.doubts:
        log.warning("%s: %s", TASK, doubt)
    if result.culprit is not None:
        star = result.culprit
        log.warning(
            "%s: TIC %d dips, %.0f arcsec away (Tmag %.2f), not the star that was asked for: %s",
            TASK,
            star.tic_id,
            star.separation_arcsec,
            star.tmag,
            "its own curve says so"
            if np.isfinite(star.depth)
            else "the dip grows with the aperture, and the centre of the light moves, as its light would",
        )
    if result.motion is not None:
        told = "%s: at mid-dip the centre of its light lies %+.4f ± %.4f px in x and %+.4f ± %.4f px in y off"
        (x, y), (x_err, y_err) = result.motion.shift, result.motion.error
        log.info(told, TASK, x, x_err, y, y_err)
    open_cases = [one for one in result.checked if one.witness is Witness.UNKNOWN]
    if open_cases:
        named = ", ".join(f"TIC {one.star.tic_id} ({one.star.separation_arcsec:.0f} arcsec)" for one in open_cases)
        log.info(
            "%s: of the neighbours %s could make the dip too, as they have no curve that says more", TASK, named
        )


def draw(result: Result) -> "Figure":
    """Figure of the nights, of at most `MOST_PANELS` that have most of the transit."""
    star = result.observed[0].star
    gaia = f"Gaia {int(star['gaia_id'])}, " if star["gaia_id"] else ""
    who = f"{gaia}TIC {int(star['tic_id'])}, Tmag {float(star['Tmag']):.2f}: {result.observed[0].field}"
    title = f"{who}, aperture {result.aperture_px:g} px, {result.comparison_stars} comparison stars"
    curve = result.fit.curve
    panels = [_panel(result, result.observed[int(curve.night[rows.start])], rows) for rows in curve.nights]
    lost = [float((panel.trend - panel.model).sum()) for panel in panels]
    shown = sorted(np.argsort(lost)[::-1][:MOST_PANELS])
    return plot_transit([panels[index] for index in shown], title=title, said=sentence(result))


def _panel(result: Result, observed: Observed, rows: slice) -> TransitPanel:
    fit, night = result.fit, result.fit.curve.at(rows)
    trend = fit.trend_flux[rows]
    binned = bin_points(assign_bins(night.bjd_tdb, BIN), night.bjd_tdb, night.flux / trend, night.error / trend)
    expected = result.expected
    moments = None
    if expected is not None:
        turns = np.round((np.median(night.bjd_tdb) - expected.mid_bjd) / expected.period_d)
        mid = expected.mid_bjd + turns * expected.period_d
        half = expected.duration_d / 2
        moments = (mid - half, mid, mid + half, expected.mid_err_d)
    return TransitPanel(
        observed.night,
        night.bjd_tdb,
        night.flux,
        night.error,
        fit.model[rows],
        trend,
        (binned.time_d, binned.value, binned.error),
        moments,
    )
