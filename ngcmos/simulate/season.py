"""Several nights of one sky and one chip on disk, ready to run, and their truth.

::

    season = simulate_season("demo", load_camera(), Season(nights=3, plan=Plan(frames=20)), size=512)
    truth = season.truths[0]                                   # or read_season_truth("demo") later

    demo/                   as of `ngcmos.simulate.night`, with a folder a night in nights/
    demo/truth/20240705/truth_NG2123-2110.fits                 of a night
    demo/truth/season_NG2123-2110.fits                         of all nights

Each night has weather, Moon, pointing and flats of its own; no flat sees the slope of its light over the chip.
"""

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table, unique, vstack

from ngcmos.config import Camera
from ngcmos.errors import UsageError
from ngcmos.simulate.base import CALIBRATION, SimulatedNight, name_parts, prepare_folder, write_settings
from ngcmos.simulate.calibration import write_calibrations, write_flats
from ngcmos.simulate.conditions import night_terms
from ngcmos.simulate.detector import Chip, make_chip
from ngcmos.simulate.ephemeris import barycentric_dates
from ngcmos.simulate.faults import fault_names
from ngcmos.simulate.night import write_catalog, write_fields
from ngcmos.simulate.optics import sky_to_pixels
from ngcmos.simulate.plan import Plan, Schedule, plan_fields
from ngcmos.simulate.profile import simulated_camera
from ngcmos.simulate.scene import field_sky, known_stars, make_scene
from ngcmos.simulate.signals import Floats, Signal
from ngcmos.simulate.sky import Rows, Sky
from ngcmos.simulate.truth import SeasonTruth, Truth, write_season_truth
from ngcmos.simulate.variables import Variables, draw_season_signals, transits_seen

GAPS = (0.75, 0.15, 0.1)  # chances that the next night follows after 1, 2, 3 days
CLOUDED_NIGHTS = 0.35
CLOUDED_SHARE = 0.2  # of the frames of such a night: 7 % of all
CLEAREST_CLOUD, DENSEST_CLOUD = 0.9, 0.5
FLIPPED_NIGHTS = 1 / 6  # half of them from the beginning, half from the middle on
SEEING = 0.08  # scatter of the width of stars from night to night, relative
AIR = 0.02  # scatter of the clearness of the air from night to night
OFFSET = 0.01  # scatter of the field's place, of the chip's width
EDGE = 0.06  # of the chip's width: stars nearer to the edge do not vary


@dataclasses.dataclass(frozen=True)
class Step:
    """What changes for good at a night (0-based).

    Attributes
    ----------
    night : int
    what : str
        "focus": stars become wider by so many px; "dust": the mirror passes so much of the light; "pointing": the
        field sits so many px further to the right.
    amount : float
    """

    night: int
    what: str
    amount: float

    def __post_init__(self) -> None:
        if self.what not in ("focus", "dust", "pointing"):
            raise UsageError(f"a step of {self.what!r} is not known, expected focus, dust or pointing")


@dataclasses.dataclass(frozen=True)
class Season:
    """The options of a simulated season.

    Attributes
    ----------
    nights : int
        Of one in four a neighbour is lost, so they span more days.
    plan : Plan
        What all nights have in common; its date is the first evening.
    variables : Variables
    slope : float
        Root mean square over the chip of what the flats of a night do not see.
    colour_extinction_mag : float
        See `Plan`.
    quiet : bool
        No clouds, no flips, no gaps, no change of seeing, air and pointing from night to night.
    steps : sequence of Step
    """

    nights: int
    plan: Plan
    variables: Variables = dataclasses.field(default_factory=Variables)
    slope: float = 0.004
    colour_extinction_mag: float = -0.008
    quiet: bool = False
    steps: Sequence[Step] = ()

    def __post_init__(self) -> None:
        if self.nights < 1:
            raise UsageError(f"nights is {self.nights}, expected 1 or more")


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedSeason:
    """What `simulate_season` made: its nights, and a SeasonTruth a field."""

    nights: list[SimulatedNight]
    truths: list[SeasonTruth]

    @property
    def base(self) -> Path:
        """The base folder."""
        return self.nights[0].base


