"""What happens to good frames on their way to the night: small changes of their pixels, headers, names and files.

::

    rewrite(path, set_cards({"AIRMASS": -1.0, "ALTITUDE": None}), cross(x=100.2, y=40.0, adu=3000))
    path = tell_time(path, card_s=exptime_s)                        # DATE-OBS is the end of the exposure
    path = contain(path, "bz2")
    doubled(catalog, [tic_id], "DUPLICATE")

Where the truth is to know of it (filters, gains, drifts, flips, clouds), see `ngcmos.simulate.plan.Plan` instead.
"""

import bz2
import gzip
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table, vstack
from astropy.time import Time

from ngcmos.errors import UsageError
from ngcmos.simulate.faults import BLOCK, Pixels
from ngcmos.simulate.headers import stamp

Change = Callable[[Pixels, fits.Header], tuple[Pixels, fits.Header]]
TRAIL_PX = 1.2  # half the width of a satellite's trail
SIGNED_MOST = 2**15 - 1
NEIGHBOUR_ARCSEC = {"DUPLICATE": 0.3, "ARTIFACT": 10.0, "SPLIT": 2.0}


def rewrite(path: Path, *changes: Change) -> None:
    """Write a frame anew with other pixels or another header; its age stays."""
    known = path.stat()
    with fits.open(path) as units:
        pixels, header = units[0].data.copy(), units[0].header.copy()
    for change in changes:
        pixels, header = change(pixels, header)
    fits.PrimaryHDU(pixels, header).writeto(path, overwrite=True)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def set_cards(values: Mapping[str, str | float | None]) -> Change:
    """Cards of these values; None takes the card away."""

    def change(pixels: Pixels, header: fits.Header) -> tuple[Pixels, fits.Header]:
        for key, value in values.items():
            if value is None:
                header.remove(key, ignore_missing=True)
            else:
                header[key] = value
        return pixels, header

    return change


def cross(*, x: float, y: float, adu: float, slope: float = 0.4, saturation_adu: int = 65535) -> Change:
    """A satellite passes over the 0-based place x, y; its trail is 2.4 px wide."""

    def change(pixels: Pixels, header: fits.Header) -> tuple[Pixels, fits.Header]:
        up, across = np.indices(pixels.shape)
        near = np.abs(up - y - slope * (across - x)) < TRAIL_PX * np.hypot(1, slope)
        lit = np.minimum(pixels + np.where(near, adu, 0.0), saturation_adu)
        return lit.astype(pixels.dtype), header

    return change


def wrap(pixels: Pixels, header: fits.Header) -> tuple[Pixels, fits.Header]:
    """Counts from 32768 on have become negative: written by a program that knows no unsigned numbers."""
    header.remove("BZERO", ignore_missing=True)
    return pixels.astype(np.uint16).view(np.int16), header


def clip(pixels: Pixels, header: fits.Header) -> tuple[Pixels, fits.Header]:
    """Counts end at 32767."""
    return np.minimum(pixels, SIGNED_MOST), header


def tell_time(
    path: Path, *, card_s: float = 0.0, name_s: float = 0.0, key: str = "DATE-OBS", others: Sequence[str] = ()
) -> Path:
    """The path of a frame whose card and name tell other times than the start of the exposure.

    Parameters
    ----------
    card_s, name_s : float
        Seconds by which the card and the stamp of the name are late.
    others : sequence of str
        Cards that tell the end of the exposure truly.
    """
    header = fits.getheader(path)
    start = Time(header[key], scale="utc")
    end = (start + header["EXPTIME"] * u.s).isot[:23]
    rewrite(path, set_cards({key: (start + card_s * u.s).isot[:23], **dict.fromkeys(others, end)}))
    told = path.with_name(f"{path.name.rpartition('-')[0]}-{stamp(start + name_s * u.s)}.fits")
    return path.rename(told)


def contain(path: Path, kind: str) -> Path:
    """The path of a frame in another container, which takes the place of the file.

    Parameters
    ----------
    kind : str
        "gz", "bz2", "fz" (compressed by tiles), "extension" (an empty primary unit before the image), "cube" (of
        one plane), "nul" (the header filled up with NUL bytes) or "tail" (NUL bytes behind the data).

    Raises
    ------
    UsageError
        Another kind.
    """
    if kind not in _CONTAINERS:
        raise UsageError(f"container {kind!r} is not known, expected one of {', '.join(_CONTAINERS)}")
    known = path.stat()
    content, ending = _CONTAINERS[kind](path)
    path.unlink()
    path = path.with_name(path.name + ending)
    path.write_bytes(content)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    return path


def _units(path: Path, make: Callable[[Pixels, fits.Header], Sequence[fits.PrimaryHDU]]) -> bytes:
    content = io.BytesIO()
    fits.HDUList(make(*fits.getdata(path, header=True))).writeto(content)
    return content.getvalue()


def _compressed(path: Path) -> tuple[bytes, str]:
    return _units(path, lambda pixels, header: [fits.PrimaryHDU(), fits.CompImageHDU(pixels, header)]), ".fz"


def _extension(path: Path) -> tuple[bytes, str]:
    return _units(path, lambda pixels, header: [fits.PrimaryHDU(), fits.ImageHDU(pixels, header)]), ""


def _cube(path: Path) -> tuple[bytes, str]:
    return _units(path, lambda pixels, header: [fits.PrimaryHDU(pixels[None], header)]), ""


def _nul(path: Path) -> tuple[bytes, str]:
    whole = path.read_bytes()
    end = whole.index(b"END" + b" " * 77) + 3
    return whole[:end] + b"\0" * (-end % BLOCK) + whole[end + -end % BLOCK :], ""


_CONTAINERS: dict[str, Callable[[Path], tuple[bytes, str]]] = {
    "gz": lambda path: (gzip.compress(path.read_bytes(), 1), ".gz"),
    "bz2": lambda path: (bz2.compress(path.read_bytes(), 1), ".bz2"),
    "fz": _compressed,
    "extension": _extension,
    "cube": _cube,
    "nul": _nul,
    "tail": lambda path: (path.read_bytes() + b"\0" * BLOCK, ""),
}


def doubled(catalog: Table, tic_ids: Sequence[int], disposition: str) -> Table:
    """The catalog with a second row of these stars, as TIC 8.2 has them.

    Parameters
    ----------
    catalog : Table
        VizieR's columns.
    tic_ids : sequence of int
    disposition : str
        "DUPLICATE": 0.3 arcsec away, as bright; "ARTIFACT": 10 arcsec away, as bright; "SPLIT": 2 arcsec away, and
        the first row is that of the parent. The second row has no Gaia id; column Disp says what it is, m_TIC
        names the first one.
    """
    first = np.isin(catalog["TIC"], tic_ids)
    more = catalog[first]
    more["TIC"] = catalog["TIC"].max() + 1 + np.arange(len(more))
    more["DEJ2000"] = more["DEJ2000"] + NEIGHBOUR_ARCSEC[disposition] / 3600
    more["GAIA"].mask = True
    said = Table({"Disp": [disposition] * len(more), "m_TIC": catalog["TIC"][first]})
    plain = Table({"Disp": MaskedColumn([""] * len(catalog), mask=True, dtype="U10")})
    plain["m_TIC"] = MaskedColumn(np.zeros(len(catalog), np.int64), mask=True)
    if disposition == "SPLIT":
        plain["Disp"][first], said["Disp"] = "SPLIT", ""
    whole = catalog.copy()
    for name in said.colnames:
        whole[name], more[name] = plain[name], said[name]
    return vstack([whole, more], metadata_conflicts="silent")
