"""The camera profile: every number of a camera, checked strictly, then frozen.

Each table of the TOML file (`config/*.toml`) is one class here and each key one field, with the default of what a
camera need not say. They are pydantic's dataclasses: whoever makes one, or changes one by `dataclasses.replace`,
gets it checked.
"""

import dataclasses
import hashlib
import json
import math
import typing
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from ngcmos.calibrating import Calibration
from ngcmos.keys import (
    SUNRISE,
    TABLE,
    Cards,
    Extra,
    NotNegative,
    Number,
    Positive,
    Share,
    Switch,
    Text,
    Whole,
    WholeNotNegative,
    WholePositive,
    as_extra,
    demand,
    is_extra,
)

PROFILE_FORMAT = 1
SCALE_TOLERANCE = 0.05  # a plate scale may differ by this share, where the profile gives no limits
SkyMethod = Literal["map", "annulus", "mean"]
SKY_METHODS: tuple[SkyMethod, ...] = typing.get_args(SkyMethod)


def _limits_around(values: dict[str, Any]) -> tuple[float, float]:
    scale_arcsec = values.get("scale_arcsec", math.nan)  # one that is missing is told of by itself
    return scale_arcsec * (1 - SCALE_TOLERANCE), scale_arcsec * (1 + SCALE_TOLERANCE)


