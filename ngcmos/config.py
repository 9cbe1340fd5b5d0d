"""directories.json and the camera profile: read once, checked strictly, then frozen.

The numbers of a camera live in one TOML file (`config/*.toml`); each of its tables is one dataclass here and
each key one field, so that a key nobody knows or a key nobody gave is found before any work starts.
"""

import dataclasses
import hashlib
import json
import os
import tomllib
import typing
import zoneinfo
from pathlib import Path

from ngcmos.errors import ConfigError, NightError

DEFAULT_CAMERA = "ngts_cmos"
SKY_METHODS = ("map", "annulus", "mean")


def _require(condition, message):
    if not condition:
        raise ValueError(message)


@dataclasses.dataclass(frozen=True)
class Detector:
    """The chip: shape, scale, electrons per count and what bounds its range."""

    rows: int
    columns: int
    pixel_um: float
    scale_arcsec: float
    scale_limits_arcsec: tuple[float, ...]
    gain_e_adu: float
    read_noise_e: float
    dark_e_s: float
    saturation_adu: int
    gain_step_adu: int
    gain_step_half_width_adu: int
    high_range_slope: float
    bad_edge_px: tuple[int, ...]
    readmode: str
    filter: str

    def __post_init__(self):
        _require(self.rows > 0 and self.columns > 0, "rows and columns must be positive")
        _require(self.gain_e_adu > 0, "gain_e_adu must be positive")
        _require(self.read_noise_e >= 0 and self.dark_e_s >= 0, "noise terms must not be negative")
        _require(self.saturation_adu > 0, "saturation_adu must be positive")
        _require(self.high_range_slope > 0, "high_range_slope must be positive")
        _require(self.gain_step_adu > 0 or self.high_range_slope == 1, "high_range_slope needs a gain_step_adu")
        _require(len(self.scale_limits_arcsec) == 2, "scale_limits_arcsec must be [low, high]")
        low, high = self.scale_limits_arcsec
        _require(0 < low <= self.scale_arcsec <= high, "scale_limits_arcsec must enclose scale_arcsec")
        _require(len(self.bad_edge_px) == 4, "bad_edge_px must be [left, right, bottom, top]")
        _require(min(self.bad_edge_px) >= 0, "bad_edge_px must not be negative")

    @property
    def shape(self):
        """(rows, columns), as numpy counts them."""
        return self.rows, self.columns


@dataclasses.dataclass(frozen=True)
class Telescope:
    """What the light passes before the chip."""

    aperture_m: float
    scintillation_cy: float

    def __post_init__(self):
        _require(self.aperture_m > 0, "aperture_m must be positive")


@dataclasses.dataclass(frozen=True)
class Site:
    """Where the telescope stands: geodetic degrees (east positive), metres, and the clock on the wall."""

    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    timezone: str

    def __post_init__(self):
        _require(-90 <= self.latitude_deg <= 90, "latitude_deg must lie within -90 and 90")
        _require(-360 <= self.longitude_deg <= 360, "longitude_deg must lie within -360 and 360")
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"timezone {self.timezone!r} is not known, expected a name as Europe/Paris") from None


@dataclasses.dataclass(frozen=True)
class HeaderNames:
    """How this camera names the header cards that ngcmos reads."""

    date_obs: str
    exptime: str
    object: str
    readmode: str
    altitude: str
    pointing: tuple[str, ...]

    def __post_init__(self):
        _require(self.pointing, "pointing must name at least one pair of cards")
        _require(all(p.count("/") == 1 for p in self.pointing), 'pointing must be pairs as "TELRAD/TELDECD"')

    @property
    def pointing_pairs(self):
        """[(card of the right ascension, card of the declination), ...] in order of preference."""
        return [tuple(pair.split("/")) for pair in self.pointing]


@dataclasses.dataclass(frozen=True)
class Files:
    """How the files of a night are named and when they are whole."""

    field_length: int
    settling_s: float
    reserve_mb: float
    movie_reserve_mb: float

    def __post_init__(self):
        _require(self.field_length >= 0, "field_length must not be negative")
        _require(self.settling_s >= 0, "settling_s must not be negative")
        _require(
            0 <= self.reserve_mb <= self.movie_reserve_mb, "reserve_mb must lie between 0 and movie_reserve_mb"
        )