def simulate_season(
    base: Path | str, camera: Camera, season: Season, *, size: int | None = None, overwrite: bool = False
) -> SimulatedSeason:
    """Write several nights of raw frames, their calibrations and catalog, and tell their truth.

    Parameters
    ----------
    base, size, overwrite
        As of `ngcmos.simulate.night.simulate_night`.
    camera : ngcmos.config.Camera
    season : Season

    Raises
    ------
    UsageError
        An option makes no sense, the folder is in use, or the field is too low on one of the nights.
    """
    camera = simulated_camera(camera, size)
    first = name_parts(Path(base).absolute(), camera, season.plan.date, season.plan.telescope)
    plans = [plan_night(season, number, date, camera) for number, date in enumerate(season_dates(season))]
    schedules = _schedule_nights(plans, first.camera)
    prepare_folder(first, overwrite=overwrite)
    write_settings(first, dataclasses.asdict(season))
    chip = make_chip(first.camera.detector, season.plan.rng(1))
    write_calibrations(first.base / CALIBRATION, season.plan, first.camera, chip)
    seen = schedules
    if season.plan.telescope:  # stars do the same whoever looks
        seen = _schedule_nights([dataclasses.replace(plan, telescope=0) for plan in plans], first.camera)
    signals = [_draw_signals(season, first.camera, index, seen) for index in range(season.plan.fields)]
    nights = [
        _write_night(first, plan, chip, of_night, signals) for plan, of_night in zip(plans, schedules, strict=True)
    ]
    truths = [_season_truth(plans, schedules, nights, index) for index in range(season.plan.fields)]
    for truth in truths:
        write_season_truth(first.truth_folder, truth)
    return SimulatedSeason(nights, truths)


def season_dates(season: Season) -> list[str]:
    """Evenings of the nights that weather left."""
    rng = np.random.default_rng([season.plan.seed, 51])
    gaps = rng.choice([1, 2, 3], season.nights - 1, p=GAPS) if not season.quiet else np.ones(season.nights - 1)
    first = _evening(season.plan.date)
    days = np.concatenate([[0], np.cumsum(gaps)])
    return [(first + datetime.timedelta(days=int(day))).strftime("%Y%m%d") for day in days]


def _evening(date: str) -> datetime.date:
    try:
        return datetime.datetime.strptime(date, "%Y%m%d").date()
    except ValueError:
        raise UsageError(f"date is {date!r}, expected the evening as 20240705") from None


def plan_night(season: Season, number: int, date: str, camera: Camera) -> Plan:
    """The plan of one night: what is common, its own weather, Moon and pointing, and the steps before it."""
    plan = dataclasses.replace(
        season.plan,
        date=date,
        night=number,
        moon=True,
        slope=season.slope,
        colour_extinction_mag=season.colour_extinction_mag,
    )
    if not season.quiet:
        plan = _weather(plan, camera)
    for step in season.steps:
        if number >= step.night:
            plan = _step(plan, step)
    return plan


