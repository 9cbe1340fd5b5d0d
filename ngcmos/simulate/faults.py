"""Broken frames on request: what goes wrong with the sky, the pixels, the header or the file.

`FAULTS` names them all. Each is a `Fault`: four steps that change nothing unless the fault says so.
"""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ngcmos.config import Camera, HeaderNames
from ngcmos.errors import UsageError
from ngcmos.simulate.conditions import Conditions

Pixels = NDArray[Any]  # counts of any kind, (rows, columns)

CLOUD = 0.35
BLOCK = 2880


@dataclasses.dataclass(frozen=True)
class Shot:
    """What a fault may need to know of its frame: the profile, the start of the frame before, random numbers."""

    camera: Camera
    previous_date_obs: str
    rng: np.random.Generator


def write_image(path: Path, counts: Pixels, header: fits.Header, shot: Shot | None = None) -> None:
    """Write a whole FITS image."""
    fits.PrimaryHDU(counts, header).writeto(path)


Cards = Callable[[fits.Header, Shot], fits.Header]
Writer = Callable[[Path, Pixels, fits.Header, Shot], None]


@dataclasses.dataclass(frozen=True)
class Fault:
    """One way to spoil a frame.

    Attributes
    ----------
    measurable : bool
        Whether its stars can be measured all the same.
    sky : function of Conditions, returning Conditions
    other_sky : bool
        The stars of another place are seen.
    pixels : function of (counts, Shot), returning counts
    cards : function of (header, Shot), returning a header
    write : function of (path, counts, header, Shot)
    """

    measurable: bool = False
    sky: Callable[[Conditions], Conditions] = lambda conditions: conditions
    other_sky: bool = False
    pixels: Callable[[Pixels, Shot], Pixels] = lambda counts, shot: counts
    cards: Cards = lambda header, shot: header
    write: Writer = write_image


def fault_names(asked: Iterable[str]) -> list[str]:
    """The faults asked for, in order; "all" stands for every one.

    Raises
    ------
    UsageError
        A name that is not known.
    """
    names = [name for item in asked for name in (FAULTS if item == "all" else [item])]
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise UsageError(f"fault {', '.join(unknown)} is not known, expected all or some of {', '.join(FAULTS)}")
    return names


def _jump(pixels: float) -> Callable[[Conditions], Conditions]:
    def move(conditions: Conditions) -> Conditions:
        dx, dy = conditions.shift
        return dataclasses.replace(conditions, shift=(dx + pixels * 0.8, dy - pixels * 0.6))

    return move


def _dim(transparency: float) -> Callable[[Conditions], Conditions]:
    def cover(conditions: Conditions) -> Conditions:
        return dataclasses.replace(conditions, transparency=conditions.transparency * transparency)

    return cover


def _constant(counts: Pixels, shot: Shot) -> Pixels:
    return np.full_like(counts, 1000)


def _trail(counts: Pixels, shot: Shot) -> Pixels:
    """A satellite: a bright line two pixels wide across the frame."""
    rows, columns = counts.shape
    y, x = np.ogrid[:rows, :columns]
    middle, slope = shot.rng.uniform(0.3, 0.7) * rows, shot.rng.uniform(-0.5, 0.5)
    line = np.abs(y - middle - slope * (x - columns / 2)) < 1.2
    brighter = np.minimum(counts.astype(np.int64) + 3000, shot.camera.detector.saturation_adu)
    return np.where(line, brighter, counts).astype(counts.dtype)


def _not_numbers(counts: Pixels, shot: Shot) -> Pixels:
    return np.full(counts.shape, np.nan, dtype=np.float32)