@dataclasses.dataclass(frozen=True)
class DonutsSettings:
    """Settings of the donuts package, and what counts as a large shift."""

    overscan_px: int
    prescan_px: int
    border_px: int
    tiles: int
    large_px: float


@dataclasses.dataclass(frozen=True)
class Check:
    """When a frame is too far off to be used."""

    limit_px: float

    def __post_init__(self):
        _require(self.limit_px > 0, "limit_px must be positive")


@dataclasses.dataclass(frozen=True)
class Detection:
    """How sources are found."""

    threshold_sigma: float
    min_area_px: int
    max_area_px: int
    border_px: int
    min_objects: int
    mesh_px: int
    defocus_mm: tuple[float, ...]

    def __post_init__(self):
        _require(0 < self.min_area_px < self.max_area_px, "min_area_px must lie between 0 and max_area_px")
        _require(self.mesh_px > 0, "mesh_px must be positive")
        _require(list(self.defocus_mm) == sorted(self.defocus_mm), "defocus_mm must rise")


@dataclasses.dataclass(frozen=True)
class Solve:
    """How a plate solution is looked for."""

    tmag_min: float
    tmag_max: float
    radius_deg: tuple[float, ...]
    solve_field: bool

    def __post_init__(self):
        _require(self.tmag_min < self.tmag_max, "tmag_min must be below tmag_max")
        _require(self.radius_deg and min(self.radius_deg) > 0, "radius_deg must list positive radii")


@dataclasses.dataclass(frozen=True)
class Catalog:
    """Which stars are known in a field and which are measured."""

    vizier: str
    box_deg: float
    timeout_s: float
    retries: int
    local: tuple[str, ...]
    tmag_max: float
    margin_px: float
    blend_arcsec: float
    blend_dmag: float

    def __post_init__(self):
        _require(0 < self.box_deg <= 20, "box_deg must lie between 0 and 20")
        _require(self.timeout_s > 0 and self.retries >= 0, "timeout_s and retries must be positive")
        _require(self.blend_arcsec > 0, "blend_arcsec must be positive")


@dataclasses.dataclass(frozen=True)
class Photometry:
    """Apertures and sky."""

    radii_px: tuple[float, ...]
    annulus_px: tuple[float, ...]
    sky_method: str
    mesh_px: int

    def __post_init__(self):
        _require(self.radii_px and min(self.radii_px) > 0, "radii_px must list positive radii")
        _require(len(set(self.radii_px)) == len(self.radii_px), "radii_px must differ from each other")
        _require(len(self.annulus_px) == 2, "annulus_px must be [inner, outer]")
        _require(0 < self.annulus_px[0] < self.annulus_px[1], "annulus_px must rise")
        _require(self.sky_method in SKY_METHODS, f"sky_method must be one of {', '.join(SKY_METHODS)}")
        _require(self.mesh_px > 0, "mesh_px must be positive")


@dataclasses.dataclass(frozen=True)
class Movie:
    """What the movies show."""

    every: int
    fps: int
    zoom_px: int

    def __post_init__(self):
        _require(min(self.every, self.fps, self.zoom_px) > 0, "every, fps and zoom_px must be positive")


