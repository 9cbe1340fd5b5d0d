"""What the doctor asks of the machine: interpreter, packages, ffmpeg, folders, room, clock.

Nothing but the standard library is imported before it is known that the packages are there.
"""

import datetime
import errno
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zoneinfo
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ngcmos
from ngcmos.doctor.finding import Finding, Findings, bad, good, remark

if TYPE_CHECKING:
    from ngcmos.config import Site

MODULES = (
    *("numpy", "scipy", "astropy", "sep", "photutils", "donuts", "astroquery.vizier"),
    *("matplotlib", "imageio_ffmpeg", "PIL", "pydantic", "tqdm", "tzdata", "pyarrow", "nifty_ls", "batman"),
)
IMPORT_TIMEOUT_S = 300.0
FFMPEG_TIMEOUT_S = 30.0
YEARS = (2024, 2099)
AHEAD_S = 60.0
GB = 1e9

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    print(name, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print("\\t" + " ".join(f"{type(error).__name__}: {error}".split()), flush=True)
"""


def check_interpreter(checkout: Path) -> Findings:
    """Findings about this Python: version, path, environment, and whose ngcmos it imports.

    Parameters
    ----------
    checkout : Path
        Where the scripts lie.
    """
    package = Path(ngcmos.__file__).resolve().parent
    version = sys.version.split()[0]
    if sys.prefix == sys.base_prefix:
        remedy = f"start the scripts by {checkout / '.venv/bin/python'} (make install makes it)"
        yield remark(f"Python {version}, {sys.executable}: of the system, no environment of its own", remedy)
    else:
        yield good(f"Python {version}, {sys.executable}, environment {sys.prefix}")
    if (checkout / "ngcmos").is_dir() and checkout / "ngcmos" != package:
        what = f"the scripts are of {checkout}, but ngcmos {ngcmos.__version__} is of {package}"
        yield remark(what, f"{sys.executable} -m pip install --no-deps --editable {checkout}")
    else:
        yield good(f"ngcmos {ngcmos.__version__}, {package}")


def check_packages(
    requirements: Path, *, modules: Sequence[str] = MODULES, asked: Collection[str] | None = None
) -> Findings:
    """Findings about the packages: those pinned are there, of the version pinned, and can be imported.

    Parameters
    ----------
    requirements : Path
        requirements.txt; where it is not there, the packages that ngcmos itself asks for count, of any version.
    modules : sequence of str
        What is imported, in a process of its own: a broken library may crash.
    asked : collection of str, optional
        The packages that ngcmos itself asks for; others that are pinned may be of no use to another Python.
    """
    pins, asked = read_pins(requirements), packages_asked() if asked is None else asked
    install = f"{sys.executable} -m pip install " + (f"-r {requirements}" if requirements.is_file() else "ngcmos")
    found = {name: _version_of(name) for name in pins}
    missing = [name for name, version in found.items() if version is None and name in asked]
    changed = {name: pin for name, pin in pins.items() if name not in missing and pin and found[name] != pin}
    other = [f"{name} {found[name] or 'not there'} (tested with {pin})" for name, pin in changed.items()]
    if missing:
        yield bad(f"packages missing: {', '.join(missing)}", install)
    if other:
        yield remark(f"packages of other versions than tested: {', '.join(other)}", install)
    if not missing and not other:
        yield good(f"{len(pins)} packages are there" + (f", as in {requirements}" if any(pins.values()) else ""))
    yield _check_imports(modules, install)


def read_pins(requirements: Path) -> dict[str, str]:
    """{package: version} of a requirements.txt; without the file {package: ""} of what ngcmos asks for."""
    if requirements.is_file():
        lines = requirements.read_text(encoding="utf-8").splitlines()
        return {match[1]: match[2] for line in lines if (match := _PIN.match(line.strip()))}
    return dict.fromkeys(packages_asked(), "")


def packages_asked() -> list[str]:
    """Names of the packages that ngcmos itself asks for."""
    try:
        asked = importlib.metadata.requires("ngcmos") or []
    except importlib.metadata.PackageNotFoundError:
        asked = []
    names = (_NAME.match(line) for line in asked if "extra ==" not in line)
    return [name[0] for name in names if name]


def _version_of(package: str) -> str | None:
    """Version that is installed; None where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_imports(modules: Sequence[str], install: str) -> Finding:
    """The Finding about importing all modules."""
    # neither compiled files nor matplotlib's folder of settings: the doctor leaves nothing behind
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": os.devnull}
    command = [sys.executable, "-P", "-c", _IMPORT, *modules]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=IMPORT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return bad(f"packages not imported, {error}", install)
    lines = done.stdout.splitlines() or ["nothing"]
    failed = [f"{lines[at - 1]} ({line.strip()})" for at, line in enumerate(lines) if line.startswith("\t")]
    if done.returncode:
        failed.append(f"{lines[-1].strip()} (Python ended with {done.returncode})")
    if failed:
        return bad(
            f"not importable: {', '.join(failed)}",
            install.replace("pip install", "pip install --force-reinstall", 1),
        )
    return good(f"{len(modules)} packages import: {', '.join(modules)}")


def check_ffmpeg() -> Findings:
    """Findings about the ffmpeg of imageio-ffmpeg, by running it."""
    import imageio_ffmpeg

    remedy = f"{sys.executable} -m pip install --force-reinstall imageio-ffmpeg; unset IMAGEIO_FFMPEG_EXE"
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        done = subprocess.run(
            [program, "-version"], capture_output=True, text=True, check=False, timeout=FFMPEG_TIMEOUT_S
        )
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        yield bad(f"ffmpeg does not run, no movies: {error}", remedy)
        return
    first = (done.stdout.splitlines() or ["nothing"])[0]
    if done.returncode:
        yield bad(f"ffmpeg {program} ended with {done.returncode}, no movies; it said: {first}", remedy)
    else:
        yield good(f"{' '.join(first.split()[:3])}, {program}")


def check_clock(site: "Site", *, now: datetime.datetime, newest: tuple[str, datetime.datetime] | None) -> Findings:
    """Findings about the clock of this machine and what it is at the site.

    Parameters
    ----------
    site : ngcmos.config.Site
    now : datetime.datetime
        Aware.
    newest : (str, datetime.datetime) or None
        The newest frame on disk and the time stamp in its name.
    """
    remedy = "set the clock of the machine that is wrong: timedatectl set-ntp true"
    local = now.astimezone(zoneinfo.ZoneInfo(site.timezone))
    text = f"clock {now:%Y-%m-%d %H:%M:%S} UTC, {local:%Y-%m-%d %H:%M} in {site.timezone}"
    if not YEARS[0] <= now.year <= YEARS[1]:
        yield bad(f"{text}: the year cannot be right", remedy)
    elif newest and (newest[1] - now).total_seconds() > AHEAD_S:
        ahead = newest[1] - now
        yield bad(f"{text}: {newest[0]} is from the future, by {str(ahead).split('.')[0]}", remedy)
    else:
        evening = (local - datetime.timedelta(days=1)).strftime("%Y%m%d")
        yield good(f"{text}; a script without --night takes {evening} now")


def check_writable(label: str, folder: Path) -> Finding:
    """The Finding about writing into a folder, or where it is missing into the one it will be made in."""
    place = folder
    while not (place.exists() or place.is_symlink()) and place != place.parent:
        place = place.parent
    probe = place / f".doctor.{os.getpid()}.part"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, b"doctor")
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        remedy = (
            "make room on the disk" if error.errno == errno.ENOSPC else f"give {_user()} the right to write there"
        )
        if error.errno == errno.EROFS:
            remedy = f"mount the disk writable: mount -o remount,rw {place}"
        if error.errno == errno.ENOTDIR:
            remedy = f"{place} is a file: move it away"
        return bad(f"{label} {folder}: not writable, {error.strerror}", remedy)
    return good(
        f"{label} {folder}: " + ("writable" if place == folder else f"not there yet, will be made in {place}")
    )


