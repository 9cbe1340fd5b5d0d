"""What the doctor asks of the folders: nights, locks, masters, catalogs, and the room a night needs."""

import datetime
import io
import re
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ngcmos.astrometry.platesolve import PROGRAM, find_solve_field
from ngcmos.calibration.files import DamagedMasterError, read_master
from ngcmos.calibration.raw import read_facts
from ngcmos.config import Camera, Catalog, Directories, Solve
from ngcmos.doctor.finding import Finding, Findings, bad, good, remark
from ngcmos.errors import FrameError, MasterError
from ngcmos.night.filenames import is_fits, stamp_of
from ngcmos.night.folder import science_files
from ngcmos.night.lock import holder_of
from ngcmos.night.products import catalog_path, flat_path
from ngcmos.steps.catalog import KEPT_FOLDER
from ngcmos.tables.writer import columns

NIGHT_FRAMES = 2500
NIGHT_STARS = 3000
NAME_WIDTH = 60
ROOM_FACTOR = 1.3
CATALOGS_BYTES = 1e8
CONNECT_TIMEOUT_S = 5.0
SOME = 8

_DATE = re.compile(r"(19|20)\d{6}")
_DAMAGE = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, AstropyWarning, fits.VerifyError)


def list_nights(base: Path) -> list[Path]:
    """Night folders under the base path, the newest last."""
    return sorted(path for path in base.iterdir() if _DATE.fullmatch(path.name) and path.is_dir())


def find_newest(folders: Iterable[Path]) -> tuple[str, datetime.datetime] | None:
    """(name, time stamp) of the newest frame of some nights, None where there is none."""
    dated = [(stamp_of(path), path.name) for folder in folders for path in science_files(folder)]
    times = [(stamp, name) for stamp, name in dated if stamp is not None]
    if not times:
        return None
    stamp, name = max(times)
    return name, stamp


def room_needed(camera: Camera, directories: Directories) -> dict[Path, float]:
    """{folder: bytes} that a full night writes: raw frames and tables into base, masters and catalogs into out."""
    rows, columns_of_chip = camera.detector.shape
    frame = 2 * rows * columns_of_chip
    row = np.dtype([column[:2] for column in columns(camera.photometry.radii_px, NAME_WIDTH)]).itemsize
    tables = 2 * NIGHT_FRAMES * NIGHT_STARS * row  # the parts lie beside the table until it is whole
    reserve = camera.files.movie_reserve_mb * 1e6
    masters = 2 * 3 * 4 * rows * columns_of_chip
    return {
        directories.base: NIGHT_FRAMES * frame * ROOM_FACTOR + tables + reserve,
        directories.out: masters + CATALOGS_BYTES,
    }


def check_locks(nights: Sequence[Path]) -> Findings:
    """Findings about the runs that hold a night now."""
    held = [(folder, holder) for folder in nights if (holder := holder_of(folder))]
    for folder, holder in held:
        yield remark(
            f"{folder} is held by {holder}", "wait for it or stop it; until then a run there ends with exit code 3"
        )
    if not held:
        yield good(f"no run holds a night ({len(nights)} looked at)")


def check_masters(camera: Camera, directories: Directories) -> Findings:
    """Findings about bias, dark and flat: sound, or what they can be made of."""
    needed = camera.calibration
    for kind in ("bias", "dark"):
        if getattr(needed, kind) and not needed.reduced:
            yield _check_master(kind, camera, directories)
    if needed.reduced or not needed.flat:
        return
    flat = flat_path(directories.out)
    if not flat.exists():
        what = f"no {flat}: a night without good twilight flats stays unflattened"
        yield remark(what, f"copy a good master_flat.fits of a night to {directories.out}")
        return
    try:
        read_master(flat, camera)
        yield good(f"{flat}, {_age_days(flat):.0f} days old, for nights without twilight flats")
    except MasterError as error:
        yield remark(f"the flat for nights without twilight flats: {error}", f"mv {flat} {flat}.old")


def _check_master(kind: str, camera: Camera, directories: Directories) -> Finding:
    """The Finding about the master bias or dark."""
    path = directories.out / f"master_{kind}.fits"
    usable, total = count_usable(kind, camera, directories.calibration)
    raw = f"{usable} of {total} {kind}*.fits in {directories.calibration} are usable"
    supply = (
        f"put {kind}*.fits of {camera.detector.columns}x{camera.detector.rows} px,"
        f" {camera.headers.readmode} with {camera.detector.readmode!r}, into {directories.calibration}"
    )
    if not path.exists():
        return good(f"no {path} yet: {raw}, it is made of them") if usable else bad(f"no {path}: {raw}", supply)
    try:
        read_master(path, camera)
    except DamagedMasterError as error:
        if usable:
            return remark(f"{error.fact}; the next run makes it anew: {raw}", "nothing to do")
        return bad(f"{error.fact}, and {raw}", supply)
    except MasterError as error:
        return bad(str(error), f"mv {path} {path}.old" + ("" if usable else f"; {supply}"))
    age = f"{path}, {_age_days(path):.0f} days old; {raw}"
    if _age_days(path) > camera.calibration.max_age_days:
        return remark(age, f"to have it made anew: mv {path} {path}.old")
    return good(age)


