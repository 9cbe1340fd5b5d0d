"""What cron will meet tonight: the machine, the folders, the masters and catalogs, each as one line.

``for finding in run(...): print(finding)``; the night would work where none is BAD. Nothing is written but hidden
`.part` files that are removed at once, to see whether a folder is writable.
"""

import datetime
import json
from collections.abc import Generator
from pathlib import Path

import ngcmos
from ngcmos.config import (
    DEFAULT_CAMERA,
    Camera,
    Config,
    Directories,
    find_directories_file,
    load_camera,
    load_directories,
)
from ngcmos.doctor.finding import Finding, Findings, bad, good, remark
from ngcmos.doctor.machine import (
    check_clock,
    check_ffmpeg,
    check_interpreter,
    check_packages,
    check_readable,
    check_room,
    check_writable,
)
from ngcmos.errors import ConfigError, NgcmosError, NightError, UsageError
from ngcmos.names import Health
from ngcmos.night.products import plots_folder


def run(
    *,
    camera: str = DEFAULT_CAMERA,
    config: str | Path | None = None,
    directory: str | Path | None = None,
    night: str | None = None,
    checkout: Path | None = None,
    server: str | None = None,
    now: datetime.datetime | None = None,
) -> Findings:
    """Findings about this machine and the night that a script would take, as they are made.

    Parameters
    ----------
    camera, config, directory, night
        As the options of all scripts.
    checkout : Path, optional
        Where the scripts and requirements.txt lie; beside the package by default.
    server : str, optional
        Address of VizieR or a mirror.
    now : datetime.datetime, optional
        Aware; the clock by default.

    Yields
    ------
    ngcmos.doctor.finding.Finding
    """
    checkout = checkout or Path(ngcmos.__file__).resolve().parents[1]
    yield from check_interpreter(checkout)
    packages = list(check_packages(checkout / "requirements.txt"))
    yield from packages
    profile = yield from _check_camera(camera)
    directories = yield from _check_directories(config, directory)
    if profile is None or directories is None or any(finding.verdict == Health.BAD for finding in packages):
        yield remark("the folders, masters, catalogs were not looked at", "put right what is BAD above, ask again")
        return
    yield from check_ffmpeg()
    yield from check_folders(
        Config(directories, profile), directory=directory, night=night, server=server, now=now
    )


def _check_camera(name: str) -> Generator[Finding, None, Camera | None]:
    """Findings about the camera profile; returns it, None where it is wrong."""
    try:
        camera = load_camera(name)
    except ConfigError as error:
        yield bad(str(error), "correct the profile, docs/camera.md tells every key; or name another by --camera")
        return None
    rows, columns = camera.detector.shape
    yield good(f"camera profile {camera.name}, {camera.source}: {columns}x{rows} px")
    return camera


def _check_directories(
    config: str | Path | None, directory: str | Path | None
) -> Generator[Finding, None, Directories | None]:
    """Findings about directories.json; returns the row that is used, None where it is wrong."""
    try:
        path = find_directories_file(config, directory)
        directories = load_directories(path)
    except ConfigError as error:
        yield bad(str(error), "write the paths of this machine: directories.json.example shows how")
        return None
    where = path.absolute()
    bases = [where.parent / item for item in json.loads(where.read_text(encoding="utf-8"))["base_paths"]]
    row = f"row {bases.index(directories.base) + 1} of {len(bases)}"
    text = f"{where}, {row}: calibration {directories.calibration}, base {directories.base}, out {directories.out}"
    if config is None and where == Path("directories.json").absolute():
        yield remark(f"{text}; found only from this folder", f"cron starts elsewhere: give it --config {where}")
    else:
        yield good(text)
    return directories


def check_folders(
    config: Config,
    *,
    directory: str | Path | None = None,
    night: str | None = None,
    server: str | None = None,
    now: datetime.datetime | None = None,
) -> Findings:
    """Findings about everything that lies on disk, the clock, and the catalog service; arguments as of `run`."""
    from ngcmos.doctor import night as health

    camera, directories = config.camera, config.directories
    now = now or datetime.datetime.now(datetime.UTC)
    folder = yield from _check_night(config, directory, night, now)
    yield from _check_rights(directories, folder)
    for what, findings in (
        ("room", check_room(health.room_needed(camera, directories))),
        ("nights", _check_nights(config, folder, now)),
        ("masters", health.check_masters(camera, directories)),
        ("catalogs", _check_catalogs(config, folder, server)),
        ("solve-field", health.check_solve_field(camera.solve)),
    ):
        yield from _survive(what, findings)


def _survive(what: str, findings: Findings) -> Findings:
    """The findings; where a disk fails while it is looked at, that is one more."""
    try:
        yield from findings
    except (OSError, NgcmosError) as error:
        yield bad(f"{what} not looked at: {error}", "put that right first")


def _check_nights(config: Config, folder: Path | None, now: datetime.datetime) -> Findings:
    """Findings about the clock and the locks."""
    from ngcmos.doctor import night as health

    nights = health.list_nights(config.directories.base)
    nights += [folder] if folder and folder not in nights else []
    newest = health.find_newest({*nights[-1:], *([folder] if folder else [])})
    yield from check_clock(config.site, now=now, newest=newest)
    yield from health.check_locks(nights)


def _check_catalogs(config: Config, folder: Path | None, server: str | None) -> Findings:
    """Findings about the catalogs of the fields of a night, if there is one."""
    from ngcmos.astrometry.vizier import servers_of
    from ngcmos.doctor import night as health
    from ngcmos.night.folder import open_night

    fields = list(open_night(config, folder, settle=False).fields) if folder else []
    settings, out = config.camera.catalog, config.directories.out
    yield from health.check_catalogs(settings, out, fields, folder, server=server or servers_of(settings)[0])


def _check_night(
    config: Config, directory: str | Path | None, night: str | None, now: datetime.datetime
) -> Generator[Finding, None, Path | None]:
    """Findings about the night that a script would take now; returns its folder, None where there is none."""
    from ngcmos.night.accounting import sum_up, unseen_among
    from ngcmos.night.folder import find_folder, open_night

    try:
        folder = find_folder(config, directory=directory, night=night, now=now)
    except UsageError as error:
        yield bad(str(error), "give one of them")
        return None
    except NightError as error:
        if directory or night:
            yield bad(str(error), f"ls {config.directories.base}")
        else:
            yield remark(str(error), "nothing to do before the night, or if the dome stayed closed")
        return None
    found = open_night(config, folder, settle=False)
    frames, unseen = sum(map(len, found.whole_fields.values())), unseen_among(found.others)
    told = f"night {folder}: {sum_up(found.others, frames)}"
    yield remark(told, f"if these are frames, rename them: {unseen[0].path.name}") if unseen else good(told)
    return folder


def _check_rights(directories: Directories, folder: Path | None) -> Findings:
    """Findings about the folders that are written or read."""
    for label, path in (
        ("base", directories.base),
        ("plots", plots_folder(directories.base)),
        ("out", directories.out),
        *([("night", folder)] if folder else []),
    ):
        yield check_writable(label, path)
    yield check_readable("calibration", directories.calibration)
