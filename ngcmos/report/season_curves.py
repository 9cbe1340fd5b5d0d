"""Curves of the page of a season: folded by what was found, small as SVG, large as data of the page's script."""

import dataclasses

import numpy as np
from astropy.table import Row

from ngcmos.arrays import Floats
from ngcmos.report import html as page
from ngcmos.report.plots import plain
from ngcmos.season.binned import BinnedSeason
from ngcmos.season.variability import FALSE_ALARMS
from ngcmos.stats import quotient

FOLD_BINS = 80
DIP_LENGTHS = 3.0  # of a dip's length shown on either side of it
_WIDTH, _HEIGHT = 160, 56
_REACH = (0.01, 0.99)  # of the points that a small curve shows at least


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """A curve of a star in bins: x in phases, hours or days, flux and its error; in words."""

    said: str
    x_label: str
    x: Floats
    flux: Floats
    error: Floats

    def as_json(self, star: int) -> dict[str, object]:
        """What the page's script draws large."""
        numbers = {"x": plain(self.x), "y": plain(self.flux), "e": plain(self.error)}
        return {"star": star, "said": self.said, "xLabel": self.x_label} | numbers

    def drawn_small(self) -> page.Html:
        """A picture of the points, some hundred bytes of SVG."""
        known = np.isfinite(self.flux)
        if not known.any():
            return page.Html("")
        x, flux = self.x[known], self.flux[known]
        low, high = np.quantile(flux, _REACH)
        room = 0.15 * max(high - low, 1e-4)
        across = 4 + (_WIDTH - 8) * (x - x.min()) / max(np.ptp(x), 1e-9)
        up = _HEIGHT * (1 - (np.clip(flux, low - room, high + room) - low + room) / (high - low + 2 * room))
        marks = "".join(f"M{one:.0f} {other:.1f}h0" for one, other in zip(across, up, strict=True))
        box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        return page.Html(f'<svg {box} role="img"><title>{page.text(self.said)}</title><path d="{marks}"/></svg>')


def wave_of(binned: BinnedSeason, star: int, row: Row) -> Curve | None:
    """A star folded by its period; None where the season is not sure of one."""
    if not row["period_fap"] < FALSE_ALARMS:
        return None
    period = float(row["period_d"])
    phase = (binned.time - np.floor(binned.time.min())) / period % 1.0
    return _folded(binned, star, phase, (0.0, 1.0), f"wave of {period:.6g} d", "phase")


def dip_of(binned: BinnedSeason, star: int, row: Row) -> Curve | None:
    """A star about its dips, hours from their middle; None where there is none."""
    if not np.isfinite(row["dip_snr"]):
        return None
    period, middle, length = (float(row[name]) for name in ("dip_period_d", "dip_t0_bjd", "dip_duration_h"))
    away = binned.time - middle
    if np.isfinite(period):
        away = (away + 0.5 * period) % period - 0.5 * period
    often = f"dips every {period:.6g} d" if np.isfinite(period) else "a single dip"
    reach = DIP_LENGTHS * length
    return _folded(binned, star, 24.0 * away, (-reach, reach), often, "hours from the middle")


def _folded(
    binned: BinnedSeason, star: int, place: Floats, reach: tuple[float, float], said: str, x_label: str
) -> Curve:
    """Weighted means of a star in equal bins of a phase."""
    flux, error = binned.flux[:, star].astype(float), binned.error[:, star].astype(float)
    held = np.isfinite(flux) & np.isfinite(error) & (error > 0) & (place >= reach[0]) & (place < reach[1])
    edges = np.linspace(*reach, FOLD_BINS + 1)
    bins = np.digitize(place[held], edges) - 1
    weight = error[held] ** -2.0
    total = np.bincount(bins, weight, FOLD_BINS)
    mean = quotient(np.bincount(bins, weight * flux[held], FOLD_BINS), total)
    return Curve(said, x_label, 0.5 * (edges[1:] + edges[:-1]), mean, np.sqrt(quotient(1, total)))
