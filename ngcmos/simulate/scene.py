"""One field in front of the camera: its stars through the night, and the raw counts of each frame."""

import dataclasses

import numpy as np

from ngcmos.config import Camera
from ngcmos.simulate.conditions import Conditions
from ngcmos.simulate.detector import Chip, Counts, Image, expose, render_stars
from ngcmos.simulate.ephemeris import barycentric_dates
from ngcmos.simulate.illumination import uneven_factor
from ngcmos.simulate.optics import Optics, sky_to_pixels
from ngcmos.simulate.plan import Plan, Schedule
from ngcmos.simulate.setups import MIDDLING_COLOUR, chip_of
from ngcmos.simulate.signals import Floats, Signal, extinction_factor, relative_flux, scintillation_sigma
from ngcmos.simulate.sky import Cap, Rows, Sky, draw_signals, electrons_per_second, make_sky

MARGIN_PX = 100.0
BEYOND_CORNER_PX = 250.0  # stars that a jump can bring onto the chip


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A field and the camera in front of it.

    Attributes
    ----------
    plan, camera, chip, schedule, sky : see their types
    rate_e_s : ndarray
        Electrons a second above the air, of every star of the sky.
    known : ndarray of int
        Rows of the stars whose truth is told; the target first.
    signals : dict of int to Signal
        By row of the sky.
    bjd : ndarray (frames, known stars)
        BJD_TDB of mid exposure.
    """

    plan: Plan
    camera: Camera
    chip: Chip
    schedule: Schedule
    sky: Sky
    rate_e_s: Floats
    known: Rows
    signals: dict[int, Signal]
    bjd: Floats


def make_scene(
    plan: Plan,
    camera: Camera,
    chip: Chip,
    schedule: Schedule,
    index: int,
    signals: dict[int, Signal] | None = None,
) -> Scene:
    """The scene of field number `index` (0-based), its signals drawn for this night alone where none are given."""
    sky = field_sky(plan, camera, schedule, index)
    known = known_stars(schedule.optics, sky, camera)
    bjd = barycentric_dates(schedule.middle, sky.ra[known], sky.dec[known], camera.site)
    if signals is None:
        rng = np.random.default_rng([plan.seed, 21, index])
        varying = known[(sky.tmag[known] < camera.catalog.tmag_max - 2)]
        span_d = bjd[-1, 0] - bjd[0, 0] + plan.cadence_s / 86400
        signals = draw_signals(rng, sky, varying, bjd_mid=float(bjd[:, 0].mean()), span_d=span_d)
    rate = electrons_per_second(sky.tmag, camera.telescope.aperture_m)
    return Scene(plan, camera, chip, schedule, sky, rate, known, signals, bjd)


def field_sky(plan: Plan, camera: Camera, schedule: Schedule, index: int) -> Sky:
    """The stars of a field; the same ones on every night, moved on by their proper motions."""
    optics = schedule.optics
    blended = plan.fields > 1 if plan.blended_target is None else plan.blended_target
    near_deg = (optics.corner_px + BEYOND_CORNER_PX) * optics.scale_arcsec / 3600
    return make_sky(
        np.random.default_rng([plan.seed, 20, index]),
        Cap(optics.ra, optics.dec, max(plan.sky_deg, near_deg)),
        catalog=camera.catalog,
        epoch_year=schedule.starts[0].jyear,
        number=index,
        density=plan.density,
        blended_target=blended and index == plan.fields - 1,
    )


def known_stars(optics: Optics, sky: Sky, camera: Camera) -> Rows:
    """Rows of the stars on or near the chip that are bright enough to be measured."""
    x, y = sky_to_pixels(optics, sky.ra, sky.dec)
    near = (x > -MARGIN_PX) & (x < optics.columns + MARGIN_PX) & (y > -MARGIN_PX) & (y < optics.rows + MARGIN_PX)
    return np.nonzero(near & (sky.tmag < camera.catalog.tmag_max))[0]


def signal_factors(scene: Scene) -> Floats:
    """Relative flux (frames, known stars) by the stars' own signals."""
    factors = np.ones_like(scene.bjd)
    for column, row in enumerate(scene.known):
        if int(row) in scene.signals:
            factors[:, column] = relative_flux(scene.signals[int(row)], scene.bjd[:, column])
    return factors


def scintillation_factors(scene: Scene, conditions: Conditions, rng: np.random.Generator) -> Floats:
    """Relative flux of the known stars by scintillation in one frame, of each star its own."""
    if not scene.plan.scintillation:
        return np.ones(scene.known.size)
    telescope = scene.camera.telescope
    sigma = scintillation_sigma(
        aperture_m=telescope.aperture_m,
        cy=telescope.scintillation_cy,
        exptime_s=conditions.setup.exptime_s,
        airmass=conditions.airmass,
        elevation_m=scene.camera.site.elevation_m,
    )
    return rng.normal(1, sigma, scene.known.size)


def star_positions(scene: Scene, conditions: Conditions) -> tuple[Floats, Floats]:
    """0-based x, y of every star of the sky in a frame."""
    optics = scene.schedule.optics
    if conditions.flipped:
        optics = dataclasses.replace(optics, rotation_deg=optics.rotation_deg + 180)
    return sky_to_pixels(optics, scene.sky.ra, scene.sky.dec, shift=conditions.shift)


def star_electrons(scene: Scene, conditions: Conditions, x: Floats, y: Floats) -> Floats:
    """Electrons expected from every star of the sky, at x, y in a frame, signals left out."""
    passing = conditions.transparency * extinction_factor(conditions.airmass)
    electrons = scene.rate_e_s * conditions.setup.exptime_s * passing
    electrons *= conditions.setup.passing(scene.sky.colour)
    redder = scene.sky.colour - MIDDLING_COLOUR
    electrons *= 10 ** (-0.4 * scene.plan.colour_extinction_mag * redder * conditions.airmass)
    if conditions.uneven:
        electrons *= np.maximum(0, uneven_factor(conditions.uneven, scene.camera.detector.shape, x, y))
    return electrons


def take_frame(
    scene: Scene, conditions: Conditions, x: Floats, y: Floats, electrons: Floats, rng: np.random.Generator
) -> Counts:
    """Raw counts (uint16) of a frame with stars at x, y."""
    light = render_stars(scene.camera.detector.shape, x, y, electrons, fwhm_px=conditions.fwhm_px)
    light += sky_image(scene.camera.detector.shape, conditions.sky_e, scene.plan.sky_gradient)
    chip = chip_of(scene.chip, conditions.setup, scene.plan.seed)
    return expose(chip, light, conditions.setup.exptime_s, rng)


def sky_image(shape: tuple[int, int], sky_e: float, gradient: float) -> Image:
    """Electrons of a plane sky (float32): the relative gradient from left to right, half of it upwards."""
    rows, columns = shape
    across = np.linspace(-0.5, 0.5, columns, dtype=np.float32)[None, :]
    up = np.linspace(-0.25, 0.25, rows, dtype=np.float32)[:, None]
    return np.asarray(np.float32(sky_e) * (1 + np.float32(gradient) * (across + up)))