def check_readable(label: str, folder: Path) -> Finding:
    """The Finding about reading a folder."""
    try:
        count = len(list(folder.iterdir()))
    except OSError as error:
        return remark(
            f"{label} {folder}: {error.strerror}", "needed to make masters: mount it, or make it and fill it"
        )
    return good(f"{label} {folder}: readable, {count} files")


def _user() -> str:
    """Who runs this, for a remedy."""
    return os.environ.get("USER") or f"user {os.getuid()}"


def check_room(needs: Mapping[Path, float]) -> Findings:
    """Findings about the free room of each disk.

    Parameters
    ----------
    needs : dict of Path to float
        Bytes that a night writes into each folder; folders of one disk share its room.
    """
    disks: dict[int, tuple[list[str], float, Path]] = {}
    for folder, size in needs.items():
        place = next(place for place in (folder, *folder.parents) if place.is_dir())
        folders, total, _ = disks.get(place.stat().st_dev, ([], 0.0, place))
        disks[place.stat().st_dev] = ([*folders, str(folder)], total + size, place)
    for folders, needed, place in disks.values():
        free = shutil.disk_usage(place).free
        text = f"disk of {', '.join(folders)}: {free / GB:.1f} GB free, a night needs about {needed / GB:.1f} GB"
        if free < needed:
            yield bad(text, f"make room: move old nights away (du -sh {place}/*)")
        else:
            yield good(text)
