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
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from ngcmos.config import Camera
from ngcmos.simulate.base import CALIBRATION, SimulatedNight, name_parts, prepare_folder, write_settings
from ngcmos.simulate.calibration import write_calibrations, write_flats
from ngcmos.simulate.conditions import Conditions, plan_conditions
from ngcmos.simulate.detector import Counts, make_chip
from ngcmos.simulate.faults import FAULTS, NO_FAULT, Fault, Shot, fault_names
from ngcmos.simulate.headers import frame_header, object_name, stamp
from ngcmos.simulate.optics import sky_to_pixels
from ngcmos.simulate.plan import Plan, plan_fields
from ngcmos.simulate.profile import simulated_camera
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
from ngcmos.simulate.truth import Truth, write_truth

FOREIGN_RADIUS_PX = 6.0


def simulate_night(
    base: Path | str,
    camera: Camera,
    *,
    size: int | None = None,
    overwrite: bool = False,
    plan: Plan | None = None,
    **options: Any,
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
    plan : Plan, optional
    **options
        Of a plan, where none is given: see `ngcmos.simulate.plan.Plan`.

    Raises
    ------
    UsageError
        An option makes no sense, or the folder is in use.
    """
    plan = plan or Plan(**options)
    camera = simulated_camera(camera, size)
    night = name_parts(Path(base).absolute(), camera, plan.date, plan.telescope)
    names = fault_names(plan.faults)
    counts = [plan.frames + len(names)] + [plan.frames] * (plan.fields - 1)
    schedules = plan_fields(plan, night.camera, counts)
    prepare_folder(night, overwrite=overwrite)
    write_settings(night, dataclasses.asdict(plan))
    chip = make_chip(night.camera.detector, plan.rng(1))
    write_calibrations(night.base / CALIBRATION, plan, night.camera, chip)
    write_flats(night.folder, plan, night.camera, chip)
    scenes = [make_scene(plan, night.camera, chip, schedule, index) for index, schedule in enumerate(schedules)]
    write_catalog(night, scenes)
    write_fields(night, scenes, names)
    return night


def write_catalog(night: SimulatedNight, scenes: Sequence[Scene]) -> None:
    """Write the stars of all fields as the TIC lists them."""
    vstack([scene.sky.catalog for scene in scenes], metadata_conflicts="silent").write(night.catalog_file)


def write_fields(night: SimulatedNight, scenes: Sequence[Scene], names: Sequence[str]) -> None:
    """Write the frames and the truth of all fields; faults of these names are put into the first."""
    for index, scene in enumerate(scenes):
        own = names if index == 0 else []
        faults = place_faults(own, len(scene.schedule.starts) - len(own))
        night.truths.append(_write_field(night, scene, faults, index))


def place_faults(names: Sequence[str], frames: int) -> list[str]:
    """The fault of each frame of a field ("" for none), spread over the night, never first."""
    faults = [""] * (frames + len(names))
    slots = np.unique(np.linspace(1, len(faults) - 1, len(names)).round().astype(int))
    for slot, name in zip(slots.tolist(), names, strict=True):
        faults[slot] = name
    return faults


def _write_field(night: SimulatedNight, scene: Scene, faults: Sequence[str], index: int) -> Truth:
    """Write the frames and the truth of one field; the truth is returned."""
    conditions = plan_conditions(scene.plan, scene.schedule, index)
    signal = signal_factors(scene)
    name = object_name(scene.schedule.field, int(scene.sky.catalog["TIC"][scene.sky.target]))
    rows, arrays = [], []
    for frame, fault in enumerate(faults):
        spoil = FAULTS.get(fault, NO_FAULT)
        seen = spoil.sky(conditions[frame])
        rng = scene.plan.rng(30, index, frame)
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
    write_truth(night.truth_folder, truth)
    return truth


def _one_frame(
    scene: Scene, seen: Conditions, signal: Floats, spoil: Fault, rng: np.random.Generator
) -> tuple[tuple[Floats, Floats, Floats, Floats], Counts]:
    """(x, y, electrons and scintillation) of the known stars, and the raw counts."""
    x, y = star_positions(scene, seen)
    electrons = star_electrons(scene, seen, x, y)
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
        setup=schedule.setups[frame],
        told=schedule.told,
        altitude_deg=schedule.altitude_deg[frame],
    )
    spoil.write(path, spoil.pixels(counts, shot), spoil.cards(header, shot), shot)
    seconds = float(schedule.starts[frame].unix)
    os.utime(path, (seconds, seconds))


def _frame_row(scene: Scene, frame: int, path: Path, fault: str, spoil: Fault, seen: Conditions) -> dict[str, Any]:
    schedule = scene.schedule
    return {
        "file": path.name,
        "fault": fault,
        "measurable": spoil.measurable,
        "date_obs": schedule.starts[frame].isot[:23],
        "jd_mid": schedule.middle[frame].jd,
        "exptime_s": float(seen.setup.exptime_s),
        "filter": seen.setup.filter,
        "shift_x": seen.shift[0],
        "shift_y": seen.shift[1],
        "transparency": seen.transparency,
        "airmass": seen.airmass,
        "altitude_deg": float(schedule.altitude_deg[frame]),
        "sky_e": seen.sky_e,
        "fwhm_px": seen.fwhm_px,
        "flipped": seen.flipped,
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
            "bp_rp": sky.colour[known],
            "electrons_s": scene.rate_e_s[known],
            "blended": sky.blended[known],
            "foreign": foreign_light(x, y, scene.rate_e_s, radius_px=FOREIGN_RADIUS_PX)[known],
            "signal": [signal.kind for signal in signals],
            "amplitude": [signal.amplitude for signal in signals],
            "epoch_bjd": [signal.epoch_bjd for signal in signals],
            "duration_d": [signal.duration_d for signal in signals],
            "period_d": [signal.period_d for signal in signals],
        }
    )
