"""Depth and mid-time of a transit of known length in a relative light curve, with their errors."""

import dataclasses

import numpy as np

from ngcmos.simulate.injection import mid_time_window
from ngcmos.simulate.signals import Signal, relative_flux

MINUTE_D = 1 / 1440
STEP_MINUTES = 0.1
DEPTH_STEP_SIGMA, FEWEST_DEPTHS = 0.5, 50


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


def fit_transit(bjd, flux, error, signal, depths):
    """Depth and mid-time of a transit whose length and size of the ingress are those of `signal`.

    Mean and standard deviation over all mid-times and depths under exp(-chi^2 / 2), the level fitted to each: with
    few points in the ingress chi^2 has kinks no slope can tell of.

    They are weighed as they were drawn, mid-times evenly in their window and depths evenly in the logarithm of the
    range `depths`, knowing nothing of the true ones: only then is pull^2 1 on average whatever the noise. A grid
    around the truth would draw the mid-times of shallow transits to it.
    """
    known = np.isfinite(flux) & np.isfinite(error)
    minutes, flux, error = (bjd[known] - bjd[0]) / MINUTE_D, flux[known], error[known]
    first, last = ((time - bjd[0]) / MINUTE_D for time in mid_time_window(bjd, signal.duration_d))
    grid = np.arange(first + STEP_MINUTES / 2, last, STEP_MINUTES)
    chi2, drop, drop_err = _best_drop(minutes[None, :] - grid[:, None], flux, error, signal)
    step = min(DEPTH_STEP_SIGMA * drop_err.min(), (depths[1] - depths[0]) / FEWEST_DEPTHS)
    trial = np.arange(depths[0] + step / 2, depths[1], step)
    chi2 = chi2[:, None] + ((trial - drop[:, None]) / drop_err[:, None]) ** 2
    weight = np.exp(-0.5 * (chi2 - chi2.min())) / trial
    weight /= weight.sum()
    depth, depth_err = _mean_and_spread(trial, weight.sum(axis=0))
    epoch, epoch_err = _mean_and_spread(grid, weight.sum(axis=1))
    return Fit(depth, depth_err, bjd[0] + epoch * MINUTE_D, epoch_err * MINUTE_D)


def _best_drop(minutes, flux, error, signal):
    """chi^2, depth and its error for each row of times from mid-transit; level and depth by least squares."""
    centred = Signal("transit", signal.amplitude, 0.0, signal.duration_d / MINUTE_D)
    dip = (1 - relative_flux(centred, minutes)) / signal.amplitude / error
    level, value = 1 / error, flux / error
    a, b, c = level @ level, dip @ level, (dip * dip).sum(axis=1)
    determinant = a * c - b**2
    height = (c * (level @ value) - b * (dip @ value)) / determinant
    drop = (b * (level @ value) - a * (dip @ value)) / determinant
    chi2 = value @ value - height * (level @ value) + drop * (dip @ value)
    return chi2, drop / height, np.sqrt(a / determinant) / height


def _mean_and_spread(values, weight):
    mean = weight @ values
    return mean, np.sqrt(weight @ (values - mean) ** 2)
