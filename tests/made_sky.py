"""Star fields made up for the tests of the astrometry: positions with a known solution, lists and images of them.

The way from the sky to pixels is written with astropy's WCS, not with the code under test.
"""

import dataclasses
import math

import numpy as np
from astropy.wcs import WCS, Sip
from scipy.special import erf

FULL_CHIP = (2048, 2048)
SCALE_ARCSEC = 4.05
STARS_A_DEG2 = 570.0  # brighter than 16, a usual field of NGTS
SLOPE = 0.33  # log10 of the number of stars a magnitude
BRIGHT_LIMIT = 16.0
ZERO_POINT = 21.0  # magnitude of one electron a second
STAMP = 10


@dataclasses.dataclass(frozen=True, eq=False)
class MadeField:
    """Stars (degrees, magnitudes; brightest first) around a pointing, and the true WCS of the chip."""

    ra: np.ndarray
    dec: np.ndarray
    mag: np.ndarray
    pointing: tuple
    wcs: WCS
    shape: tuple

    def pixels(self, ra=None, dec=None):
        """True 0-based pixels."""
        ra, dec = (self.ra, self.dec) if ra is None else (ra, dec)
        return self.wcs.all_world2pix(ra, dec, 0, tolerance=1e-9)

    def visible(self, limit=BRIGHT_LIMIT):
        """(rows, x, y) of the stars brighter than `limit` on the chip."""
        rows = np.flatnonzero((self.mag < limit) & (self._distance() < 1.2 * self._reach()))
        x, y = self.pixels(self.ra[rows], self.dec[rows])
        on_chip = (x > 0) & (x < self.shape[1] - 1) & (y > 0) & (y < self.shape[0] - 1)
        return rows[on_chip], x[on_chip], y[on_chip]

    def _reach(self):
        return math.hypot(*self.shape) / 2 * SCALE_ARCSEC * 1.05 / 3600

    def _distance(self):
        away = (self.ra - self.wcs.wcs.crval[0] + 180) % 360 - 180
        return np.hypot(away * np.cos(np.radians(self.dec)), self.dec - self.wcs.wcs.crval[1])


def make_field(
    rng, *, shape=FULL_CHIP, off_deg=0.2, distortion_px=3.0, density=1.0, faintest=16.0, rotation=None, parity=None
):
    """A random field whose chip lies `off_deg` or less from the pointing, at any rotation and parity."""
    chip_deg = math.hypot(*shape) / 2 * SCALE_ARCSEC / 3600
    ra0, dec0 = rng.uniform(0, 360), np.degrees(np.arcsin(rng.uniform(-0.9, 0.9)))
    reach = off_deg + 1.1 * chip_deg
    count = rng.poisson(density * STARS_A_DEG2 * (2 * reach) ** 2 * 10 ** (SLOPE * (faintest - BRIGHT_LIMIT)))
    dec = dec0 + rng.uniform(-reach, reach, count)
    ra = (ra0 + rng.uniform(-reach, reach, count) / np.cos(np.radians(dec))) % 360
    mag = np.sort(faintest + np.log10(rng.uniform(1e-4, 1, count)) / SLOPE)
    off, angle = off_deg * math.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
    centre = ra0 + off * math.cos(angle) / math.cos(math.radians(dec0)), dec0 + off * math.sin(angle)
    wcs = make_wcs(rng, centre, shape=shape, distortion_px=distortion_px, rotation=rotation, parity=parity)
    return MadeField(ra, dec, mag, (ra0, dec0), wcs, shape)


def make_wcs(rng, centre, *, shape=FULL_CHIP, distortion_px=3.0, rotation=None, parity=None):
    """TAN-SIP WCS with a radial and a random quadratic distortion of about so many pixels in the corners."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.wcs.crval = centre
    wcs.wcs.crpix = [shape[1] / 2 + rng.normal(0, 20), shape[0] / 2 + rng.normal(0, 20)]
    angle = rng.uniform(0, 2 * np.pi) if rotation is None else rotation
    sign = rng.choice([-1, 1]) if parity is None else parity
    scale = SCALE_ARCSEC * rng.uniform(0.97, 1.05) / 3600
    wcs.wcs.cd = scale * np.array([[sign * np.cos(angle), -np.sin(angle)], [sign * np.sin(angle), np.cos(angle)]])
    corner = math.hypot(*shape) / 2
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    radial = distortion_px / corner**3 * rng.choice([-1, 1])
    a[3, 0] = a[1, 2] = b[0, 3] = b[2, 1] = radial
    for square in (a, b):
        square[2, 0], square[1, 1], square[0, 2] = rng.normal(0, 0.15 * distortion_px / corner**2, 3)
    wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    wcs.wcs.set()
    return wcs


def list_sources(rng, field, *, noise_px=0.05, missing=0.0, spurious=0.0):
    """x, y, flux of a list of detections: a share of the stars missing, a share of invented ones added."""
    rows, x, y = field.visible()
    kept = rng.uniform(size=len(rows)) >= missing
    mag = field.mag[rows[kept]] + rng.normal(0, 0.1, np.count_nonzero(kept))
    extra = round(spurious * len(mag))
    x = np.append(x[kept] + rng.normal(0, noise_px, len(mag)), rng.uniform(0, field.shape[1] - 1, extra))
    y = np.append(y[kept] + rng.normal(0, noise_px, len(mag)), rng.uniform(0, field.shape[0] - 1, extra))
    flux = 10 ** (-0.4 * np.append(mag, rng.choice(mag, extra)))
    return x, y, flux


def render(
    rng, x, y, electrons, *, shape=FULL_CHIP, fwhm_px=2.0, sky_e=250.0, gain=1.131, read_noise_e=1.6, bias_adu=100
):
    """uint16 image of Gaussian stars integrated over the pixels, with noise."""
    light = np.full(shape, float(sky_e))
    sigma = fwhm_px / 2.3548
    span = np.arange(-STAMP, STAMP + 1)
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    edges = np.append(span - 0.5, span[-1] + 0.5)
    share_x, share_y = (
        0.5 * np.diff(erf((edges - shift[:, None]) / sigma / np.sqrt(2))) for shift in (x - column, y - row)
    )
    for near_x, near_y, light_x, light_y, total in zip(column, row, share_x, share_y, electrons, strict=True):
        rows, columns = near_y + span, near_x + span
        in_y, in_x = (rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1])
        light[np.ix_(rows[in_y], columns[in_x])] += total * np.outer(light_y[in_y], light_x[in_x])
    counts = (rng.poisson(light) + rng.normal(0, read_noise_e, shape)) / gain + bias_adu
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def electrons_of(mag, *, exptime_s=10.0):
    """Electrons of a star in an exposure."""
    return exptime_s * 10 ** (-0.4 * (np.asarray(mag) - ZERO_POINT))
