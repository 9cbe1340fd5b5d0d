"""Names of all products of a night, and the one way to write them: under a temporary name, then renamed.

A product is either the old file or the new one, whole, whenever the machine stops. Temporary files are hidden
and end in `.part`; no rule of ngcmos takes them for a frame, and `sweep_temporaries` removes those whose
process is dead.
"""

import contextlib
import io
import os
import re
import socket
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.errors import ProductError, WriteError

if TYPE_CHECKING:
    from astropy.table import Table  # takes half a second to import

_LONGEST_NAME = 200
_TEMPORARY = re.compile(r"^\..+\.(?P<host>[^.]*)-(?P<pid>\d+)\.part$")


def catalog_path(night: Path, field: str) -> Path:
    """All catalog stars around a field, at the epoch of the night."""
    return night / f"{field}_catalog.fits"


def input_catalog_path(night: Path, field: str) -> Path:
    """The stars of a field that are measured."""
    return night / f"{field}_catalog_input.fits"


def matched_catalog_path(night: Path, frame: str) -> Path:
    """The stars a frame's plate solution rests on."""
    return night / f"{Path(frame).stem}_matched_catalog.fits"


def region_path(night: Path, field: str, kind: str) -> Path:
    """DS9 regions of the `master` or `input` catalog."""
    return night / f"{field}_{kind}.reg"


def photometry_path(night: Path, field: str) -> Path:
    """The photometry table of a field."""
    return night / f"phot_{field}.fits"


def summary_path(table: Path) -> Path:
    """What a photometry table held in short before it was made anew."""
    return table.with_name(f"{table.stem}.before.json")


def relative_path(night: Path, field: str) -> Path:
    """The light curves of a field against comparison stars."""
    return night / f"rel_phot_{field}.fits"


def flat_path(folder: Path) -> Path:
    """The master flat of a night or of the masters' folder."""
    return folder / "master_flat.fits"


def hot_pixels_path(night: Path, field: str) -> Path:
    """The hot pixels that the frames of a field show."""
    return night / f"hot_pixels_{field}.fits"


def plots_folder(base: Path) -> Path:
    """Where the pictures, movies and shifts of all nights lie."""
    return base / "shifts_plots"


def shifts_path(base: Path, field: str, date: str, suffix: str) -> Path:
    """Donuts shifts of a field: `.json` or `.pdf`."""
    return plots_folder(base) / f"donuts_{field}_{date}{suffix}"


def bad_donuts_path(base: Path, field: str, date: str) -> Path:
    """Movie of the frames with large shifts."""
    return plots_folder(base) / f"Bad_Donuts_{field}_{date}.mp4"


def control_path(base: Path, field: str, date: str) -> Path:
    """Movie of a field."""
    return plots_folder(base) / f"control_{field}_{date}.mp4"


def targets_path(out: Path) -> Path:
    """The list of targets, written by observers."""
    return out / "targets.csv"


def transit_path(folder: Path, star: str, suffix: str) -> Path:
    """The fit of a transit of a star: `.json`, or its figure."""
    return folder / f"transit_{star}{suffix}"


def report_path(night: Path) -> Path:
    """The morning page of a night."""
    return night / "night_report.html"


def report_copy_path(base: Path, date: str) -> Path:
    """The same page among those of all nights."""
    return plots_folder(base) / f"night_report_{date}.html"


def report_index_path(base: Path) -> Path:
    """The page that links those of all nights."""
    return plots_folder(base) / "index.html"


@contextlib.contextmanager
def write_then_rename(path: Path) -> Iterator[Path]:
    """Temporary path to write a product to; it becomes `path` when the block ends without an error.

    The file is forced to disk before it takes its name, and the folder after it.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing; an older file of that name is untouched.
    ProductError
        A folder of that name is in the way.
    """
    path = Path(path)
    short = path.name.encode()[:_LONGEST_NAME].decode(errors="ignore")  # the suffix must fit into 255 bytes too
    temporary = path.with_name(f".{short}.{_host()}-{os.getpid()}.part")
    try:
        yield temporary
        force_to_disk(temporary)
        temporary.replace(path)
        force_to_disk(path.parent)
    except IsADirectoryError:
        raise ProductError(f"{path}: is a folder, expected a file; move it away and run again") from None
    except OSError as error:
        raise WriteError(
            f"{path}: not written, {error.strerror or error}; the earlier file, if any, is whole"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text product whole."""
    with write_then_rename(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: Path, table: "Table") -> None:
    """Write an astropy Table as a FITS product whole, with checksums that tell whether it was damaged since."""
    from ngcmos.night.table_bytes import first_unit, plain_table, sealed

    when = "of this unit"  # astropy's own remark is the time, which would make no two files alike
    plain = plain_table(table, meta=True)
    content = _by_astropy(table, when) if plain is None else first_unit() + sealed(plain.text, plain.rows, when)
    with write_then_rename(path) as temporary:
        temporary.write_bytes(content)


def _by_astropy(table: "Table", when: str) -> bytes:
    from astropy.io import fits

    unit, whole = fits.table_to_hdu(table), io.BytesIO()
    unit.add_checksum(when=when)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(whole)
    return whole.getvalue()


def read_written(path: Path) -> "Table":
    """A table that `write_table` wrote; a changed byte is seen by its checksums.

    Raises
    ------
    ProductError
        It is damaged.
    """
    from astropy.io import fits
    from astropy.table import Table
    from astropy.utils.exceptions import AstropyWarning

    from ngcmos.night.binary_tables import read_sealed

    damage = (OSError, ValueError, TypeError, KeyError, IndexError, AstropyWarning, fits.VerifyError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a damaged file
            content = path.read_bytes()
            table = read_sealed(content)
            if table is not None:
                return table
            with fits.open(io.BytesIO(content), checksum=True) as units:
                return Table.read(units, format="fits", mask_invalid=False)
    except damage as error:
        raise ProductError(f"{path}: damaged ({error})") from error


def keep_old(path: Path) -> Path:
    """Give a damaged or foreign product another name; returns it. It may hold what there is nowhere else.

    Raises
    ------
    WriteError
        It could not be renamed.
    """
    number = 1
    while (old := path.with_name(f"{path.name}.old{number}")).exists():
        number += 1
    try:
        path.rename(old)
    except OSError as error:
        raise WriteError(f"{path}: not renamed to {old.name}, {error.strerror or error}") from error
    return old


def make_folder(path: Path) -> None:
    """Make a folder of products where there is none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path}: folder not made, {error.strerror or error}") from error


def force_to_disk(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_temporaries(folder: Path) -> list[str]:
    """Remove temporary files of this machine whose process is dead; returns their names."""
    removed = []
    for entry in sorted(Path(folder).glob(".*.part")):
        match = _TEMPORARY.match(entry.name)
        if match and match["host"] == _host() and not _is_written_by(int(match["pid"]), entry):
            entry.unlink(missing_ok=True)
            removed.append(entry.name)
    return removed


def _host() -> str:
    """Name of this machine, without the dots that separate the parts of a temporary name."""
    return socket.gethostname().partition(".")[0]


def _is_written_by(pid: int, temporary: Path) -> bool:
    """Whether the process that began a temporary file is still at work on it.

    A killed process may stay as a zombie until somebody asks for it, and its number may be another's by now: one
    that was started after the file was last written.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        up_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        written_s = time.time() - temporary.stat().st_mtime
    except (OSError, ValueError, IndexError):
        return True  # not Linux, or gone in this moment: the next run will see
    age_s = up_s - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] not in "ZX" and age_s > written_s - 1.0
