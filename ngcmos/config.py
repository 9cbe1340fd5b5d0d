"""directories.json and the camera profile of a run: read once, all mistakes of a profile told at once.

The tables of a profile are those of `ngcmos.profile`; they are given here too.
"""

import dataclasses
import hashlib
import json
import os
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ngcmos.errors import ConfigError, NightError
from ngcmos.profile import (
    PROFILE_FORMAT,
    SKY_METHODS,
    Camera,
    Catalog,
    Check,
    Detection,
    Detector,
    DonutsSettings,
    Files,
    HeaderNames,
    LightCurves,
    Movie,
    Photometry,
    Profile,
    QualityLimits,
    Site,
    Solve,
    Telescope,
)

__all__ = [
    "DEFAULT_CAMERA",
    "SKY_METHODS",
    "Camera",
    "Catalog",
    "Check",
    "Config",
    "Detection",
    "Detector",
    "Directories",
    "DonutsSettings",
    "Files",
    "HeaderNames",
    "LightCurves",
    "Movie",
    "Photometry",
    "QualityLimits",
    "Site",
    "Solve",
    "Telescope",
    "find_camera",
    "find_directories_file",
    "load_camera",
    "load_config",
    "load_directories",
    "profiles_folder",
]

DEFAULT_CAMERA = "ngts_cmos"
CAMERA_VARIABLE = "NGCMOS_CAMERA"
CAMERAS = "cameras"  # the list of directories.json that may be missing

Tables = dict[str, Any]  # a TOML file as it is read
Migration = Callable[[Tables], Tables]
MIGRATIONS: Mapping[int, Migration] = {}  # from each older format to the one after it


@dataclasses.dataclass(frozen=True)
class Directories:
    """The row of directories.json that exists on this machine; `camera` is its profile, "" where it names none.

    `others` are the base paths of further rows that are there and have the same profile: other telescopes.
    """

    calibration: Path
    base: Path
    out: Path
    camera: str = ""
    others: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a run."""

    directories: Directories
    camera: Camera

    @property
    def site(self) -> Site:
        """Where the telescope stands."""
        return self.camera.site


def load_config(
    *,
    camera: str | Path | None = None,
    config: str | Path | None = None,
    directory: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Directories and camera profile (a name, or a path to a TOML file; None: by `find_camera`) of a run.

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
    directories = load_directories(find_directories_file(config, directory, environ))
    named = camera or environ.get(CAMERA_VARIABLE) or directories.camera
    return Config(directories, load_camera(named or DEFAULT_CAMERA))


def find_camera(
    config: str | Path | None = None,
    directory: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """The camera profile that nobody has named: of `$NGCMOS_CAMERA`, else of directories.json, else the default.

    A directories.json that is missing or wrong names none; who needs it says so.
    """
    if environ.get(CAMERA_VARIABLE):
        return environ[CAMERA_VARIABLE]
    try:
        return load_directories(find_directories_file(config, directory, environ)).camera or DEFAULT_CAMERA
    except ConfigError:
        return DEFAULT_CAMERA


def find_directories_file(
    config: str | Path | None, directory: str | Path | None, environ: Mapping[str, str] = os.environ
) -> Path:
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


def load_directories(path: str | Path) -> Directories:
    """The first row of directories.json whose base path exists; relative paths start at the file's folder.

    A ~ is the home of who runs it.
    """
    keys = [f"{name}_paths" for name in ("calibration", "base", "out")]
    try:
        lists = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(lists, dict):
        raise ConfigError(f"{path}: expected an object with the lists {', '.join(keys)}")
    _check_keys(path, lists, keys)
    keys += [CAMERAS] if CAMERAS in lists else []
    for key in keys:
        if not (isinstance(lists[key], list) and all(isinstance(item, str) for item in lists[key])):
            raise ConfigError(f"{path}: {key} must be a list of paths")
    lengths = {key: len(lists[key]) for key in keys}
    if len(set(lengths.values())) != 1:
        raise ConfigError(f"{path}: the lists must be of one length, found {lengths}")
    home = Path(path).absolute().parent
    cameras = lists.get(CAMERAS) or [""] * len(lists[keys[0]])
    rows = [
        Directories(*_from(home, calibration, base, out), _camera_beside(home, camera))
        for calibration, base, out, camera in zip(*(lists[key] for key in keys[:3]), cameras, strict=True)
    ]
    there = [row for row in rows if row.base.is_dir()]
    if there:
        own = there[0]
        bases = {row.base.resolve(): row.base for row in reversed(there) if row.camera == own.camera}
        others = tuple(base for place, base in bases.items() if place != own.base.resolve())
        return dataclasses.replace(own, others=others[::-1])
    tried = ", ".join(str(row.base) for row in rows) or "nothing: the lists are empty"
    raise ConfigError(f"{path}: none of the base_paths exists, tried {tried}")


def _from(home: Path, calibration: str, base: str, out: str) -> tuple[Path, Path, Path]:
    """Paths as a row of directories.json has them."""
    found = [home / Path(path).expanduser() for path in (calibration, base, out)]
    return found[0], found[1], found[2]


def _camera_beside(home: Path, named: str) -> str:
    """A profile by its name, or by its path from the folder of directories.json."""
    return str(home / named) if named.endswith(".toml") else named


def _check_keys(path: str | Path, lists: Mapping[str, object], expected: list[str]) -> None:
    unknown = [key for key in lists if key not in (*expected, CAMERAS)]
    missing = [key for key in expected if key not in lists]
    if unknown:
        known = ", ".join([*expected, CAMERAS])
        raise ConfigError(f"{path}: unknown key {', '.join(unknown)} (known are {known})")
    if missing:
        raise ConfigError(f"{path}: missing key {', '.join(missing)}")


def profiles_folder() -> Path:
    """Folder of the profiles that come with ngcmos: `config/` of a checkout, else `profiles/` of the package."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / "config"
    return checkout if checkout.is_dir() else here / "profiles"


