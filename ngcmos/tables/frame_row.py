"""What a measured frame is known by: its row of the extension FRAMES."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class FrameRow:
    """A measured frame: its row of FRAMES, whose columns docs/tables.md describes, in their order."""

    frame_id: str
    date_obs: str
    jd_mid: float
    exptime_s: float
    airmass: float
    zp: float
    shift_x: float
    shift_y: float
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
        """As tables and the ledger keep it."""
        return dataclasses.asdict(self)
