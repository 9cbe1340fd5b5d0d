"""Mean flux of each star in each night of one camera, and how much it scatters within it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Floats, Ints, Rows
from ngcmos.season.scale import SeasonFit
from ngcmos.season.summary import NightSummary, star_keys

MEASURED = ("deviation", "error", "rms", "expected", "points")


@dataclasses.dataclass(frozen=True, eq=False)
class NightMeans:
    """Mean flux of each star in each night of each camera.

    Attributes
    ----------
    names : tuple of str
        Of the rows, those of the files.
    stars : (stars,) structured array
        By Gaia id, then TIC id.
    bjd : (rows,) array
        Middle of the night's frames, JD.
    deviation, error : (rows, stars) arrays
        Flux less 1, its standard error.
    rms, expected, points : (rows, stars) arrays
        Scatter within the night, the expected one, points that count.
    """

    names: tuple[str, ...]
    stars: Rows
    bjd: Floats
    deviation: Floats
    error: Floats
    rms: Floats
    expected: Floats
    points: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class CameraMeans(NightMeans):
    """Those of one camera; NaN for nights without a good frame.

    Attributes
    ----------
    radius_px : (stars,) array
        Of the aperture.
    """

    radius_px: Floats

    def of_nights(self, chosen: Sequence[int]) -> "CameraMeans":
        """Some of the nights alone."""
        own = {name: getattr(self, name)[list(chosen)] for name in ("bjd", *MEASURED)}
        return dataclasses.replace(self, names=tuple(self.names[at] for at in chosen), **own)

    def below(self, before: "CameraMeans") -> "CameraMeans":
        """These nights after others, which have no further stars."""
        rows = rows_in(before.stars, self.stars)
        wider = {name: np.full((len(before.names), len(self.stars)), np.nan) for name in MEASURED}
        for name, values in wider.items():
            values[:, rows] = getattr(before, name)
        return dataclasses.replace(
            self,
            names=(*before.names, *self.names),
            bjd=np.concatenate([before.bjd, self.bjd]),
            **{name: np.concatenate([values, getattr(self, name)]) for name, values in wider.items()},
        )


def means_of(fit: SeasonFit, summaries: Sequence[NightSummary]) -> CameraMeans:
    """The means of the nights of a fit, which is of these summaries."""
    nights = [_one_night(fit, number) for number in range(len(fit.names))]
    return CameraMeans(
        names=tuple(fit.names),
        stars=fit.stars,
        radius_px=np.array(fit.radii)[fit.aperture],
        bjd=np.array([np.nanmedian(summary.frames["jd_mid"]) for summary in summaries]),
        **{name: np.array([night[name] for night in nights]) for name in MEASURED},
    )


def _one_night(fit: SeasonFit, number: int) -> dict[str, Floats]:
    """The pointings of a night together, by the weights of their errors."""
    here = (fit.night == number) & fit.counting
    weight = np.where(np.isfinite(fit.deviation[here]), fit.error[here] ** -2.0, 0)
    total = weight.sum(axis=0)
    points = np.where(weight > 0, np.nan_to_num(fit.points[here]), 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * np.nan_to_num(fit.deviation[here])).sum(axis=0) / total
        squares = {
            name: (points * np.nan_to_num(getattr(fit, name)[here]) ** 2).sum(axis=0)
            for name in ("rms", "expected")
        }
        scatters = {name: np.sqrt(square / points.sum(axis=0)) for name, square in squares.items()}
        error = np.where(total > 0, total**-0.5, np.nan)
    return {"deviation": mean, "error": error, "points": points.sum(axis=0), **scatters}


def rows_in(some: Rows, stars: Rows) -> Ints:
    """Rows of some stars among all."""
    keys = star_keys(stars)
    order = np.argsort(keys)
    rows: Ints = order[np.searchsorted(keys[order], star_keys(some))]
    return rows
