"""A season made up of numbers: one sky of stars, nights that see it otherwise, and the truth.

The noise is that of the suite's camera: photons, sky, scintillation, some frames under clouds with slopes of their
own. Each night's flats leave a surface over the chip that they do not see; a flipped night sees the sky turned by
180 degrees; blue light is dimmed more at high airmass. Positions are 0-based pixels.
"""

import dataclasses

import numpy as np

SIZE_PX = 2048
LIGHT_OF_ZERO = 86_500 * 10 ** (0.4 * 9.75)  # electrons of an exposure of a star of magnitude 0
EXTINCTION, EXTINCTION_COLOUR = 0.1, 0.01  # mag an airmass, and a magnitude of colour
FIRST_JD = 2460493.5  # 2024-07-02, which is the evening of the first in Chile
EXPTIME_S = 10.0


@dataclasses.dataclass(frozen=True)
class Sky:
    """Stars, (stars,) arrays; `signal(bjd)` gives the (times, stars) true relative flux."""

    mag: np.ndarray
    colour: np.ndarray
    x: np.ndarray
    y: np.ndarray
    signals: dict

    def signal(self, bjd):
        true = np.ones((len(bjd), self.mag.size))
        for star, curve in self.signals.items():
            true[:, star] = curve(bjd)
        return true


@dataclasses.dataclass(frozen=True)
class MadeNight:
    """What a night counts: (radii, frames, stars) flux and error, (frames, stars) places, (frames,) the rest."""

    number: int
    bjd: np.ndarray
    airmass: np.ndarray
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    sky: np.ndarray
    zp: np.ndarray
    cloudy: np.ndarray
    true: np.ndarray
    radii: tuple
    fwhm_px: float = 2.6


@dataclasses.dataclass(frozen=True)
class Habits:
    """How the nights are."""

    slope: float = 0.004  # rms over the chip
    flipped: tuple = ()
    cloudy_share: float = 0.07
    scintillation: float = 0.00336  # in the zenith
    shift_px: float = 0.0  # rms from night to night
    pixel_error: float = 0.0  # what flats leave on each star's own pixels, the same as long as it stays on them
    radii: tuple = (3.0,)


def make_sky(rng, stars=600, *, bright=9.0, faint=14.0, signals=()):
    """A sky of stars that grow more frequent with magnitude."""
    share = rng.uniform(0, 1, stars)
    slope = 0.25 * np.log(10)
    mag = bright + np.log1p(share * np.expm1(slope * (faint - bright))) / slope
    colour = rng.normal(0.9, 0.35, stars)
    x, y = rng.uniform(30, SIZE_PX - 30, (2, stars))
    return Sky(mag, colour, x, y, dict(signals))


def make_night(rng, sky, number, *, frames=60, habits=Habits(), day=None):
    """The night `number` of a sky; `day` is its distance from the first one, by default the number."""
    span = 7.5 / 24
    start = FIRST_JD + (number if day is None else day) + 0.05
    bjd = start + np.linspace(0, span, frames) if frames > 1 else np.array([start + span / 2])
    airmass = 1 + 0.9 * ((bjd - start - span / 2) / (span / 2)) ** 2
    turned = number in habits.flipped
    shift = rng.normal(0, habits.shift_px, 2)
    x, y = ((SIZE_PX - 1 - place if turned else place) for place in (sky.x, sky.y))
    x = x + shift[0] + rng.normal(0, 0.05, (frames, 1))
    y = y + shift[1] + rng.normal(0, 0.05, (frames, 1))
    cloudy = rng.uniform(size=frames) < habits.cloudy_share
    through = _air(rng, sky, airmass, x, y, cloudy) * (1 + _left_over(rng, habits, x, y))
    through *= 1 + rng.normal(0, habits.pixel_error, sky.mag.size)
    true = sky.signal(bjd)
    sky_e = rng.uniform(250, 900) * (1 + 0.3 * (airmass - 1))
    flux, error = _count(rng, sky, habits, through * true, sky_e, airmass)
    zp = 20.5 + 2.5 * np.log10(np.median(through, axis=1))
    skies = np.tile(sky_e[:, None], sky.mag.size)
    return MadeNight(number, bjd, airmass, x, y, flux, error, skies, zp, cloudy, true, habits.radii)


def _air(rng, sky, airmass, x, y, cloudy):
    """(frames, stars) transparency."""
    zero = rng.normal(0, 0.03) + rng.normal(0, 0.003, airmass.size)
    blue = EXTINCTION_COLOUR * rng.uniform(0.7, 1.3) * (1 - sky.colour)
    mag = zero[:, None] + (EXTINCTION + blue) * airmass[:, None]
    depth = np.where(cloudy, rng.uniform(0.02, 0.3, airmass.size), 0)[:, None]
    tilt = rng.normal(0, 0.1, (2, airmass.size, 1))
    patches = rng.normal(0, 0.03, (airmass.size, 1)) * np.sin(6 * _unit(x) + 4 * _unit(y) + 3 * rng.uniform())
    return 10 ** (-0.4 * mag) * (1 - depth * (1 + tilt[0] * _unit(x) + tilt[1] * _unit(y) + patches))


