"""What changes the light of a star: its own signal, the air, scintillation."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SCALE_HEIGHT_M = 8000.0
EXTINCTION_MAG = 0.08


@dataclasses.dataclass(frozen=True)
class Signal:
    """What one star does.

    Attributes
    ----------
    kind : str
        "constant", "transit", "eclipse" or "sine".
    amplitude : float
        Depth of the (first) eclipse, or half the range of the sine; a share of the flux.
    epoch_bjd : float
        BJD_TDB of mid eclipse, or of a rising zero of the sine.
    duration_d : float
        From first to last contact; where there is no period, that of the sine and of the two eclipses of a binary
        is 4 times as long.
    period_d : float
        0: the transit happens once.
    """

    kind: str = "constant"
    amplitude: float = 0.0
    epoch_bjd: float = 0.0
    duration_d: float = 1.0
    period_d: float = 0.0


def relative_flux(signal: Signal, bjd: ArrayLike) -> Floats:
    """Flux of a star at times BJD_TDB (ndarray), 1 outside of its signal."""
    phase: Floats = (np.asarray(bjd, float) - signal.epoch_bjd) / signal.duration_d
    period = signal.period_d / signal.duration_d or 4.0
    if signal.kind == "transit" and signal.period_d:
        phase = (phase + period / 2) % period - period / 2
    if signal.kind == "transit":
        return _eclipse(phase, signal.amplitude)
    if signal.kind == "eclipse":
        first = (phase + period / 2) % period - period / 2
        second = phase % period - period / 2
        return _eclipse(first, signal.amplitude) * _eclipse(second, signal.amplitude / 3)
    if signal.kind == "sine":
        return np.asarray(1 + signal.amplitude * np.sin(2 * np.pi * phase / period))
    return np.ones_like(phase)


def _eclipse(phase: Floats, depth: float) -> Floats:
    """Flux of a uniform disc crossed centrally by a dark one from phase -1/2 to 1/2."""
    ratio = float(np.sqrt(depth))
    distance = np.abs(phase) * 2 * (1 + ratio)
    return 1 - covered_share(distance, ratio)


def covered_share(distance: ArrayLike, ratio: float) -> Floats:
    """Share of a disc of radius 1 covered by one of radius `ratio` at `distance` of the centres.

    The area of the lens of two circles; uniform source, Mandel & Agol 2002, ApJ 580, L171, eq. (1).
    """
    z = np.clip(np.asarray(distance, dtype=float), max(1 - ratio, 1e-12), 1 + ratio)
    angle_small = np.arccos(np.clip((ratio**2 + z**2 - 1) / (2 * ratio * z), -1, 1)) if ratio > 0 else 0 * z
    angle_large = np.arccos(np.clip((1 - ratio**2 + z**2) / (2 * z), -1, 1))
    kite = np.sqrt(np.maximum(0, 4 * z**2 - (1 + z**2 - ratio**2) ** 2)) / 2
    return np.asarray((ratio**2 * angle_small + angle_large - kite) / np.pi)


def scintillation_sigma(
    *, aperture_m: float, cy: float, exptime_s: ArrayLike, airmass: ArrayLike, elevation_m: float
) -> Floats:
    """Relative scatter by scintillation: Osborn et al. 2015, MNRAS 452, 1707, eq. (7)."""
    height = np.exp(-2 * elevation_m / SCALE_HEIGHT_M)
    exposure, air = np.asarray(exptime_s, float), np.asarray(airmass, float)
    return np.asarray(np.sqrt(1e-5 * cy**2 * aperture_m ** (-4 / 3) / exposure * air**3 * height))


def extinction_factor(airmass: float) -> float:
    """Share of the light that passes the air."""
    return float(10 ** (-0.4 * EXTINCTION_MAG * airmass))


def airmass_of(altitude_deg: ArrayLike) -> Floats:
    """1 / sin(altitude)."""
    return np.asarray(1 / np.sin(np.deg2rad(altitude_deg)))
