"""Raw bias, dark and twilight flat frames of a simulated night."""

import os
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.time import Time

from ngcmos.config import Camera
from ngcmos.simulate.detector import Chip, Counts, expose
from ngcmos.simulate.ephemeris import local_midnight
from ngcmos.simulate.faults import write_image
from ngcmos.simulate.headers import frame_header, stamp
from ngcmos.simulate.plan import Plan, flat_times

BIAS_S, FLAT_S = 0.0, 2.0
DARK_S = 10.0
FLAT_LEVEL = 0.45  # of saturation, in the first flat
FLAT_STEP_S = 15.0
FLAT_CHANGE = 0.93  # from one flat to the next darker one
MONTH_D = 30.0


def write_calibrations(folder: Path, plan: Plan, camera: Camera, chip: Chip) -> None:
    """`plan.calibrations` bias and dark frames, taken a month before the night."""
    month = local_midnight(plan.date, camera.site) - MONTH_D * u.day
    for kind, (name, exptime_s) in enumerate((("bias", BIAS_S), ("dark", DARK_S))):
        for number in range(plan.calibrations):
            start = month + (kind * 3600 + number * (exptime_s + 1)) * u.s
            rng = plan.rng(40, kind, number)
            counts = expose(chip, np.float32(0), exptime_s, rng)
            _write(folder, name, camera, start, exptime_s, counts)


def write_flats(folder: Path, plan: Plan, camera: Camera, chip: Chip) -> None:
    """`plan.calibrations` evening and as many morning flats."""
    for kind, name in enumerate(("evening-flat", "morning-flat")):
        first = flat_times(plan, camera.site, evening=kind == 0)
        for number in range(plan.calibrations):
            steps = number if kind == 0 else number - plan.calibrations
            dimming = FLAT_CHANGE ** (number if kind == 0 else plan.calibrations - 1 - number)
            start = first + steps * FLAT_STEP_S * u.s
            rng = plan.rng(41, kind, number)
            level = np.float32(FLAT_LEVEL * camera.detector.saturation_adu * camera.detector.gain_e_adu * dimming)
            _write(folder, name, camera, start, FLAT_S, expose(chip, level, FLAT_S, rng))


def _write(folder: Path, name: str, camera: Camera, start: Time, exptime_s: float, counts: Counts) -> None:
    header = frame_header(camera, name=name, start=start, exptime_s=exptime_s)
    path = folder / f"{name}-{stamp(start)}.fits"
    write_image(path, counts, header)
    os.utime(path, (float(start.unix), float(start.unix)))