def _left_over(rng, habits, x, y):
    """What the flats of this night do not see: a plane and some curvature, fixed to the chip."""
    angle = rng.uniform(0, 2 * np.pi)
    across = np.cos(angle) * _unit(x) + np.sin(angle) * _unit(y)
    bend = rng.normal(0, 0.3, 3)
    curved = bend[0] * _unit(x) ** 2 + bend[1] * _unit(x) * _unit(y) + bend[2] * _unit(y) ** 2
    return habits.slope * (np.sqrt(3) * across + curved)


def _count(rng, sky, habits, through, sky_e, airmass):
    light = LIGHT_OF_ZERO * 10 ** (-0.4 * sky.mag) * through
    air = habits.scintillation * airmass**1.5
    light = light * (1 + air[:, None] * rng.normal(size=light.shape))
    flux, error = [], []
    for radius in habits.radii:
        held = 1 - np.exp(-0.5 * (radius / 1.1) ** 2)
        noise = np.sqrt(light * held + (sky_e[:, None] + 20) * np.pi * radius**2)
        flux.append(light * held + noise * rng.normal(size=light.shape))
        error.append(noise)
    return np.array(flux, np.float32), np.array(error, np.float32)


def _unit(place):
    """-1 to 1 over the chip."""
    return 2 * place / SIZE_PX - 1


def make_season(rng, sky, nights, *, frames=60, habits=Habits()):
    """So many nights of a sky."""
    return [make_night(rng, sky, number, frames=frames, habits=habits) for number in range(nights)]


def write_night(base, field, sky, night, *, name=None, camera=None, serial=None):
    """The photometry table of a made night under a base path; its folder."""
    from ngcmos.tables.writer import columns, write_photometry

    folder = base / (name or f"202407{1 + night.number:02d}")
    folder.mkdir(parents=True, exist_ok=True)
    stars = star_table(sky)
    width = 40
    rows = np.zeros(sky.mag.size, [(one, kind) for one, kind, _ in columns(night.radii, width)])
    for one in ("gaia_id", "tic_id", "Tmag", "gaiabp", "gaiarp"):
        rows[one] = stars[one]
    cards = [("PROFILE", camera or "ngts_cmos", ""), ("SKYMETH", "map", ""), ("VERSION", "1", "")]
    cards += [("SERIAL", serial, "")] if serial else []
    path = folder / f"phot_{field}.fits"
    with write_photometry(path, stars, radii=night.radii, name_width=width, cards=cards) as writer:
        for at in range(len(night.bjd)):
            frame = f"{field}-{folder.name}{at:09d}.fits"
            writer.add(_rows(rows.copy(), night, at, frame), _facts(night, at, frame))
    return folder


def star_table(sky):
    """The extension STARS of a sky; ids are hundreds of the place in its list."""
    from astropy.table import Table

    number = np.arange(sky.mag.size)
    ids = {"gaia_id": 10**18 + 100 * (number + 1), "tic_id": 1000 + number}
    colours = {"gaiabp": sky.mag + sky.colour / 2, "gaiarp": sky.mag - sky.colour / 2}
    places = {"ra_deg": 100 + sky.x * 4 / 3600, "dec_deg": -20 + sky.y * 4 / 3600}
    flags = {"blended": np.zeros(number.size, bool), "target": number == 0}
    return Table(ids | {"Tmag": sky.mag} | colours | places | flags)


def _rows(rows, night, at, frame):
    rows["frame_id"] = frame.encode()
    rows["jd_mid"], rows["jd_bary"] = night.bjd[at] - 0.003, night.bjd[at]
    rows["x"], rows["y"] = night.x[at] + 1, night.y[at] + 1
    rows["airmass"], rows["zp"], rows["sky"] = night.airmass[at], night.zp[at], night.sky[at]
    for number, radius in enumerate(night.radii):
        rows[f"flux_{radius:g}"], rows[f"fluxerr_{radius:g}"] = night.flux[number, at], night.error[number, at]
    return rows


def _facts(night, at, frame):
    place = {"place_x": float(np.median(night.x[at])), "place_y": float(np.median(night.y[at]))}
    rest = {
        "elongation": 1.05,
        "stars_seen": 500,
        "trail": 0.05,
        "fwhm_px": night.fwhm_px,
        "wcs_rms_px": 0.05,
        "sky_rms": 9.0,
    }
    numbers = {"airmass": night.airmass[at], "zp": night.zp[at], "sky": float(night.sky[at, 0])}
    return {"frame_id": frame, "jd_mid": night.bjd[at] - 0.003, "exptime_s": EXPTIME_S} | numbers | place | rest
