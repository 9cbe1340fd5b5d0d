"""Raw bias, dark and twilight flat frames of a simulated night."""

import dataclasses
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
from ngcmos.simulate.setups import PLAIN, Setup, chip_of, different

BIAS_S, FLAT_S = 0.0, 2.0
DARK_S = 10.0
FLAT_LEVEL = 0.45  # of saturation, in the first flat
FLAT_STEP_S = 15.0
FLAT_CHANGE = 0.93  # from one flat to the next darker one
MONTH_D = 30.0
NAMES = ("evening-flat", "morning-flat")


def write_calibrations(folder: Path, plan: Plan, camera: Camera, chip: Chip) -> None:
    """`plan.calibrations` bias and dark frames of each gain and offset, taken a month before the night."""
    month = local_midnight(plan.date, camera.site) - MONTH_D * u.day
    for turn, gain in enumerate(different(plan.setups or [PLAIN], "gain", "offset_adu")):
        set_chip = chip_of(chip, dataclasses.replace(gain, rings=0), plan.seed)
        for kind, (name, exptime_s) in enumerate((("bias", BIAS_S), ("dark", DARK_S))):
            setup = dataclasses.replace(gain, exptime_s=exptime_s, filter="")
            for number in range(plan.calibrations):
                start = month + (turn * 7200 + kind * 3600 + number * (exptime_s + 1)) * u.s
                counts = expose(set_chip, np.float32(0), exptime_s, plan.rng(40, kind, number, *_key(turn)))
                _write(folder, name, camera, start, setup, counts)


def write_flats(folder: Path, plan: Plan, camera: Camera, chip: Chip) -> None:
    """`plan.calibrations` evening and as many morning flats of each filter, gain and offset."""
    dusk, dawn = (flat_times(plan, camera.site, evening=evening) for evening in (True, False))
    for turn, light in enumerate(different(plan.setups or [PLAIN], "filter", "gain", "offset_adu")):
        setup = dataclasses.replace(light, exptime_s=FLAT_S)
        set_chip = chip_of(chip, setup, plan.seed)
        for number in range(plan.calibrations):
            late, early = turn * plan.calibrations + number, (turn + 1) * plan.calibrations - number
            times = dusk + late * FLAT_STEP_S * u.s, dawn - early * FLAT_STEP_S * u.s
            darker = number, plan.calibrations - 1 - number
            for kind, (name, start, steps) in enumerate(zip(NAMES, times, darker, strict=True)):
                rng = plan.rng(41, kind, number, *_key(turn))
                counts = expose(set_chip, _flat_level(set_chip, FLAT_CHANGE**steps), FLAT_S, rng)
                _write(folder, name, camera, start, setup, counts)


def _flat_level(chip: Chip, dimming: float) -> np.float32:
    return np.float32(FLAT_LEVEL * chip.detector.saturation_adu * chip.detector.gain_e_adu * dimming)


def _key(turn: int) -> tuple[int, ...]:
    """Of random numbers; that of the only setup is none."""
    return (turn,) if turn else ()


def _write(folder: Path, name: str, camera: Camera, start: Time, setup: Setup, counts: Counts) -> None:
    header = frame_header(camera, name=name, start=start, setup=setup)
    path = folder / f"{name}-{stamp(start)}.fits"
    write_image(path, counts, header)
    os.utime(path, (float(start.unix), float(start.unix)))
