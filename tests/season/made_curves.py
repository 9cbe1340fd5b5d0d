"""Binned curves made of noise and signals whose truth is known."""

import numpy as np

from ngcmos.season.binned import BinnedSeason
from ngcmos.season.read import STAR_COLUMNS

NIGHTS, BINS = 20, 45
FIRST = 2460496.55


def time_of(nights=NIGHTS, bins=BINS):
    """(bins,) times and the night of each: ten minutes apart, seven and a half hours a night."""
    night = np.repeat(np.arange(nights), bins)
    return FIRST + night + np.tile(np.arange(bins) / 144, nights), night


def sine(period, amplitude, phase=1.0):
    return lambda time: 1 + amplitude * np.sin(2 * np.pi * time / period + phase)


def train(period, middle, depth, hours):
    """Trapezoids whose ingress and egress take an eighth of their length each."""

    def flux(time):
        away = np.abs((time - middle + period / 2) % period - period / 2)
        return 1 - depth * np.clip((hours / 48 - away) / (hours / 24 / 8), 0, 1)

    return flux


def single(middle, depth, hours):
    return lambda time: 1 - depth * (np.abs(time - middle) < hours / 48)


def made_binned(rng, signals=(), *, stars=60, white=0.003, of_nights=0.0, nights=NIGHTS, common=0.0):
    """A BinnedSeason of stars of 10 to 11.5 mag; `signals` are curves of the first ones.

    `of_nights` is the scatter of each star's nights, `common` that of a drift within the nights that all share.
    """
    time, night = time_of(nights)
    flux = 1 + rng.normal(0, white, (time.size, stars))
    flux += rng.normal(0, of_nights, (nights, stars))[night]
    flux += (rng.normal(0, common, (nights, 1))[night] * np.sin((time % 1)[:, None] * 20)) if common else 0
    for star, signal in enumerate(signals):
        flux[:, star] *= signal(time)
    rows = np.zeros(stars, STAR_COLUMNS)
    rows["gaia_id"], rows["tic_id"] = 10**18 + 100 * np.arange(1, stars + 1), 1000 + np.arange(stars)
    rows["Tmag"] = np.linspace(10, 11.5, stars)
    rows["ra_deg"], rows["dec_deg"] = rng.uniform(100, 102, stars), rng.uniform(-21, -19, stars)
    return BinnedSeason(rows, time, night, flux.astype("f4"), np.full(flux.shape, white, "f4"))