@dataclass(frozen=True, config=TABLE)
class Detector:
    """The chip: shape, scale, electrons per count and what bounds its range."""

    rows: WholePositive
    columns: WholePositive
    scale_arcsec: Positive
    gain_e_adu: Positive
    read_noise_e: NotNegative
    saturation_adu: WholePositive
    scale_limits_arcsec: tuple[Positive, Positive] = Field(default_factory=_limits_around)
    dark_e_s: NotNegative = 0.0
    adu_per_unit: Positive = 1.0
    pixel_um: NotNegative = 0.0
    gain_step_adu: Whole = 0
    gain_step_half_width_adu: Whole = 0
    high_range_slope: Positive = 1.0
    bad_edge_px: tuple[WholeNotNegative, WholeNotNegative, WholeNotNegative, WholeNotNegative] = (0, 0, 0, 0)
    readmode: Text = ""
    filter: Text = "unknown"

    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high = self.scale_limits_arcsec
        demand(
            (low <= self.scale_arcsec <= high, "scale_limits_arcsec must enclose scale_arcsec"),
            (self.gain_step_adu > 0 or self.high_range_slope == 1, "high_range_slope needs a gain_step_adu"),
        )
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), as numpy counts them."""
        return self.rows, self.columns


@dataclass(frozen=True, config=TABLE)
class Telescope:
    """What the light passes before the chip."""

    aperture_m: Positive
    scintillation_cy: Number = 1.56


@dataclass(frozen=True, config=TABLE)
class Site:
    """Where the telescope stands: geodetic degrees (east positive), metres, and the clock on the wall."""

    latitude_deg: Annotated[Number, Field(ge=-90, le=90)]
    longitude_deg: Annotated[Number, Field(ge=-360, le=360)]
    elevation_m: Number
    timezone: Text

    @model_validator(mode="after")
    def _check(self) -> Self:
        known, said = True, f"timezone {self.timezone!r} is not known, expected a name as Europe/Paris"
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            known = False
        demand((known, said))
        return self


@dataclass(frozen=True, config=TABLE)
class HeaderNames:
    """How this camera names the header cards that ngcmos reads."""

    date_obs: Cards = ("DATE-OBS", "DATE-BEG", "DATE-AVG", "MJD-OBS", "JD")
    time_obs: Cards = ("TIME-OBS", "UT", "UTC", "UT-START", "UTSTART", "TIME")
    time_meaning: Literal["start", "middle", "end"] = "start"
    time_scale: Text = ""
    utc_offset_h: Annotated[Number, Field(ge=-14, le=14)] = 0.0
    exptime: Cards = ("EXPTIME", "EXPOSURE", "EXP", "EXP_TIME", "ITIME")
    object: Cards = ("OBJECT", "OBJNAME", "TARGET", "FIELD")
    imagetyp: Cards = ("IMAGETYP", "OBSTYPE", "FRAME")
    readmode: Text = "READMODE"
    filter: Cards = ("FILTER",)
    gain: Cards = ("GAIN", "EGAIN")
    offset: Cards = ("OFFSET",)
    binning: Cards = ("XBINNING", "YBINNING")
    serial: Cards = ()
    window: Cards = ("SUBRECT", "XORGSUBF", "YORGSUBF", "ROI", "CCDSEC", "DETSEC")
    pedestal: Cards = ("PEDESTAL",)
    temperature: Cards = ("CCD-TEMP", "CCDTEMP", "SET-TEMP", "DET-TEMP")
    altitude: Text = "ALTITUDE"
    pointing: Cards = (
        *("TELRAD/TELDECD", "CMD_RA/CMD_DEC", "TELRA/TELDEC", "RA/DEC", "OBJCTRA/OBJCTDEC", "RA-MNT/DEC-MNT"),
        "CRVAL1/CRVAL2",
    )
    pointing_unit: Literal["deg", "hour"] = "deg"
    center: tuple[Number, ...] = ()
    extra: Cards = ("ccd_temp_c/CCD-TEMP/C", "ccd_temp_c/CCDTEMP/C")
    series: Cards = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        demand(
            (bool(self.pointing), "pointing must name at least one pair of cards"),
            (all(p.count("/") == 1 for p in self.pointing), 'pointing must be pairs as "TELRAD/TELDECD"'),
            (all(map(is_extra, self.extra)), 'extra must be name, card and unit as "humidity/HUMIDITY/%"'),
            (all(map(is_extra, self.series)), 'series must be name, file and unit as "pwv_mm/pwv.csv/mm"'),
            (bool(self.date_obs and self.exptime), "date_obs and exptime must name at least one card each"),
            (
                not self.center
                or (len(self.center) == 2 and abs(self.center[0]) <= 360 and abs(self.center[1]) <= 90),
                "center must be right ascension and declination in degrees",
            ),
        )
        return self

    @property
    def extra_cards(self) -> list[Extra]:
        """Further cards to keep of each frame; several of one name in order of preference."""
        return [as_extra(one) for one in self.extra]

    @property
    def extra_series(self) -> list[Extra]:
        """Files of time series to join to the frames."""
        return [as_extra(one) for one in self.series]

    @property
    def extra_units(self) -> dict[str, str]:
        """{name: unit} of cards and series."""
        return {name: unit for name, _, unit in (*self.extra_cards, *self.extra_series)}

    @property
    def pointing_pairs(self) -> list[tuple[str, str]]:
        """[(card of the right ascension, card of the declination), ...] in order of preference."""
        return [(ra, dec) for ra, _, dec in (pair.partition("/") for pair in self.pointing)]


@dataclass(frozen=True, config=TABLE)
class Files:
    """How the files of a night are named and when they are whole."""

    field_length: WholeNotNegative = 0
    settling_s: NotNegative = 5.0
    reserve_mb: NotNegative = 500.0
    movie_reserve_mb: NotNegative = 2000.0
    headers: Literal["in_place", "beside"] = "in_place"

    @model_validator(mode="after")
    def _check(self) -> Self:
        demand((self.reserve_mb <= self.movie_reserve_mb, "reserve_mb must lie between 0 and movie_reserve_mb"))
        return self


@dataclass(frozen=True, config=TABLE)
class DonutsSettings:
    """Settings of the donuts package, and what counts as a large shift."""

    overscan_px: Whole = 0
    prescan_px: Whole = 0
    border_px: Whole = 64
    tiles: Whole = 32
    large_px: Number = 0.5
    min_stars: WholePositive = 5
    min_match: Share = 0.25
    min_found: Share = 0.25
    residual_px: Positive = 0.4
    cloud_stars: Share = 0.3


@dataclass(frozen=True, config=TABLE)
class Check:
    """When a frame is too far off to be used."""

    limit_px: Positive = 50.0


@dataclass(frozen=True, config=TABLE)
class Detection:
    """How sources are found."""

    threshold_sigma: Number = 3.0
    min_area_px: WholePositive = 10
    max_area_px: Whole = 200
    border_px: Whole = 10
    min_objects: Whole = 200
    mesh_px: WholePositive = 64
    defocus_mm: tuple[Number, ...] = (0.15, 0.3, 0.5)

    @model_validator(mode="after")
    def _check(self) -> Self:
        demand(
            (self.min_area_px < self.max_area_px, "min_area_px must lie between 0 and max_area_px"),
            (list(self.defocus_mm) == sorted(self.defocus_mm), "defocus_mm must rise"),
        )
        return self


@dataclass(frozen=True, config=TABLE)
class Solve:
    """How a plate solution is looked for."""

    tmag_min: Number = 10.0
    tmag_max: Number = 16.0
    radius_deg: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.2, 2.0)
    solve_field: Switch = True
    rms_px: Positive = 0.3

    @model_validator(mode="after")
    def _check(self) -> Self:
        demand((self.tmag_min < self.tmag_max, "tmag_min must be below tmag_max"))
        return self


@dataclass(frozen=True, config=TABLE)
class Catalog:
    """Which stars are known in a field and which are measured."""

    source: Literal["tic", "gaia_dr3"] = "tic"
    vizier: Text = "IV/39/tic82"
    mirrors: Annotated[tuple[Text, ...], Field(min_length=1)] = ("vizier.cds.unistra.fr", "vizier.cfa.harvard.edu")
    box_deg: Annotated[Positive, Field(le=20)] = 3.0
    timeout_s: Positive = 120.0
    retries: WholeNotNegative = 4
    local: tuple[Text, ...] = ()
    known: tuple[Text, ...] = ()
    tmag_max: Number = 16.0
    margin_px: Number = 10.0
    blend_arcsec: Positive = 24.0
    blend_dmag: Number = 1.0


@dataclass(frozen=True, config=TABLE)
class Photometry:
    """Apertures and sky."""

    radii_px: Annotated[tuple[Positive, ...], Field(min_length=1)] = (2.0, 3.0, 4.0, 5.0, 6.0)
    annulus_px: tuple[Positive, Positive] = (15.0, 20.0)
    sky_method: SkyMethod = "map"
    mesh_px: WholePositive = 64
    centroids: bool = True
    psf: Switch = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        demand(
            (len(set(self.radii_px)) == len(self.radii_px), "radii_px must differ from each other"),
            (self.annulus_px[0] < self.annulus_px[1], "annulus_px must rise"),
        )
        return self


@dataclass(frozen=True, config=TABLE)
class LightCurves:
    """Which stars are compared with others."""

    tmag_max: Number = 14.0
    noise_tmag_max: Number = 16.0


@dataclass(frozen=True, config=TABLE)
class QualityLimits:
    """From where on a frame is not good."""

    cloud_transparency: Share = 0.85
    cloud_stars: Share = 0.7
    slew_elongation: Annotated[Number, Field(gt=1)] = 1.4
    twilight_sky: Annotated[Number, Field(gt=1)] = 1.5
    jump_px: NotNegative = 0.0


@dataclass(frozen=True, config=TABLE)
class Movie:
    """What the movies show."""

    every: WholePositive = 5
    fps: WholePositive = 5
    zoom_px: WholePositive = 100


@dataclass(frozen=True, config=TABLE)
class Chain:
    """How the stages of a night are run."""

    deadline: Text = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = not self.deadline or bool(SUNRISE.fullmatch(self.deadline.strip()))
        demand((known, f'deadline is {self.deadline!r}, expected sunrise as "sunrise + 2 h"'))
        return self


@dataclass(frozen=True, config=TABLE)
class Profile:
    """What the file of a camera says."""

    name: Text
    detector: Detector
    telescope: Telescope
    site: Site
    headers: HeaderNames = HeaderNames()
    files: Files = Files()
    calibration: Calibration = Calibration()
    donuts: DonutsSettings = DonutsSettings()
    check: Check = Check()
    detection: Detection = Detection()
    solve: Solve = Solve()
    catalog: Catalog = Catalog()
    photometry: Photometry = Photometry()
    light_curves: LightCurves = LightCurves()
    quality: QualityLimits = QualityLimits()
    movie: Movie = Movie()
    chain: Chain = Chain()
    format: WholePositive = PROFILE_FORMAT

    @model_validator(mode="after")
    def _check(self) -> Self:
        section = self.calibration.trim_section
        shape = tuple(part.stop - part.start for part in section) if section else self.detector.shape
        demand((shape == self.detector.shape, "calibration.trim must leave detector.columns x detector.rows px"))
        return self

    @property
    def jump_px(self) -> float:
        """A frame this far from those before it has jumped: where the profile says nothing, a large shift."""
        return self.quality.jump_px or self.donuts.large_px

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the values (hex, 16 digits): remarks, order and defaults written out do not change it.

        Nor do when runs end, and where catalogs come from: what was made of them has a checksum of its own.
        """
        values = dataclasses.asdict(self)
        for key in ("format", "source", "checksum", "chain"):
            values.pop(key, None)
        for key in ("local", "mirrors"):
            values["catalog"].pop(key)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, config=TABLE)
class Camera(Profile):
    """A profile, its file `source`, and `checksum`, the SHA-256 of the file's bytes (hex, 16 digits)."""

    source: Path = dataclasses.field(default=Path(), compare=False)
    checksum: str = dataclasses.field(default="", compare=False)