def _weather(plan: Plan, camera: Camera) -> Plan:
    rng = plan.rng(50)
    clouds: list[tuple[int, int, float]] = []
    if rng.random() < CLOUDED_NIGHTS:
        length = max(1, round(CLOUDED_SHARE * plan.frames))
        first = int(rng.integers(0, plan.frames - length + 1))
        clouds = [(first, first + length - 1, float(rng.uniform(DENSEST_CLOUD, CLEAREST_CLOUD)))]
    turned = rng.random() < FLIPPED_NIGHTS
    dx, dy = rng.normal(0, OFFSET * camera.detector.columns, 2).tolist()
    return dataclasses.replace(
        plan,
        clouds=(*plan.clouds, *clouds),
        flip_frame=int(rng.choice([0, plan.frames // 2])) if turned else plan.flip_frame,
        offset_px=(plan.offset_px[0] + dx, plan.offset_px[1] + dy),
        fwhm_px=plan.fwhm_px * float(np.exp(rng.normal(0, SEEING))),
        throughput=plan.throughput * float(np.exp(-np.abs(rng.normal(0, AIR)))),
    )


def _step(plan: Plan, step: Step) -> Plan:
    if step.what == "focus":
        return dataclasses.replace(plan, fwhm_px=plan.fwhm_px + step.amount)
    if step.what == "dust":
        return dataclasses.replace(plan, throughput=plan.throughput * step.amount)
    return dataclasses.replace(plan, offset_px=(plan.offset_px[0] + step.amount, plan.offset_px[1]))


def _schedule_nights(plans: Sequence[Plan], camera: Camera) -> list[list[Schedule]]:
    """Schedules of the fields of each night, those of the night in the middle of the season highest."""
    counts = [[plan.frames + len(fault_names(plan.faults) if plan.night == 0 else [])] for plan in plans]
    counts = [first + [plans[0].frames] * (plans[0].fields - 1) for first in counts]
    middle = len(plans) // 2
    like = plan_fields(plans[middle], camera, counts[middle])
    return [plan_fields(plan, camera, count, like=like) for plan, count in zip(plans, counts, strict=True)]


def _draw_signals(
    season: Season, camera: Camera, index: int, schedules: Sequence[Sequence[Schedule]]
) -> dict[int, Signal]:
    """What the stars of a field do all season."""
    schedule = schedules[0][index]
    sky = field_sky(season.plan, camera, schedule, index)
    rng = np.random.default_rng([season.plan.seed, 22, index])
    rows = _inner(schedule, sky, known_stars(schedule.optics, sky, camera))
    nights = _mid_dates(camera, [of_night[index] for of_night in schedules])
    return draw_season_signals(rng, sky, rows, nights, season.variables)


def _inner(schedule: Schedule, sky: Sky, rows: Rows) -> Rows:
    """Of these stars those that no usual offset of the field brings over the edge of the chip."""
    optics = schedule.optics
    x, y = sky_to_pixels(optics, sky.ra[rows], sky.dec[rows])
    edge = EDGE * min(optics.rows, optics.columns)
    return rows[(x > edge) & (x < optics.columns - edge) & (y > edge) & (y < optics.rows - edge)]


def _mid_dates(camera: Camera, schedules: Sequence[Schedule]) -> list[Floats]:
    """BJD_TDB of the frames of each night, for the centre of the field."""
    optics = schedules[0].optics
    centre = [optics.ra], [optics.dec]
    return [barycentric_dates(schedule.middle, *centre, camera.site)[:, 0] for schedule in schedules]


def _write_night(
    first: SimulatedNight,
    plan: Plan,
    chip: Chip,
    schedules: Sequence[Schedule],
    signals: Sequence[dict[int, Signal]],
) -> SimulatedNight:
    night = dataclasses.replace(
        first,
        folder=first.folder.with_name(plan.date),
        truth_folder=first.truth_folder / plan.date,
        truths=[],
    )
    for folder in (night.folder, night.truth_folder):
        folder.mkdir(exist_ok=True)
    write_flats(night.folder, plan, night.camera, chip)
    scenes = [
        make_scene(plan, night.camera, chip, schedule, index, signals[index])
        for index, schedule in enumerate(schedules)
    ]
    if plan.night == 0:
        write_catalog(night, scenes)
    write_fields(night, scenes, fault_names(plan.faults) if plan.night == 0 else [])
    return night


def _season_truth(
    plans: Sequence[Plan],
    schedules: Sequence[Sequence[Schedule]],
    nights: Sequence[SimulatedNight],
    index: int,
) -> SeasonTruth:
    truths = [night.truths[index] for night in nights]
    frames = [_with_night(truth, night) for truth, night in zip(truths, nights, strict=True)]
    rows = [_night_row(plan, of_night[index]) for plan, of_night in zip(plans, schedules, strict=True)]
    return SeasonTruth(
        field=truths[0].field,
        target=truths[0].target,
        stars=_season_stars(truths),
        frames=vstack(frames, metadata_conflicts="silent"),
        nights=Table(rows),
    )


def _with_night(truth: Truth, night: SimulatedNight) -> Table:
    frames = truth.frames.copy()
    frames.add_column([night.folder.name] * len(frames), name="night", index=0)
    return frames


def _season_stars(truths: Sequence[Truth]) -> Table:
    """The stars of all nights as the first night that knows them tells of them."""
    stars = unique(vstack([truth.stars for truth in truths], metadata_conflicts="silent"), keys="tic_id")
    stars["transits"] = 0
    for row in stars[stars["signal"] != "constant"]:
        known = [truth for truth in truths if row["tic_id"] in truth.stars["tic_id"]]
        dates = [truth.bjd[:, truth.star(row["tic_id"])] for truth in known]
        signal = Signal(row["signal"], row["amplitude"], row["epoch_bjd"], row["duration_d"], row["period_d"])
        stars["transits"][stars["tic_id"] == row["tic_id"]] = transits_seen(signal, dates)
    return stars


def _night_row(plan: Plan, schedule: Schedule) -> dict[str, object]:
    frames = len(schedule.starts)
    return {
        "night": plan.date,
        "frames": frames,
        "clouded": sum(min(last, frames - 1) + 1 - first for first, last, _ in plan.clouds if first < frames),
        "offset_x": plan.offset_px[0],
        "offset_y": plan.offset_px[1],
        "flip_frame": -1 if plan.flip_frame is None else plan.flip_frame,
        "moon": float(schedule.moon.mean()),
        "throughput": plan.throughput,
        "fwhm_px": plan.fwhm_px,
        "slope": np.array(night_terms(plan)) if plan.slope else np.zeros(5),
    }