def load_camera(name: str | Path = DEFAULT_CAMERA) -> Camera:
    """The camera profile of that name or file; relative paths of `catalog.local` start at the file's folder.

    Raises
    ------
    ConfigError
        There is no such profile, or it is wrong: one line with the file and all that is wrong in it.
    """
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
    profile = _checked(path, migrate(path, tables))
    local = tuple(str(path.absolute().parent / name) for name in profile.catalog.local)
    values = vars(profile) | {"catalog": dataclasses.replace(profile.catalog, local=local)}
    return Camera(**values, source=path, checksum=hashlib.sha256(content).hexdigest()[:16])


def migrate(
    path: Path, tables: Tables, *, newest: int = PROFILE_FORMAT, steps: Mapping[int, Migration] = MIGRATIONS
) -> Tables:
    """Tables of a profile as of the newest format, whatever format they were written in.

    Raises
    ------
    ConfigError
        The format is newer than the newest that is known here.
    """
    written = tables.get("format", 1)
    if type(written) is not int or written < 1:
        return tables  # a mistake, told with all others
    if written > newest:
        raise ConfigError(
            f"{path}: format {written} is newer than this ngcmos reads, expected at most {newest}; update ngcmos"
        )
    for older in range(written, newest):
        tables = steps[older](tables) | {"format": older + 1}
    return tables


def _checked(path: Path, tables: Tables) -> Profile:
    try:
        return Profile(**tables)
    except ValidationError as error:
        mistakes = [said for detail in error.errors() for said in _mistakes(detail)]
        count = f"{len(mistakes)} mistakes: " if len(mistakes) > 1 else ""
        raise ConfigError(f"{path}: {count}{'; '.join(mistakes)}") from None


def _mistakes(detail: ErrorDetails) -> Iterator[str]:
    """What pydantic says of one place of a profile, in our words; an own check may have several to tell."""
    key = _key(detail["loc"])
    match detail["type"]:
        case "default_factory_not_called":  # another mistake of the table is told
            return
        case "missing":
            yield f"missing key {key}"
        case "unexpected_keyword_argument":
            yield f"unknown key {key} (known are {', '.join(_keys_beside(detail['loc']))})"
        case "value_error":
            yield from (f"{key}.{said}" for said in detail["ctx"]["error"].args)
        case "too_long" | "too_short":
            yield f"{key} must {detail['msg'].removeprefix('Tuple should ').replace(' after validation', '')}"
        case kind:
            expected = _EXPECTED.get(kind) or detail["msg"].removeprefix("Input should be ")
            yield f"{key} must be {expected}, not {detail['input']!r}"


_EXPECTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "a text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dataclass_type": "a table",
}


def _key(place: tuple[int | str, ...]) -> str:
    """Place in a file as one name: `photometry.radii_px[2]`, counted from 0."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """Keys of the table that the place lies in."""
    kind: type = Profile
    for part in place[:-1]:
        kind = typing.get_type_hints(kind)[str(part)]
    return [field.name for field in dataclasses.fields(kind)]
