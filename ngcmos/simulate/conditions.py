"""Sky, pointing and setup of each frame of a field."""

import dataclasses

import numpy as np

from ngcmos.simulate.illumination import PLANE, Terms, draw_terms
from ngcmos.simulate.plan import Plan, Schedule
from ngcmos.simulate.setups import PLAIN, Setup
from ngcmos.simulate.signals import Floats

MOON_SKY = 6.0  # sky under a full Moon in the zenith, in excess of a dark one
CLOUD_SLOPE = 0.05  # of the light that a cloud takes


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Sky and pointing of one frame.

    `shift` in pixels, `transparency` without extinction, `sky_e` electrons per pixel in the centre, `flipped`
    where the sky lies turned by 180 deg, `uneven` as `ngcmos.simulate.illumination.uneven_factor` takes it.
    """

    shift: tuple[float, float]
    transparency: float
    airmass: float
    sky_e: float
    fwhm_px: float
    flipped: bool = False
    uneven: Terms = ()
    setup: Setup = PLAIN


def plan_conditions(plan: Plan, schedule: Schedule, index: int) -> list[Conditions]:
    """Conditions of each good frame of a field; the first frame defines the shift (0, 0)."""
    count = len(schedule.starts)
    rng = plan.rng(12, index)
    shift = np.arange(count)[:, None] * np.asarray(plan.drift_px) + rng.normal(0, plan.jitter_px, (count, 2))
    for frame, dx, dy in plan.jumps:
        shift[frame:] += dx, dy
    shift += np.asarray(plan.offset_px) - shift[0]
    clear = 1 + rng.normal(0, plan.haze, count)
    sky = plan.sky_e_s * schedule.exptime_s * schedule.airmass * (1 + rng.normal(0, 0.005, count))
    sky *= (1 + MOON_SKY * schedule.moon) * [setup.throughput for setup in schedule.setups]
    clouded = np.ones(count)
    for first, last, transparency in plan.clouds:
        clouded[first : last + 1] *= transparency
        clear[first : last + 1] *= transparency
        sky[first : last + 1] *= 1 + 0.5 * (1 - transparency)
    clear *= plan.throughput
    fwhm = plan.fwhm_px * rng.normal(1, 0.01, count)
    flipped = np.arange(count) >= (count if plan.flip_frame is None else plan.flip_frame)
    uneven = _unevenness(plan, index, clouded)
    columns = zip(
        shift.tolist(), clear, schedule.airmass, sky, fwhm, flipped, uneven, schedule.setups, strict=True
    )
    return [
        Conditions((dx, dy), float(share), float(air), float(electrons), float(width), bool(turned), terms, setup)
        for (dx, dy), share, air, electrons, width, turned, terms, setup in columns
    ]


def _unevenness(plan: Plan, index: int, clouded: Floats) -> list[Terms]:
    """What lies on the chip beside the flats in each frame: the slope of the night, and those of clouds."""
    if not plan.slope:
        return [()] * clouded.size
    of_night, rng = night_terms(plan), plan.rng(15, index)
    of_clouds = [draw_terms(rng, CLOUD_SLOPE * (1 - share), PLANE) for share in clouded]
    return [tuple(np.add(of_night, terms).tolist()) for terms in of_clouds]


def night_terms(plan: Plan) -> Terms:
    """The slope that no flat of the night sees."""
    return draw_terms(plan.rng(14), plan.slope)