@dataclasses.dataclass(frozen=True)
class Camera:
    """One camera profile; `source` is its file and `checksum` the SHA-256 of its bytes (hex, 16 digits)."""

    name: str
    detector: Detector
    telescope: Telescope
    site: Site
    headers: HeaderNames
    files: Files
    donuts: DonutsSettings
    check: Check
    detection: Detection
    solve: Solve
    catalog: Catalog
    photometry: Photometry
    movie: Movie
    source: Path = dataclasses.field(default=Path(), compare=False)
    checksum: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class Directories:
    """The row of directories.json that exists on this machine."""

    calibration: Path
    base: Path
    out: Path


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a run."""

    directories: Directories
    camera: Camera

    @property
    def site(self):
        """Where the telescope stands."""
        return self.camera.site


def load_config(*, camera=DEFAULT_CAMERA, config=None, directory=None, environ=os.environ):
    """Directories and camera profile (a name, or a path to a TOML file) of a run.

    Without `config` (a directories.json) the current folder, the night `directory` and `$NGCMOS_DIRECTORIES` are
    tried for one.

    Raises
    ------
    ConfigError
        A file is missing or wrong; the message names the file and the key.
    NightError
        `directory` was named and does not exist.
    """
    if directory is not None and not Path(directory).is_dir():
        raise NightError(f"no night found: {directory} is not a folder")
    return Config(load_directories(find_directories_file(config, directory, environ)), load_camera(camera))


def find_directories_file(config, directory, environ=os.environ):
    """Path of directories.json: `config`, else in the current folder, in the night, at `$NGCMOS_DIRECTORIES`."""
    if config is not None:
        if not Path(config).is_file():
            raise ConfigError(f"{config}: no such file, expected a directories.json")
        return Path(config)
    places = [Path("directories.json")]
    if directory is not None:
        places.append(Path(directory) / "directories.json")
    if environ.get("NGCMOS_DIRECTORIES"):
        places.append(Path(environ["NGCMOS_DIRECTORIES"]))
    for place in places:
        if place.is_file():
            return place
    tried = ", ".join(str(place.absolute()) for place in places)
    raise ConfigError(f"directories.json not found, tried {tried}; name it by --config or $NGCMOS_DIRECTORIES")


def load_directories(path):
    """The first row of directories.json whose base path exists; relative paths start at the file's folder."""
    keys = [field.name + "_paths" for field in dataclasses.fields(Directories)]
    try:
        lists = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(lists, dict):
        raise ConfigError(f"{path}: expected an object with the lists {', '.join(keys)}")
    _check_keys(path, "", lists, keys)
    for key in keys:
        if not (isinstance(lists[key], list) and all(isinstance(item, str) for item in lists[key])):
            raise ConfigError(f"{path}: {key} must be a list of paths")
    lengths = {key: len(lists[key]) for key in keys}
    if len(set(lengths.values())) != 1:
        raise ConfigError(f"{path}: the lists must be of one length, found {lengths}")
    home = Path(path).absolute().parent
    rows = [Directories(*(home / item for item in row)) for row in zip(*(lists[key] for key in keys), strict=True)]
    for row in rows:
        if row.base.is_dir():
            return row
    tried = ", ".join(str(row.base) for row in rows) or "nothing: the lists are empty"
    raise ConfigError(f"{path}: none of the base_paths exists, tried {tried}")


def profiles_folder():
    """Folder of the profiles that come with ngcmos: `config/` of a checkout, else `profiles/` of the package."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / "config"
    return checkout if checkout.is_dir() else here / "profiles"


def load_camera(name=DEFAULT_CAMERA):
    """The camera profile of that name or file; relative paths of `catalog.local` start at the file's folder."""
    path = Path(name)
    if path.suffix != ".toml":
        path = profiles_folder() / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in profiles_folder().glob("*.toml")))
        raise ConfigError(f"{path}: no such camera profile, expected one of {known}, or a path that ends in .toml")
    try:
        content = path.read_bytes()
        tables = tomllib.loads(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML ({error})") from None
    checksum = hashlib.sha256(content).hexdigest()[:16]
    given = {"source": path, "checksum": checksum}
    camera = _build(path, Camera, tables, prefix="", given=given)
    local = tuple(str(path.absolute().parent / name) for name in camera.catalog.local)
    return dataclasses.replace(camera, catalog=dataclasses.replace(camera.catalog, local=local))


def _build(path, kind, table, *, prefix, given=None):
    """Dataclass `kind` from a TOML table, every key checked."""
    given = given or {}
    types = {key: hint for key, hint in typing.get_type_hints(kind).items() if key not in given}
    _check_keys(path, prefix, table, types)
    values = {key: _value(path, prefix + key, hint, table[key]) for key, hint in types.items()}
    try:
        return kind(**values, **given)
    except ValueError as error:
        raise ConfigError(f"{path}: [{prefix.rstrip('.')}] {error}") from None


def _check_keys(path, prefix, table, expected):
    unknown = [prefix + key for key in table if key not in expected]
    missing = [prefix + key for key in expected if key not in table]
    if unknown:
        raise ConfigError(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(expected)}")
    if missing:
        raise ConfigError(f"{path}: missing key {', '.join(missing)}")


def _value(path, key, hint, value):
    """`value` as `hint` wants it; whole numbers may stand for floats, lists become tuples."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: {key} must be a table")
        return _build(path, hint, value, prefix=f"{key}.")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{path}: {key} must be a list")
        return tuple(_value(path, key, typing.get_args(hint)[0], item) for item in value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{path}: {key} must be {hint.__name__}, not {value!r}")
    return value
