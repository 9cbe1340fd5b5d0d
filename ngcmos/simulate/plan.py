"""What is to be simulated, and when each frame of each field is taken."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.time import Time

from ngcmos.config import Camera, Detector, Site
from ngcmos.errors import UsageError
from ngcmos.simulate.ephemeris import DARK_DEG, altitudes, night_times, sidereal_time
from ngcmos.simulate.optics import Optics
from ngcmos.simulate.signals import Floats, airmass_of
from ngcmos.simulate.sky import FIELDS

LOWEST_DEG = 30.0
FIELD_GAP_S = 120.0
DISTORTION_PX = 3.0  # in the corners of a chip of 2048 x 2048
FULL_CHIP_PX = 2048
FLAT_SUN_DEG = -7.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """The options of a simulated night; each has a default that gives a good night.

    Attributes
    ----------
    date : str
        Evening, YYYYMMDD.
    fields, frames : int
        Number of fields, one after the other, and of good frames of each.
    seed : int
    exptime_s, cadence_s : float
        Length of an exposure, and from start to start.
    fwhm_px : float
    sky_e_s : float
        Electrons per pixel and second from the sky at the zenith.
    sky_gradient : float
        Relative change of the sky from the left to the right edge; half of it from bottom to top.
    density : float
        Stars relative to a usual NGTS field.
    rotation_deg, parity, distortion_px : see `Optics`; without a distortion 3 px in the corners of a full chip.
    pointing_error_px : float
        How far the header's pointing is off (direction random); without it 2 % of the chip's width.
    drift_px : (float, float)
        x and y a frame.
    jitter_px : float
        Scatter of the pointing from frame to frame, each axis.
    jumps : sequence of (frame, dx, dy)
        From this frame of each field (0-based) on, the sky is moved by so many pixels.
    clouds : sequence of (first, last, transparency)
        Frames of each field from first to last (0-based, inclusive) see the stars through a cloud.
    haze : float
        Scatter of the transparency from frame to frame, relative.
    scintillation : bool
    blended_target : bool, optional
        Whether the target of the last field is blended; by default where there is more than one field.
    ra, dec : float, optional
        Centre of the first field; by default near the meridian.
    calibrations : int
        Number of bias, dark, evening and morning flat frames, each.
    faults : sequence of str
        Broken frames put among the good ones of the first field, see `ngcmos.simulate.faults.FAULTS`; "all".
    """

    date: str = "20240705"
    fields: int = 1
    frames: int = 20
    seed: int = 1
    exptime_s: float = 10.0
    cadence_s: float = 13.0
    fwhm_px: float = 2.0
    sky_e_s: float = 25.0
    sky_gradient: float = 0.06
    density: float = 1.0
    rotation_deg: float = 1.3
    parity: int = 1
    distortion_px: float | None = None
    pointing_error_px: float | None = None
    drift_px: tuple[float, float] = (0.004, -0.003)
    jitter_px: float = 0.03
    jumps: Sequence[tuple[int, float, float]] = ()
    clouds: Sequence[tuple[int, int, float]] = ()
    haze: float = 0.003
    scintillation: bool = True
    blended_target: bool | None = None
    ra: float | None = None
    dec: float | None = None
    calibrations: int = 5
    faults: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("fields", "frames", "exptime_s", "fwhm_px", "density"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}, expected more than 0")
        if self.fields > FIELDS:
            raise UsageError(f"fields is {self.fields}, expected at most {FIELDS}")
        for name in ("seed", "calibrations", "sky_e_s", "jitter_px", "haze"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if self.cadence_s < self.exptime_s:
            raise UsageError(f"cadence_s is {self.cadence_s}, expected at least exptime_s, {self.exptime_s}")
        if (self.ra is None) != (self.dec is None):
            raise UsageError("ra and dec are given apart, expected both or none")
        if self.parity not in (1, -1):
            raise UsageError(f"parity is {self.parity}, expected 1 or -1")


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """When and where one field is observed.

    Attributes
    ----------
    field : str
        As `NG2320-1302`.
    optics : Optics
        True pointing and how the sky lies on the chip.
    told : (float, float)
        ICRS degrees where the telescope says it looks.
    starts : Time
        UTC starts of all frames.
    altitude_deg, airmass : ndarray
        At the starts.
    """

    field: str
    optics: Optics
    told: tuple[float, float]
    starts: Time
    altitude_deg: Floats
    airmass: Floats


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Sky and pointing of one frame.

    `shift` in pixels, `transparency` without extinction, `sky_e` electrons per pixel in the centre.
    """

    shift: tuple[float, float]
    transparency: float
    airmass: float
    sky_e: float
    fwhm_px: float


def plan_fields(plan: Plan, camera: Camera, counts: Sequence[int]) -> list[Schedule]:
    """A Schedule for each field, `counts` frames each, in the astronomical night of the site.

    Raises
    ------
    UsageError
        The frames do not fit in the night, or a field sinks too low.
    """
    lengths = [count * plan.cadence_s for count in counts]
    starts = _block_starts(plan, camera.site, lengths)
    schedules = []
    for index, (start, count) in enumerate(zip(starts, counts, strict=True)):
        late_s = np.random.default_rng([plan.seed, 13, index]).uniform(0, 0.1, count)
        times = start + (np.arange(count) * plan.cadence_s + late_s) * u.s
        times = Time(np.round(times.unix, 3), format="unix", scale="utc")  # headers hold milliseconds
        schedules.append(_schedule(plan, camera, index, times))
    return schedules


