"""How the light of a field's stars grows with the radius of an aperture, by its own counts, and what of a star's
light falls into an aperture beside it.

``growth_of(radii_px, flux, fwhm_px) -> Growth``; ``growth.share(radius_px, distance_px)``.
"""

import dataclasses
import functools

import numpy as np

from ngcmos.arrays import Floats

RING_PX = 0.05
FEWEST_STARS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Growth:
    """Round stars: `inside` the share of the light of the largest aperture within each of `radii_px`, (n,) arrays.

    Within the smallest one light lies as in a Gaussian of `fwhm_px`, beyond the largest there is none.
    """

    radii_px: Floats
    inside: Floats
    fwhm_px: float

    @property
    def reach_px(self) -> float:
        """Where the light of a star ends."""
        return float(self.radii_px[-1])

    @functools.cached_property
    def _rings(self) -> tuple[Floats, Floats]:
        """((m,) radii of thin rings, (m,) light in each)."""
        from scipy.interpolate import PchipInterpolator  # smooth, and rises where the points do

        edges = np.linspace(0, self.reach_px, round(self.reach_px / RING_PX) + 1)
        core = 1 - np.exp(-4 * np.log(2) * (edges / self.fwhm_px) ** 2)
        first = float(np.interp(self.radii_px[0], edges, core))
        within = core / first * self.inside[0]
        if self.radii_px.size > 1:
            beyond = edges > self.radii_px[0]
            within[beyond] = PchipInterpolator(self.radii_px, self.inside)(edges[beyond])
        return (edges[1:] + edges[:-1]) / 2, np.diff(within)

    def share(self, radius_px: float, distance_px: Floats) -> Floats:
        """Share of the light of a star that an aperture holds whose centre lies so far from it."""
        ring, light = self._rings
        grid = np.arange(0.0, radius_px + self.reach_px + RING_PX, RING_PX)
        distance = np.maximum(grid, 1e-9)[:, None]
        # a ring of radius m about the star: within the aperture lies the arc whose half angle has this cosine
        cosine = (distance**2 + ring**2 - radius_px**2) / (2 * distance * ring)
        held = np.arccos(np.clip(cosine, -1, 1)) / np.pi @ light
        shares: Floats = np.interp(distance_px, grid, held, right=0.0)
        return shares


def growth_of(radii_px: Floats, flux: Floats, fwhm_px: float) -> Growth | None:
    """The Growth of bright stars that stand alone; None where too few tell it, or their width is not known.

    Parameters
    ----------
    radii_px : (apertures,) array
        Rising.
    flux : (frames, apertures, stars) array
        Their counts over the sky, NaN where nothing is known.
    fwhm_px : float
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = flux / flux[:, -1:, :]
    known = np.isfinite(share).all(axis=1)
    if not np.isfinite(fwhm_px) or known.any(axis=0).sum() < FEWEST_STARS:
        return None
    middle = np.median(share.swapaxes(0, 1)[:, known], axis=1)
    inside = np.maximum.accumulate(np.clip(middle, 0, 1))
    return Growth(np.asarray(radii_px, float), inside, fwhm_px)
