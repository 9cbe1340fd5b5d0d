"""Depth and mid-time of a transit of known length in a relative light curve, with their errors."""

import dataclasses

import numpy as np

from ngcmos.simulate.signals import Signal, relative_flux

MINUTE_D = 1 / 1440
REACH_MINUTES, STEP_MINUTES = 25.0, 0.05


@dataclasses.dataclass(frozen=True)
class Fit:
    """Depth and mid-time (BJD) and their standard errors."""

    depth: float
    depth_err: float
    epoch: float
    epoch_err: float

    def pulls(self, signal):
        """(depth, mid-time) off the true ones, in errors."""
        return (self.depth - signal.amplitude) / self.depth_err, (self.epoch - signal.epoch_bjd) / self.epoch_err


def fit_transit(bjd, flux, error, signal):
    """Depth, mid-time and level of a transit whose length and size of the ingress are those of `signal`.

    For every mid-time of a grid the best depth and level by linear least squares; mean and standard deviation of
    the mid-time under exp(-chi^2 / 2), for with few points in the ingress chi^2 has kinks no slope can tell of.
    """
    known = np.isfinite(flux) & np.isfinite(error)
    minutes, flux, error = (bjd[known] - signal.epoch_bjd) / MINUTE_D, flux[known], error[known]
    length = signal.duration_d / MINUTE_D
    grid = np.arange(-REACH_MINUTES, REACH_MINUTES, STEP_MINUTES)
    shifted = minutes[None, :] - grid[:, None]
    dip = (1 - relative_flux(Signal("transit", signal.amplitude, 0.0, length), shifted)) / signal.amplitude / error
    level, value = 1 / error, flux / error
    a, b, c = level @ level, dip @ level, (dip * dip).sum(axis=1)
    determinant = a * c - b**2
    height = (c * (level @ value) - b * (dip @ value)) / determinant
    drop = (b * (level @ value) - a * (dip @ value)) / determinant
    chi2 = ((value - height[:, None] * level + drop[:, None] * dip) ** 2).sum(axis=1)
    weight = np.exp(-0.5 * (chi2 - chi2.min()))
    weight /= weight.sum()
    middle, depth = weight @ grid, weight @ (drop / height)
    spread = np.sqrt(weight @ (grid - middle) ** 2)
    depth_err = np.sqrt(weight @ (a / determinant) + weight @ (drop / height - depth) ** 2)
    return Fit(depth, depth_err, signal.epoch_bjd + middle * MINUTE_D, spread * MINUTE_D)
