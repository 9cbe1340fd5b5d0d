"""Skies of known stars for the photometry tests."""

import dataclasses

import numpy as np
import pytest
from scipy.special import erf

from ngcmos.config import load_camera


@pytest.fixture
def detector():
    """The NGTS detector with a chip of 300 x 320 pixels."""
    return dataclasses.replace(load_camera().detector, rows=300, columns=320)


@pytest.fixture
def paint():
    """paint(shape, x, y, flux, sky, sigma) -> noise-free image of Gaussian stars, integrated over each pixel."""
    return paint_stars


def paint_stars(shape, x, y, flux, *, sky=0.0, sigma=0.9):
    return sky + (np.asarray(flux, float)[:, None] * _share(shape[0], y, sigma)).T @ _share(shape[1], x, sigma)


def _share(pixels, centres, sigma):
    """(stars, pixels) share of the light in each row or column."""
    edges = (np.arange(pixels + 1) - 0.5 - np.asarray(centres, float)[:, None]) / (sigma * np.sqrt(2))
    return np.diff(erf(edges)) / 2
