"""A small sky for the tests of qc: stars of known places, hot pixels, noise."""

import numpy as np
import pytest
from scipy.special import erf

from ngcmos.config import DonutsSettings

FWHM_TO_SIGMA = 1 / 2.3548


class Sky:
    """Stars over and around a chip; `expose` moves them by (dx, dy) pixels."""

    def __init__(self, *, shape=(768, 768), stars=700, seed=1, margin=150):
        rng = np.random.default_rng(seed)
        rows, columns = shape
        self.shape = shape
        self.x = rng.uniform(-margin, columns + margin, stars)
        self.y = rng.uniform(-margin, rows + margin, stars)
        self.flux = 1500 * 10 ** np.minimum(rng.exponential(0.43, stars), 2.2)
        hot = rng.integers(0, [[rows], [columns]], (2, rows * columns // 4000))
        self.hot = (*hot, rng.exponential(1500, hot.shape[1]))

    def expose(self, dx=0.0, dy=0.0, *, noise=0, fwhm=2.0, sky=400.0, transparency=1.0):
        """uint16 counts of one exposure."""
        image = np.full(self.shape, sky)
        row, column, level = self.hot
        np.add.at(image, (row, column), level)
        self._add_stars(image, self.x + dx, self.y + dy, self.flux * transparency, fwhm * FWHM_TO_SIGMA)
        rng = np.random.default_rng(1000 + noise)
        counts = rng.poisson(image) + rng.normal(100, 1.5, self.shape)
        return np.clip(counts, 0, 65535).round().astype(np.uint16)

    @staticmethod
    def _add_stars(image, x, y, flux, sigma, half=8):
        offsets = np.arange(-half, half + 1)
        columns = np.round(x).astype(int)[:, None] + offsets
        rows = np.round(y).astype(int)[:, None] + offsets
        light = flux[:, None, None] * (_share(rows, y, sigma)[:, :, None] * _share(columns, x, sigma)[:, None, :])
        rows, columns = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
        on = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
        np.add.at(image, (rows[on], columns[on]), light[on])


def _share(pixels, centre, sigma):
    edge = (pixels - centre[:, None]) / (sigma * np.sqrt(2))
    step = 0.5 / (sigma * np.sqrt(2))
    return 0.5 * (erf(edge + step) - erf(edge - step))


@pytest.fixture(scope="session")
def make_sky():
    """The class of skies, so that a test can make its own."""
    return Sky


@pytest.fixture(scope="session")
def sky():
    """The sky most tests share."""
    return Sky()


@pytest.fixture(scope="session")
def settings():
    """donuts as at NGTS."""
    return DonutsSettings(overscan_px=20, prescan_px=20, border_px=64, tiles=32, large_px=0.5)