def count_usable(kind: str, camera: Camera, folder: Path) -> tuple[int, int]:
    """(usable, all) raw calibration frames of a kind, told by their headers."""
    paths = list(folder.iterdir()) if folder.is_dir() else []
    paths = [path for path in paths if path.name.lower().startswith(kind) and is_fits(path.name)]
    return sum(_is_usable(path, kind, camera) for path in paths), len(paths)


def _is_usable(path: Path, kind: str, camera: Camera) -> bool:
    try:
        read_facts(path, camera, exposed=kind == "dark")
    except FrameError:
        return False
    return True


def _age_days(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / 86400


def check_catalogs(
    settings: Catalog, out: Path, fields: Sequence[str], night_folder: Path | None, *, server: str
) -> Findings:
    """Findings about the star catalogs: local files, those kept, and the service.

    Parameters
    ----------
    settings : ngcmos.config.Catalog
    out : Path
        Of the masters and the kept catalogs.
    fields : sequence of str
        Of the night at hand, if any.
    night_folder : Path or None
        Its folder, which may hold catalogs already.
    server : str
        Address of VizieR or a mirror.
    """
    kept, damaged = sort_kept(out / KEPT_FOLDER)
    local = list(_check_local(settings.local))
    yield from local
    for path, reason in damaged.items():
        yield remark(f"{path}: damaged kept catalog, {reason}", "nothing to do: the next run asks VizieR again")
    if kept:
        names = ", ".join(sorted(kept)[:SOME]) + (", ..." if len(kept) > SOME else "")
        yield good(f"{len(kept)} catalogs kept in {out / KEPT_FOLDER}: {names}")
    elif not settings.local:
        yield remark(f"no catalog is kept in {out / KEPT_FOLDER} yet", "nothing to do while VizieR answers")
    there = {field for field in fields if night_folder and catalog_path(night_folder, field).exists()}
    lacking = sorted(set(fields) - set(kept) - there)
    yield check_service(server, needed=not settings.local and (bool(lacking) or not kept), lacking=lacking)


def _check_local(paths: Iterable[str]) -> Findings:
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                size = len(file.read(2880))
        except OSError as error:
            yield bad(f"catalog.local {path}: {error.strerror}", "correct catalog.local in the profile")
            continue
        if size:
            yield good(f"catalog.local {path} is there: VizieR is not asked")
        else:
            yield bad(f"catalog.local {path}: empty", "correct catalog.local in the profile")


def sort_kept(folder: Path) -> tuple[dict[str, Path], dict[Path, str]]:
    """({field: path} of the sound kept catalogs, {path: reason} of the damaged ones)."""
    sound: dict[str, Path] = {}
    damaged: dict[Path, str] = {}
    for path in sorted(folder.glob("*_catalog.fits")) if folder.is_dir() else []:
        reason = _find_damage(path)
        if reason:
            damaged[path] = reason
        else:
            sound[path.name.removesuffix("_catalog.fits")] = path
    return sound, damaged


def _find_damage(path: Path) -> str:
    """What is wrong with a kept catalog by its checksums and its size; "" where it is sound."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a wrong checksum
            with fits.open(io.BytesIO(path.read_bytes()), checksum=True) as hdus:
                stars = np.count_nonzero(hdus[1].data["TIC"])
                return "" if stars and "FETCHED" in hdus[1].header else "no stars"
    except _DAMAGE as error:
        return str(error).strip().split("\n")[0] or type(error).__name__


def check_service(
    server: str, *, needed: bool, lacking: Sequence[str] = (), timeout_s: float = CONNECT_TIMEOUT_S
) -> Finding:
    """The Finding about VizieR: whether it answers at all.

    Parameters
    ----------
    server : str
    needed : bool
        Whether the night fails without it.
    lacking : sequence of str
        Fields of the night without a catalog.
    """
    import requests

    try:
        answer = requests.head(server, timeout=timeout_s, allow_redirects=False)
        trouble = (
            f"answers {answer.status_code} {answer.reason}" if answer.status_code in (500, 502, 503, 504) else ""
        )
    except requests.RequestException as error:
        trouble = f"no answer ({_first_cause(error)})"
    if not trouble:
        return good(f"VizieR answers, {server}")
    without = f", and there is no catalog of {', '.join(lacking)}" if lacking else ""
    remedy = (
        "look at the network, or give a TIC extract: run_night.py --catalog FILE, or catalog.local in the profile"
    )
    return (bad if needed else remark)(f"VizieR {server}: {trouble}{without}", remedy)


def _first_cause(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def check_solve_field(settings: Solve) -> Findings:
    """Findings about solve-field, where the profile wants it as the last resort."""
    if not settings.solve_field:
        return
    path = find_solve_field()
    if path:
        yield good(f"{PROGRAM}, {path}")
    else:
        remedy = "nothing to do; or apt install astrometry.net, or solve_field = false in the profile"
        yield remark(f"{PROGRAM} is not installed: no last resort for frames that our solver gives up", remedy)
