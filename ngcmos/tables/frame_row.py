"""What a measured frame is known by: its row of the extension FRAMES."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class FrameRow:
    """A measured frame: its row of FRAMES, whose columns docs/tables.md describes, in their order."""

    frame_id: str
    date_obs: str
    jd_mid: float
    exptime_s: float
    airmass: float
    zp: float
    shift_x: float | None
    shift_y: float | None
    wcs_rms_px: float
    wcs_stars: int
    rotation_deg: float
    pointing_off_deg: float
    sky: float
    sky_rms: float
    stars_on_chip: int
    stars_seen: int
    stars_saturated: int
    scintillation: float
    fwhm_px: float
    place_x: float
    place_y: float
    elongation: float
    sky_gradient: float
    trail: float
    flags: int
    counts: str

    def as_dict(self) -> dict[str, str | float | None]:
        """As parts, tables and the ledger keep it."""
        return dict(vars(self))

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> "FrameRow":
        """The row that a part or a table keeps, whoever wrote it.

        A column that there was not yet is NaN, or empty text; one that is none of a frame's own (another card that
        the profile names) is not taken over.
        """
        return cls(**{name: known.get(name, blank) for name, blank in _BLANKS.items()})


_BLANKS: dict[str, Any] = {
    field.name: "" if field.type is str else math.nan for field in dataclasses.fields(FrameRow)
}
