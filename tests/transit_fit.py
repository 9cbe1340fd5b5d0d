"""Depth and mid-time of a transit of known length in a relative light curve, with their errors."""

import dataclasses

import numpy as np
from scipy.optimize import least_squares

from ngcmos.simulate.signals import Signal, relative_flux

MINUTE_D = 1 / 1440


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
    """Fit of the depth, the mid-time and the level; the search starts at the true ones of `signal`."""
    known = np.isfinite(flux) & np.isfinite(error)
    minutes, flux, error = (bjd[known] - signal.epoch_bjd) / MINUTE_D, flux[known], error[known]
    length = signal.duration_d / MINUTE_D

    def away(parameters):
        depth, middle, level = parameters
        return (flux - level * relative_flux(Signal("transit", max(depth, 1e-6), middle, length), minutes)) / error

    def jacobian(at):
        return _jacobian(away, at)

    best = least_squares(away, [signal.amplitude, 0.0, 1.0], jac=jacobian, x_scale=[1e-3, 1.0, 1e-3])
    depth_err, minutes_err, _ = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))
    return Fit(best.x[0], depth_err, signal.epoch_bjd + best.x[1] * MINUTE_D, minutes_err * MINUTE_D)


def _jacobian(function, at, steps=(1e-5, 0.2, 1e-5)):
    """Central differences with steps that suit depth, minutes and level."""
    columns = []
    for index, step in enumerate(steps):
        up, down = np.array(at), np.array(at)
        up[index] += step
        down[index] -= step
        columns.append((function(up) - function(down)) / (2 * step))
    return np.column_stack(columns)
