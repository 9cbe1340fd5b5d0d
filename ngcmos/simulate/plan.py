"""What is to be simulated, and when each frame of each field is taken."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.time import Time

from ngcmos.config import Camera, Detector, Site
from ngcmos.errors import UsageError
from ngcmos.simulate.ephemeris import DARK_DEG, altitudes, moon_light, night_times, sidereal_time
from ngcmos.simulate.optics import Optics
from ngcmos.simulate.setups import PLAIN, Setup
from ngcmos.simulate.signals import Floats, airmass_of
from ngcmos.simulate.sky import FIELDS

LOWEST_DEG = 30.0
FIELD_GAP_S = 120.0
DISTORTION_PX = 3.0  # in the corners of a chip of 2048 x 2048
FULL_CHIP_PX = 2048
FLAT_SUN_DEG = -7.0
SIDEREAL_DAY_D = 0.9972696


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
    night, telescope : int
        Another number is other weather, flats and noise, another telescope another chip too, on the same sky.
    offset_px : (float, float)
        How far the field sits from its usual place all night.
    flip_frame : int, optional
        From this frame of each field on the sky lies turned by 180 deg on the chip; the chip stays.
    throughput : float
        Share of the light that passes dust on the mirror.
    slope : float
        Root mean square over the chip of what no flat of the night sees, relative; clouds add slopes of their own.
    colour_extinction_mag : float
        Of a star that is 1 mag redder in BP - RP than a middling one, in excess, per airmass.
    moon : bool
        Whether the Moon lights the sky.
    sky_deg : float
        Radius of the catalogued sky; never less than what can come onto the chip.
    setups : sequence of Setup
        Filters, exposure times, gains that take turns from frame to frame of a field.
    in_blocks : bool
        They follow one another instead, each for as many frames.
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
    night: int = 0
    telescope: int = 0
    offset_px: tuple[float, float] = (0.0, 0.0)
    flip_frame: int | None = None
    throughput: float = 1.0
    slope: float = 0.0
    colour_extinction_mag: float = 0.0
    moon: bool = False
    sky_deg: float = 0.0
    setups: Sequence[Setup] = ()
    in_blocks: bool = False

    def __post_init__(self) -> None:
        for name in ("fields", "frames", "exptime_s", "fwhm_px", "density"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}, expected more than 0")
        if self.fields > FIELDS:
            raise UsageError(f"fields is {self.fields}, expected at most {FIELDS}")
        for name in ("seed", "calibrations", "sky_e_s", "jitter_px", "haze"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}, expected 0 or more")
        longest = max([self.exptime_s, *(setup.exptime_s for setup in self.setups)])
        if self.cadence_s < longest:
            raise UsageError(f"cadence_s is {self.cadence_s}, expected at least exptime_s, {longest}")
        if (self.ra is None) != (self.dec is None):
            raise UsageError("ra and dec are given apart, expected both or none")
        if self.parity not in (1, -1):
            raise UsageError(f"parity is {self.parity}, expected 1 or -1")

    def setups_of(self, count: int) -> tuple[Setup, ...]:
        """The setup of each of so many frames, its exposure time given."""
        setups = self.setups or [PLAIN]
        own = [dataclasses.replace(one, exptime_s=one.exptime_s or self.exptime_s) for one in setups]
        turns = [frame * len(own) // count if self.in_blocks else frame % len(own) for frame in range(count)]
        return tuple(own[turn] for turn in turns)

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers of this night and telescope, others for each key."""
        place = [self.night, self.telescope] if self.night or self.telescope else []
        return np.random.default_rng([self.seed, *key, *place])


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
    altitude_deg, airmass, moon : ndarray
        At the starts; `moon` as of `ngcmos.simulate.ephemeris.moon_light`.
    setups : tuple of Setup
        Of each frame.
    """

    field: str
    optics: Optics
    told: tuple[float, float]
    starts: Time
    altitude_deg: Floats
    airmass: Floats
    moon: Floats
    setups: tuple[Setup, ...]

    @property
    def exptime_s(self) -> Floats:
        """Seconds of each exposure."""
        return np.array([setup.exptime_s for setup in self.setups])

    @property
    def middle(self) -> Time:
        """Middle of each exposure, UTC."""
        return self.starts + self.exptime_s / 2 * u.s


def plan_fields(
    plan: Plan, camera: Camera, counts: Sequence[int], *, like: Sequence[Schedule] = ()
) -> list[Schedule]:
    """A Schedule for each field, `counts` frames each, in the astronomical night of the site.

    Parameters
    ----------
    like : sequence of Schedule
        The same fields in another night: their places are taken and, as far as the night is dark, their sidereal
        times; frames of a field that is too low by then are left out.

    Raises
    ------
    UsageError
        The frames do not fit in the night, or a field sinks too low.
    """
    lengths = [count * plan.cadence_s for count in counts]
    starts = _block_starts(plan, camera.site, lengths, like)
    schedules = []
    for index, (start, count) in enumerate(zip(starts, counts, strict=True)):
        late_s = plan.rng(13, index).uniform(0, 0.1, count)
        times = start + (np.arange(count) * plan.cadence_s + late_s) * u.s
        times = Time(np.round(times.unix, 3), format="unix", scale="utc")  # headers hold milliseconds
        if like:
            schedules.append(_while_high(plan, camera, index, times, like[index].optics))
        else:
            schedules.append(_schedule(plan, camera, index, times))
    return schedules


def _block_starts(plan: Plan, site: Site, lengths: Sequence[float], like: Sequence[Schedule]) -> list[Time]:
    """Start of each field: one after the other, around the middle of the dark part of the night or as `like`."""
    grid, sun = night_times(plan.date, site)
    dark = grid[sun < DARK_DEG]
    total = sum(lengths) + FIELD_GAP_S * (len(lengths) - 1)
    available = float((dark[-1] - dark[0]).sec) if len(dark) else 0.0
    if total > available:
        raise UsageError(
            f"the frames last {total:.0f} s, expected at most {available:.0f} s, the night of {plan.date}"
        )
    offset = (available - total) / 2
    if like:
        first = like[0].starts[0]
        days = np.round((dark[0] - first).to_value("day"))
        offset = float(np.clip((first + days * SIDEREAL_DAY_D * u.day - dark[0]).sec, 0, available - total))
    starts = []
    for length in lengths:
        starts.append(dark[0] + offset * u.s)
        offset += length + FIELD_GAP_S
    return starts


def _schedule(plan: Plan, camera: Camera, index: int, times: Time) -> Schedule:
    optics = _optics(plan, camera.detector, *_field_centre(plan, camera.site, index, times))
    schedule = _schedule_at(plan, camera, index, times, optics)
    lowest = schedule.altitude_deg.min()
    if lowest < LOWEST_DEG:
        raise UsageError(
            f"{schedule.field} sinks to {lowest:.0f} deg, expected at least {LOWEST_DEG:.0f} in all frames"
        )
    return schedule


def _while_high(plan: Plan, camera: Camera, index: int, times: Time, optics: Optics) -> Schedule:
    high = altitudes(times, optics.ra, optics.dec, camera.site) >= LOWEST_DEG
    if not high.any():
        name = field_name(optics.ra, optics.dec)
        raise UsageError(f"{name} stays below {LOWEST_DEG:.0f} deg on {plan.date}, expected a shorter season")
    return _schedule_at(plan, camera, index, times[high], optics)


def _schedule_at(plan: Plan, camera: Camera, index: int, times: Time, optics: Optics) -> Schedule:
    altitude = altitudes(times, optics.ra, optics.dec, camera.site)
    return Schedule(
        field=field_name(optics.ra, optics.dec),
        optics=optics,
        told=_told_pointing(plan, optics, index),
        starts=times,
        altitude_deg=altitude,
        airmass=airmass_of(altitude),
        moon=moon_light(times, camera.site) if plan.moon else np.zeros(len(times)),
        setups=plan.setups_of(len(times)),
    )


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


def flat_times(plan: Plan, site: Site, *, evening: bool) -> Time:
    """Start of the evening or morning flats: the Sun about 7 deg below the horizon."""
    grid, sun = night_times(plan.date, site)
    low = np.nonzero(sun < FLAT_SUN_DEG)[0]
    if not low.size:
        raise UsageError(f"the Sun does not set on {plan.date} at the site, expected another date")
    return grid[low[0] if evening else low[-1]]
