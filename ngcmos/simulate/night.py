"""A whole night on disk, ready to run, and its truth.

::

    night = simulate_night("demo", load_camera(), size=512, frames=20)      # any option of `Plan`
    truth = night.truths[0]                                                 # or read_truth("demo") later

    demo/directories.json   camera.toml   tic.fits   simulation.json        camera.toml names tic.fits
    demo/nights/20240705/NG2123-2110_TIC-..._S43-....fits   evening-flat-....fits   morning-flat-....fits
    demo/calibration/bias-....fits   dark-....fits
    demo/out/
    demo/truth/truth_NG2123-2110.fits
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table, vstack

from ngcmos.config import Camera
from ngcmos.errors import UsageError, WriteError
from ngcmos.simulate.calibration import write_calibrations, write_flats
from ngcmos.simulate.detector import LOW_GAIN_SLOPE, Counts, make_chip
from ngcmos.simulate.faults import FAULTS, NO_FAULT, Fault, Shot, fault_names
from ngcmos.simulate.headers import frame_header, object_name, stamp
from ngcmos.simulate.optics import sky_to_pixels
from ngcmos.simulate.plan import Conditions, Plan, plan_conditions, plan_fields
from ngcmos.simulate.profile import resize_camera, write_camera
from ngcmos.simulate.scene import (
    Scene,
    make_scene,
    scintillation_factors,
    signal_factors,
    star_electrons,
    star_positions,
    take_frame,
)
from ngcmos.simulate.signals import Floats, Signal
from ngcmos.simulate.sky import foreign_light
from ngcmos.simulate.truth import FOLDER as TRUTH
from ngcmos.simulate.truth import Truth, write_truth

MARKER = "simulation.json"
FOREIGN_RADIUS_PX = 6.0
CALIBRATION, NIGHTS, OUT = "calibration", "nights", "out"


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedNight:
    """What `simulate_night` made.

    Attributes
    ----------
    base, folder : Path
        The base folder and the night folder in it.
    camera : ngcmos.config.Camera
        The simulated camera; `camera_file` is its profile.
    camera_file, directories_file, catalog_file : Path
    truths : list of Truth
        One a field, in the order of observation.
    """

    base: Path
    folder: Path
    camera: Camera
    camera_file: Path
    directories_file: Path
    catalog_file: Path
    truths: list[Truth]


def simulate_night(
    base: Path | str, camera: Camera, *, size: int | None = None, overwrite: bool = False, **options: Any
) -> SimulatedNight:
    """Write a night of raw frames, its calibrations and catalog, and tell its truth.

    Parameters
    ----------
    base : path
        Must be empty or not exist, unless `overwrite` and an earlier simulation is there.
    camera : ngcmos.config.Camera
    size : int, optional
        Rows and columns of the chip; those of the profile by default.
    overwrite : bool
    **options
        See `ngcmos.simulate.plan.Plan`.

    Returns
    -------
    SimulatedNight

    Raises
    ------
    UsageError
        An option makes no sense, or the folder is in use.
    """
    plan = Plan(**options)
    night = _name_parts(Path(base).absolute(), camera if size is None else resize_camera(camera, size), plan)
    names = fault_names(plan.faults)
    counts = [plan.frames + len(names)] + [plan.frames] * (plan.fields - 1)
    schedules = plan_fields(plan, night.camera, counts)
    prepare_folder(night, overwrite=overwrite)
    write_settings(night, plan)
    chip = make_chip(night.camera.detector, np.random.default_rng([plan.seed, 1]))
    write_calibrations(night.base / CALIBRATION, plan, night.camera, chip)
    write_flats(night.folder, plan, night.camera, chip)
    scenes = [make_scene(plan, night.camera, chip, schedule, index) for index, schedule in enumerate(schedules)]
    vstack([scene.sky.catalog for scene in scenes], metadata_conflicts="silent").write(night.catalog_file)
    for index, scene in enumerate(scenes):
        faults = place_faults(names if index == 0 else [], plan.frames)
        night.truths.append(write_field(night, scene, faults, index))
    return night


def _name_parts(base: Path, camera: Camera, plan: Plan) -> SimulatedNight:
    """The night before anything of it is written; its camera knows the catalog and the slope of the chip."""
    catalog_file = base / "tic.fits"
    detector = camera.detector
    if detector.gain_step_adu:
        detector = dataclasses.replace(detector, high_range_slope=LOW_GAIN_SLOPE)
    local = dataclasses.replace(camera.catalog, local=(str(catalog_file),))
    camera = dataclasses.replace(camera, catalog=local, detector=detector)
    return SimulatedNight(
        base=base,
        folder=base / NIGHTS / plan.date,
        camera=camera,
        camera_file=base / "camera.toml",
        directories_file=base / "directories.json",
        catalog_file=catalog_file,
        truths=[],
    )


def prepare_folder(night: SimulatedNight, *, overwrite: bool) -> None:
    """An empty base folder; an earlier simulation is taken away where that was asked for.

    Raises
    ------
    UsageError
        The folder holds something else, or a simulation that is to stay.
    WriteError
    """
    base = night.base
    try:
        if base.exists() and (not base.is_dir() or any(base.iterdir())):
            _take_away(night, overwrite=overwrite)
        for name in (CALIBRATION, OUT, TRUTH):
            (base / name).mkdir(parents=True)
        night.folder.mkdir(parents=True)
    except OSError as error:
        raise WriteError(f"{base}: cannot be prepared ({error})") from None


def _take_away(night: SimulatedNight, *, overwrite: bool) -> None:
    if not (night.base / MARKER).is_file():
        raise UsageError(f"{night.base}: is in use and holds no simulation, expected an empty or a new folder")
    if not overwrite:
        raise UsageError(f"{night.base}: holds a simulation, expected an empty or a new folder, or --overwrite")
    for name in (CALIBRATION, NIGHTS, OUT, TRUTH):
        if (night.base / name).exists():
            shutil.rmtree(night.base / name)
    night.catalog_file.unlink(missing_ok=True)


def write_settings(night: SimulatedNight, plan: Plan) -> None:
    """The marker, directories.json and the camera profile."""
    (night.base / MARKER).write_text(json.dumps(dataclasses.asdict(plan), indent=1, default=str), encoding="utf-8")
    lists = {"calibration_paths": [CALIBRATION], "base_paths": [NIGHTS], "out_paths": [OUT]}
    night.directories_file.write_text(json.dumps(lists, indent=1), encoding="utf-8")
    write_camera(night.camera_file, night.camera)


def place_faults(names: Sequence[str], frames: int) -> list[str]:
    """The fault of each frame of a field ("" for none), spread over the night, never first."""
    faults = [""] * (frames + len(names))
    slots = np.unique(np.linspace(1, len(faults) - 1, len(names)).round().astype(int))
    for slot, name in zip(slots.tolist(), names, strict=True):
        faults[slot] = name
    return faults


def write_field(night: SimulatedNight, scene: Scene, faults: Sequence[str], index: int) -> Truth:
    """Write the frames and the truth of one field; the truth is returned."""
    conditions = plan_conditions(scene.plan, scene.schedule, index)
    signal = signal_factors(scene)
    name = object_name(scene.schedule.field, int(scene.sky.catalog["TIC"][scene.sky.target]))
    rows, arrays = [], []
    for frame, fault in enumerate(faults):
        spoil = FAULTS.get(fault, NO_FAULT)
        seen = spoil.sky(conditions[frame])
        rng = np.random.default_rng([scene.plan.seed, 30, index, frame])
        known, counts = _one_frame(scene, seen, signal[frame], spoil, rng)
        path = night.folder / f"{name}-{stamp(scene.schedule.starts[frame])}.fits"
        _write_frame(path, scene, frame, name, counts, spoil, rng)
        rows.append(_frame_row(scene, frame, path, fault, spoil, seen))
        arrays.append(known)
    x, y, electrons, scintillation = (np.array(column) for column in zip(*arrays, strict=True))
    truth = Truth(
        field=name[: night.camera.files.field_length or None],
        target=int(scene.sky.catalog["TIC"][scene.sky.target]),
        stars=_star_table(scene),
        frames=Table(rows),
        x=x,
        y=y,
        electrons=electrons,
        scintillation=scintillation,
        bjd=scene.bjd,
    )
    write_truth(night.base, truth)
    return truth


def _one_frame(
    scene: Scene, seen: Conditions, signal: Floats, spoil: Fault, rng: np.random.Generator
) -> tuple[tuple[Floats, Floats, Floats, Floats], Counts]:
    """(x, y, electrons and scintillation) of the known stars, and the raw counts."""
    x, y = star_positions(scene, seen)
    electrons = star_electrons(scene, seen)
    electrons[scene.known] *= signal
    scintillation = scintillation_factors(scene, seen, rng)
    expected = electrons[scene.known]
    light = electrons.copy()
    light[scene.known] *= scintillation
    known_x, known_y = x[scene.known], y[scene.known]
    if spoil.other_sky:
        rows, columns = scene.camera.detector.shape
        x, y = rng.uniform(0, columns, x.size), rng.uniform(0, rows, y.size)
        expected = np.zeros_like(expected)
    counts = take_frame(scene, seen, x, y, light, rng)
    return (known_x, known_y, expected, scintillation), counts


def _write_frame(
    path: Path, scene: Scene, frame: int, name: str, counts: Counts, spoil: Fault, rng: np.random.Generator
) -> None:
    schedule = scene.schedule
    shot = Shot(scene.camera, schedule.starts[max(0, frame - 1)].isot[:23], rng)
    header = frame_header(
        scene.camera,
        name=name,
        start=schedule.starts[frame],
        exptime_s=scene.plan.exptime_s,
        told=schedule.told,
        altitude_deg=schedule.altitude_deg[frame],
    )
    spoil.write(path, spoil.pixels(counts, shot), spoil.cards(header, shot), shot)
    seconds = float(schedule.starts[frame].unix)
    os.utime(path, (seconds, seconds))


def _frame_row(scene: Scene, frame: int, path: Path, fault: str, spoil: Fault, seen: Conditions) -> dict[str, Any]:
    start = scene.schedule.starts[frame]
    return {
        "file": path.name,
        "fault": fault,
        "measurable": spoil.measurable,
        "date_obs": start.isot[:23],
        "jd_mid": (start + scene.plan.exptime_s / 2 * u.s).jd,
        "exptime_s": float(scene.plan.exptime_s),
        "shift_x": seen.shift[0],
        "shift_y": seen.shift[1],
        "transparency": seen.transparency,
        "airmass": seen.airmass,
        "altitude_deg": float(scene.schedule.altitude_deg[frame]),
        "sky_e": seen.sky_e,
        "fwhm_px": seen.fwhm_px,
    }


def _star_table(scene: Scene) -> Table:
    sky, known = scene.sky, scene.known
    x, y = sky_to_pixels(scene.schedule.optics, sky.ra, sky.dec)
    signals = [scene.signals.get(int(row), Signal()) for row in known]
    return Table(
        {
            "tic_id": np.asarray(sky.catalog["TIC"][known]),
            "gaia_id": np.asarray(sky.catalog["GAIA"].filled(0)[known]),
            "ra": sky.ra[known],
            "dec": sky.dec[known],
            "Tmag": sky.tmag[known],
            "Gmag": sky.gmag[known],
            "electrons_s": scene.rate_e_s[known],
            "blended": sky.blended[known],
            "foreign": foreign_light(x, y, scene.rate_e_s, radius_px=FOREIGN_RADIUS_PX)[known],
            "signal": [signal.kind for signal in signals],
            "amplitude": [signal.amplitude for signal in signals],
            "epoch_bjd": [signal.epoch_bjd for signal in signals],
            "duration_d": [signal.duration_d for signal in signals],
        }
    )
