"""Observatories that headers name: place and clock, where a frame does not tell the numbers themselves.

Geodetic places to 0.001 degrees and 30 m, as the observatories publish them; far better than airmass or
barycentric times ask for.
"""

import dataclasses
import re

from ngcmos.draft.found import Value


@dataclasses.dataclass(frozen=True)
class Observatory:
    """Its name, words that headers use for it, and where it is."""

    name: str
    words: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    timezone: str

    @property
    def facts(self) -> dict[str, Value]:
        """Values of the keys of a profile's `site`."""
        return {
            "latitude_deg": self.latitude_deg,
            "longitude_deg": self.longitude_deg,
            "elevation_m": self.elevation_m,
            "timezone": self.timezone,
        }


OBSERVATORIES = (
    Observatory("Las Campanas", r"LCO|LAS[ _-]?CAMPANAS", -29.015, -70.692, 2380.0, "America/Santiago"),
    Observatory("Paranal", r"PARANAL|VLT|NGTS|SPECULOOS-?S", -24.625, -70.403, 2635.0, "America/Santiago"),
    Observatory("La Silla", r"LA[ _-]?SILLA|TRAPPIST-?S", -29.257, -70.730, 2400.0, "America/Santiago"),
    Observatory("Cerro Tololo", r"CTIO|TOLOLO", -30.169, -70.806, 2215.0, "America/Santiago"),
    Observatory("Kitt Peak", r"KPNO|KITT[ _-]?PEAK", 31.963, -111.600, 2120.0, "America/Phoenix"),
    Observatory("Mount Hopkins", r"FLWO|HOPKINS", 31.681, -110.879, 2320.0, "America/Phoenix"),
    Observatory("McDonald", r"MCDONALD", 30.671, -104.022, 2075.0, "America/Chicago"),
    Observatory("Palomar", r"PALOMAR", 33.356, -116.863, 1706.0, "America/Los_Angeles"),
    Observatory("Mauna Kea", r"MAUNA[ _-]?KEA|SUBARU|CFHT", 19.826, -155.472, 4215.0, "Pacific/Honolulu"),
    Observatory("La Palma", r"LA[ _-]?PALMA|ORM|ROQUE", 28.758, -17.885, 2350.0, "Atlantic/Canary"),
    Observatory("Teide", r"TEIDE|TENERIFE", 28.300, -16.511, 2390.0, "Atlantic/Canary"),
    Observatory("Calar Alto", r"CAHA|CALAR[ _-]?ALTO", 37.224, -2.546, 2168.0, "Europe/Madrid"),
    Observatory("San Pedro Martir", r"SPM|SAN[ _-]?PEDRO|SAINT-?EX", 31.044, -115.464, 2830.0, "America/Tijuana"),
    Observatory("Sutherland", r"SAAO|SUTHERLAND", -32.379, 20.811, 1798.0, "Africa/Johannesburg"),
    Observatory("Siding Spring", r"SSO|SIDING[ _-]?SPRING", -31.277, 149.066, 1149.0, "Australia/Sydney"),
)


def observatory_in(text: str) -> Observatory | None:
    """The observatory that a text names, None where it names none of these."""
    for one in OBSERVATORIES:
        if re.search(rf"(?<![A-Z])({one.words})(?![A-Z])", text.upper()):
            return one
    return None