def _half(counts: Pixels, shot: Shot) -> Pixels:
    return counts[: counts.shape[0] // 2].copy()


def _set(key_of: Callable[[HeaderNames], str], value_of: Callable[[Shot], str | float]) -> Cards:
    """Header step that sets the card `key_of(header names)` to `value_of(shot)`."""

    def change(header: fits.Header, shot: Shot) -> fits.Header:
        changed = header.copy()
        changed[key_of(shot.camera.headers)] = value_of(shot)
        return changed

    return change


def _remove(keys_of: Callable[[HeaderNames], list[str]]) -> Cards:
    def change(header: fits.Header, shot: Shot) -> fits.Header:
        changed = header.copy()
        for key in keys_of(shot.camera.headers):
            changed.remove(key, ignore_missing=True)
        return changed

    return change


def _pointing_cards(names: HeaderNames) -> list[str]:
    return [key for pair in names.pointing_pairs for key in pair]


def _whole(counts: Pixels, header: fits.Header) -> tuple[bytes, bytes]:
    """Bytes of the frame as a whole FITS file."""
    unit = fits.PrimaryHDU(counts, header)
    data = unit.data.astype(">u2") ^ np.uint16(0x8000)
    text = unit.header.tostring().encode("ascii")
    body = data.tobytes()
    return text, body + b"\0" * (-len(body) % BLOCK)


def _bytes(change: Callable[[bytes, bytes], bytes]) -> Writer:
    """Writing step that puts `change(header bytes, data bytes)` into the file."""

    def write(path: Path, counts: Pixels, header: fits.Header, shot: Shot) -> None:
        path.write_bytes(change(*_whole(counts, header)))

    return write


def _write_nan_exptime(path: Path, counts: Pixels, header: fits.Header, shot: Shot) -> None:
    """A bare NaN, as some programs write it against the standard; astropy would refuse to."""
    text, body = _whole(counts, header)
    at = text.index(f"{shot.camera.headers.exptime[0]:8s}= ".encode()) + 10
    path.write_bytes(text[:at] + b"NaN".rjust(20) + text[at + 20 :] + body)


def _write_extension(kind: type[fits.ImageHDU] | type[fits.CompImageHDU]) -> Writer:
    def write(path: Path, counts: Pixels, header: fits.Header, shot: Shot) -> None:
        fits.HDUList([fits.PrimaryHDU(), kind(counts, header)]).writeto(path)

    return write


def _write_table(path: Path, counts: Pixels, header: fits.Header, shot: Shot) -> None:
    columns = [fits.Column("counts", "J", array=counts[0])]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)


def _write_directory(path: Path, counts: Pixels, header: fits.Header, shot: Shot) -> None:
    path.mkdir()


FAULTS = {
    "empty-file": Fault(write=_bytes(lambda text, body: b"")),
    "truncated-header": Fault(write=_bytes(lambda text, body: text[:1500])),
    "header-only": Fault(write=_bytes(lambda text, body: text)),
    "truncated-data": Fault(write=_bytes(lambda text, body: text + body[: len(body) * 3 // 5])),
    "not-fits": Fault(write=_bytes(lambda text, body: b"<html>disk quota exceeded</html>\n" * 200)),
    "no-date-obs": Fault(cards=_remove(lambda names: [names.date_obs[0]])),
    "bad-date-obs": Fault(cards=_set(lambda names: names.date_obs[0], lambda shot: "2024-13-45T27:61:61")),
    "no-exptime": Fault(cards=_remove(lambda names: [names.exptime[0]])),
    "nan-exptime": Fault(write=_write_nan_exptime),
    "negative-exptime": Fault(cards=_set(lambda names: names.exptime[0], lambda shot: -10.0)),
    "no-altitude": Fault(measurable=True, cards=_remove(lambda names: [names.altitude])),
    "no-pointing": Fault(measurable=True, cards=_remove(_pointing_cards)),
    "wrong-shape": Fault(pixels=_half),
    "duplicate-time": Fault(cards=_set(lambda names: names.date_obs[0], lambda shot: shot.previous_date_obs)),
    "other-object": Fault(
        measurable=True, cards=_set(lambda names: names.object[0], lambda shot: "NG0000+0000_TIC-1_S43")
    ),
    "starless": Fault(sky=_dim(0.0)),
    "cloud": Fault(measurable=True, sky=_dim(CLOUD)),
    "constant": Fault(pixels=_constant),
    "satellite": Fault(measurable=True, pixels=_trail),
    "wrong-readmode": Fault(cards=_set(lambda names: names.readmode, lambda shot: "STANDARD")),
    "other-sky": Fault(other_sky=True),
    "jump-0.6": Fault(measurable=True, sky=_jump(0.6)),
    "jump-3": Fault(measurable=True, sky=_jump(3.0)),
    "jump-40": Fault(measurable=True, sky=_jump(40.0)),
    "jump-120": Fault(sky=_jump(120.0)),
    "extension-only": Fault(measurable=True, write=_write_extension(fits.ImageHDU)),
    "compressed-only": Fault(measurable=True, write=_write_extension(fits.CompImageHDU)),
    "table-only": Fault(write=_write_table),
    "directory": Fault(write=_write_directory),
    "nan-image": Fault(pixels=_not_numbers),
}
NO_FAULT = Fault(measurable=True)