def _block_starts(plan: Plan, site: Site, lengths: Sequence[float]) -> list[Time]:
    """Start of each field: one after the other, around the middle of the dark part of the night."""
    grid, sun = night_times(plan.date, site)
    dark = grid[sun < DARK_DEG]
    total = sum(lengths) + FIELD_GAP_S * (len(lengths) - 1)
    available = float((dark[-1] - dark[0]).sec) if len(dark) else 0.0
    if total > available:
        raise UsageError(
            f"the frames last {total:.0f} s, expected at most {available:.0f} s, the night of {plan.date}"
        )
    offset = (available - total) / 2
    starts = []
    for length in lengths:
        starts.append(dark[0] + offset * u.s)
        offset += length + FIELD_GAP_S
    return starts


def _schedule(plan: Plan, camera: Camera, index: int, times: Time) -> Schedule:
    ra, dec = _field_centre(plan, camera.site, index, times)
    altitude = altitudes(times, ra, dec, camera.site)
    field = field_name(ra, dec)
    if altitude.min() < LOWEST_DEG:
        raise UsageError(
            f"{field} sinks to {altitude.min():.0f} deg, expected at least {LOWEST_DEG:.0f} in all frames"
        )
    optics = _optics(plan, camera.detector, ra, dec)
    return Schedule(field, optics, _told_pointing(plan, optics, index), times, altitude, airmass_of(altitude))


def _field_centre(plan: Plan, site: Site, index: int, times: Time) -> tuple[float, float]:
    """Given, or near the meridian in the middle of the block; fields of one night are 8 deg apart and more."""
    if plan.ra is not None and plan.dec is not None and index == 0:
        return plan.ra % 360, plan.dec
    rng = np.random.default_rng([plan.seed, 10, index])
    side = (-1) ** index
    ra = sidereal_time(times[len(times) // 2], site) + side * rng.uniform(1, 5)
    dec = site.latitude_deg + side * (4 + 4 * (index // 2)) + rng.uniform(-1, 1)
    return float(ra % 360), float(np.clip(dec, -70, 70))


def field_name(ra: float, dec: float) -> str:
    """`NGhhmm-ddmm` of a centre in degrees; digits are cut, not rounded."""
    ra_minutes, dec_minutes = int(ra * 4) % 1440, int(abs(dec) * 60)
    sign = "-" if dec < 0 else "+"
    return f"NG{ra_minutes // 60:02d}{ra_minutes % 60:02d}{sign}{dec_minutes // 60:02d}{dec_minutes % 60:02d}"


def _optics(plan: Plan, detector: Detector, ra: float, dec: float) -> Optics:
    distortion = plan.distortion_px
    if distortion is None:
        distortion = DISTORTION_PX * min(detector.shape) / FULL_CHIP_PX
    rows, columns = detector.shape
    return Optics(ra, dec, rows, columns, detector.scale_arcsec, plan.rotation_deg, plan.parity, distortion)


def _told_pointing(plan: Plan, optics: Optics, index: int) -> tuple[float, float]:
    error_px = plan.pointing_error_px
    if error_px is None:
        error_px = 0.02 * optics.columns
    angle = np.random.default_rng([plan.seed, 11, index]).uniform(0, 2 * np.pi)
    error_deg = error_px * optics.scale_arcsec / 3600
    dec = optics.dec + error_deg * np.sin(angle)
    ra = optics.ra + error_deg * np.cos(angle) / np.cos(np.deg2rad(optics.dec))
    return float(ra % 360), float(dec)


def plan_conditions(plan: Plan, schedule: Schedule, index: int) -> list[Conditions]:
    """Conditions of each good frame of a field; the first frame defines the shift (0, 0)."""
    count = len(schedule.starts)
    rng = np.random.default_rng([plan.seed, 12, index])
    shift = np.arange(count)[:, None] * np.asarray(plan.drift_px) + rng.normal(0, plan.jitter_px, (count, 2))
    for frame, dx, dy in plan.jumps:
        shift[frame:] += dx, dy
    shift -= shift[0]
    clear = 1 + rng.normal(0, plan.haze, count)
    sky = plan.sky_e_s * plan.exptime_s * schedule.airmass * (1 + rng.normal(0, 0.005, count))
    for first, last, transparency in plan.clouds:
        clear[first : last + 1] *= transparency
        sky[first : last + 1] *= 1 + 0.5 * (1 - transparency)
    fwhm = plan.fwhm_px * rng.normal(1, 0.01, count)
    columns = zip(shift.tolist(), clear, schedule.airmass, sky, fwhm, strict=True)
    return [Conditions((dx, dy), *map(float, rest)) for (dx, dy), *rest in columns]


def flat_times(plan: Plan, site: Site, *, evening: bool) -> Time:
    """Start of the evening or morning flats: the Sun about 7 deg below the horizon."""
    grid, sun = night_times(plan.date, site)
    low = np.nonzero(sun < FLAT_SUN_DEG)[0]
    if not low.size:
        raise UsageError(f"the Sun does not set on {plan.date} at the site, expected another date")
    return grid[low[0] if evening else low[-1]]
