"""Which stars of a season are known to vary or to have planets: these never compare others.

``KnownStars(table).rows_in(stars)``; the table is that of `ngcmos.astrometry.known`.
"""

import dataclasses
import functools

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Bools, Ints, Rows
from ngcmos.astrometry.known import no_known
from ngcmos.night.fingerprint import digest_of
from ngcmos.sphere import separation_deg

NEAR_DEG = 5.0 / 3600  # a place of a catalog without ids belongs to the nearest star within


@dataclasses.dataclass(frozen=True, eq=False)
class KnownStars:
    """What is known of stars of a field; see `ngcmos.astrometry.known`."""

    table: Table = dataclasses.field(default_factory=no_known)

    @functools.cached_property
    def digest(self) -> str:
        """Changes with the list; "" for an empty one."""
        return digest_of("\n".join(map(str, self.table.as_array().tolist()))) if len(self.table) else ""

    def rows_in(self, stars: Rows) -> Ints:
        """(stars,) row of the table that is the star: by TIC id, by Gaia id, else by place; -1 for none."""
        found = np.full(len(stars), -1)
        for row in reversed(range(len(self.table))):  # the first row that is a star wins
            here = self._stars_of(row, stars)
            found[here] = row
        return found

    def are_known(self, stars: Rows) -> Bools:
        """(stars,) whether anything is known of it."""
        known: Bools = self.rows_in(stars) >= 0
        return known

    def _stars_of(self, row: int, stars: Rows) -> Ints:
        """The star that a row is, at most one."""
        own = self.table[row]
        for name in ("tic_id", "gaia_id"):
            if own[name] > 0:
                return np.flatnonzero(stars[name] == own[name])[:1]
        if not np.isfinite(own["ra_deg"]):
            return np.zeros(0, int)
        away = separation_deg(own["ra_deg"], own["dec_deg"], stars["ra_deg"], stars["dec_deg"])
        nearest = int(np.argmin(np.nan_to_num(away, nan=9.0))) if len(stars) else 0
        return np.array([nearest]) if len(stars) and away[nearest] <= NEAR_DEG else np.zeros(0, int)


UNKNOWN = KnownStars()  # nothing is known of any star
