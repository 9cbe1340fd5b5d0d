"""Master bias, dark and flat: found, built, checked and reused.

``load_masters(config, night_folder) -> Masters`` for whoever calibrates; ``build_flat(night_folder, camera, bias,
dark) -> MasterFlat`` and ``write_flat(flat, folder)`` for create_flats, after ``load_bias_and_dark(config)``. Any
script may come first: what is missing is built from the raw frames and kept in the masters' folder for months.
"""

import dataclasses
import hashlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ngcmos import __version__
from ngcmos.arrays import Bools, Counts, Floats32
from ngcmos.calibration.reduce import RowsOf, bad_pixels, combine, edge_mask, normalise_flat, subtract_dark
from ngcmos.config import Camera, Config, Detector
from ngcmos.errors import FrameError, HeaderError, MasterError, WriteError
from ngcmos.night.filenames import is_fits
from ngcmos.night.headers import check_readmode, exposure_time
from ngcmos.night.images import read_image
from ngcmos.night.products import flat_path, make_folder, write_then_rename

MAX_FRAMES = 21
LEVEL_NOISES, LEVEL_ADU = 10.0, 5.0  # a bias further off than both of these from newer ones is of another time
MIN_FLATS = 3  # the fewest whose median removes a star that only one of them has
FLAT_LEVEL = (0.02, 0.8)  # of saturation: below, noise rules; above, the response bends
FLAT_SATURATED_SHARE = 0.01
RATE_UNIT = "ADU/s"

_log = logging.getLogger(__name__)


class DamagedMasterError(MasterError):
    """A master that is cut off, unreadable or changed since it was made; `fact` is what was found."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"{fact}; remove the file to have it made anew")
        self.fact = fact


@dataclasses.dataclass(frozen=True, eq=False)
class Masters:
    """What calibration needs, all of the camera's shape.

    Attributes
    ----------
    bias, dark, flat : float32 arrays (rows, columns)
        ADU, ADU per second, response about 1 (ones where there is no flat); finite, the flat positive.
    bad : bool array (rows, columns)
        Pixels that calibration cannot help, and the unusable edges of the profile.
    sources, checksums : mapping
        File and SHA-256 (16 hex digits) of "bias", "dark" and "flat"; None where there is no flat.
    """

    bias: Floats32
    dark: Floats32
    flat: Floats32
    bad: Bools
    sources: Mapping[str, str | None]
    checksums: Mapping[str, str | None]

    def __post_init__(self) -> None:
        shapes = {name: getattr(self, name).shape for name in ("bias", "dark", "flat", "bad")}
        if len(set(shapes.values())) != 1:
            raise MasterError(f"masters of different shapes, expected one: {shapes}")

    @property
    def flattened(self) -> bool:
        """Whether there is a flat; without one every star is off by the response of its place, some per cent."""
        return self.sources["flat"] is not None


@dataclasses.dataclass(frozen=True, eq=False)
class Master:
    """One master: its pixels, the file it lies in and that file's checksum (None: not on disk)."""

    data: Floats32
    path: Path
    checksum: str | None


@dataclasses.dataclass(frozen=True, eq=False)
class MasterFlat:
    """A flat not yet written: median 1, 0 at the unusable pixels; its header tells the frames it was made of."""

    data: Floats32
    header: fits.Header


@dataclasses.dataclass(frozen=True, eq=False)
class _RawFrame:
    """A calibration frame as read."""

    path: Path
    data: Counts
    header: Mapping[str, Any]
    exptime_s: float


def load_masters(config: Config, night_folder: Path) -> Masters:
    """The masters of a night.

    Bias and dark are those of the masters' folder (`out` of directories.json), else built from `bias*.fits` and
    `dark*.fits` of the calibration folder and kept there. The flat is that of the night, else of the masters'
    folder, else ones with a warning.

    Parameters
    ----------
    config : ngcmos.config.Config
    night_folder : Path

    Raises
    ------
    MasterError
        A master is missing and cannot be built, is damaged, or is of another shape or read mode.
    """
    camera = config.camera
    bias, dark = load_bias_and_dark(config)
    flat = find_flat(night_folder, config.directories.out, camera)
    response, unusable = _response(flat, camera)
    bad = unusable | bad_pixels(bias.data, dark.data, response) | edge_mask(camera.detector)
    found = {"bias": bias, "dark": dark, "flat": flat}
    return Masters(
        bias=_fill(bias.data),
        dark=_fill(dark.data),
        flat=response,
        bad=bad,
        sources={name: str(master.path) if master else None for name, master in found.items()},
        checksums={name: master.checksum if master else None for name, master in found.items()},
    )


def load_bias_and_dark(config: Config) -> tuple[Master, Master]:
    """(bias, dark per second), each a Master; built and written to the masters' folder where missing or damaged.

    Raises
    ------
    MasterError
        As `load_masters`.
    """
    camera, folders = config.camera, config.directories
    bias = _reuse(folders.out / "master_bias.fits", camera, folders.calibration, "bias")
    if bias is None:
        bias = _keep(folders.out / "master_bias.fits", *_build_bias(folders.calibration, camera))
    dark = _reuse(folders.out / "master_dark.fits", camera, folders.calibration, "dark")
    if dark is None:
        dark = _keep(folders.out / "master_dark.fits", *_build_dark(folders.calibration, camera, bias.data))
    return bias, dark


def find_flat(night_folder: Path, out_folder: Path, camera: Camera) -> Master | None:
    """The Master flat of the night, else that of the masters' folder, else None with a warning.

    A damaged one is passed over with a warning, but never for no flat at all.

    Raises
    ------
    MasterError
        The one found is of another shape or read mode, or all there are are damaged.
    """
    damaged: list[str] = []
    for path in (flat_path(night_folder), flat_path(out_folder)):
        if not path.exists():
            continue
        try:
            flat = read_master(path, camera)
        except DamagedMasterError as error:
            damaged.append(error.fact)
            continue
        for fact in damaged:
            _log.warning("%s; %s serves instead", fact, path)
        return flat
    if damaged:
        raise MasterError(f"{damaged[0]}; run create_flats, or remove the file to go without a flat")
    _log.warning("no master_flat.fits in %s nor in %s: frames are not flattened", night_folder, out_folder)
    return None


def read_master(path: Path, camera: Camera) -> Master:
    """A master image of the camera, a dark as counts per second.

    A dark says so by BUNIT 'ADU/s'; one without it (the earlier scripts made such) holds the counts of its own
    EXPTIME and is divided by that.

    Raises
    ------
    DamagedMasterError
        Unreadable, cut off, or its checksum does not hold.
    MasterError
        Of another shape or read mode, or a dark that tells no exposure.
    """
    try:
        _require_sound(path)
    except FrameError as error:
        raise DamagedMasterError(f"{path.parent}: {error}") from None
    try:
        data, header = read_image(path, shape=camera.detector.shape)
        check_readmode(header, camera, path)
    except FrameError as error:
        raise MasterError(f"{path.parent}: {error}; remove the file to have it made anew") from None
    pixels: Floats32 = data.astype(np.float32, copy=False)
    if path.name == "master_dark.fits" and header.get("BUNIT") != RATE_UNIT:
        pixels = pixels / np.float32(_dark_exposure(header, camera, path))
    return Master(pixels, path, _checksum(path))


def build_flat(night_folder: Path, camera: Camera, bias: Floats32, dark: Floats32) -> MasterFlat:
    """Median of up to 21 calibrated, normalised evening flats of a night; of morning flats where these fail.

    Parameters
    ----------
    night_folder : Path
    camera : ngcmos.config.Camera
    bias, dark : (rows, columns) float32 arrays
        ADU and ADU/s.

    Returns
    -------
    MasterFlat

    Raises
    ------
    MasterError
        Fewer than three usable flats of either kind.
    """
    counts = {}
    for kind in ("evening", "morning"):
        frames, levels = _usable_flats(night_folder, camera, bias, dark, kind)
        counts[kind] = len(frames)
        if len(frames) >= MIN_FLATS:
            return _combine_flats(frames, levels, camera, bias, dark)
    raise MasterError(
        f"{night_folder}: {counts['evening']} usable evening*.fits and {counts['morning']} morning*.fits,"
        f" expected at least {MIN_FLATS} of one kind"
    )


def write_flat(flat: MasterFlat, folder: Path) -> Path:
    """Write a MasterFlat as `master_flat.fits` of a folder; returns its path.

    Raises
    ------
    WriteError
        The folder cannot be written.
    """
    path = flat_path(folder)
    _write(path, flat.data, flat.header)
    return path


def _response(flat: Master | None, camera: Camera) -> tuple[Floats32, Bools]:
    if flat is None:
        return np.ones(camera.detector.shape, np.float32), np.zeros(camera.detector.shape, bool)
    try:
        return normalise_flat(flat.data)
    except MasterError as error:
        raise MasterError(f"{flat.path}: {error}") from None


def _fill(image: Floats32) -> Floats32:
    """Finite pixels everywhere: those that are not become the median (the bad-pixel mask has them)."""
    finite = np.isfinite(image)
    return image if finite.all() else np.where(finite, image, np.median(image[finite])).astype(np.float32)


def _reuse(path: Path, camera: Camera, raw_folder: Path, kind: str) -> Master | None:
    """The Master on disk; None where there is none, or a damaged one that can be made anew."""
    if not path.exists():
        return None
    try:
        return read_master(path, camera)
    except DamagedMasterError as error:
        if not _raw_paths(raw_folder, kind):
            raise MasterError(f"{error.fact}, and no {kind}*.fits in {raw_folder} to make it anew") from None
        _log.warning("%s; it is damaged and made anew", error.fact)
        return None


def _build_bias(folder: Path, camera: Camera) -> tuple[Floats32, fits.Header]:
    frames = _read_raw(folder, "bias", camera)
    header = _header(frames, camera, EXPTIME=(0.0, "[s]"), BUNIT="ADU")
    return combine([frame.data for frame in frames], camera.detector.shape), header


def _build_dark(folder: Path, camera: Camera, bias: Floats32) -> tuple[Floats32, fits.Header]:
    def rate(frame: _RawFrame) -> RowsOf:
        return lambda rows: (
            subtract_dark(frame.data[rows], 0.0, bias[rows], np.zeros_like(bias[rows]), detector=camera.detector)
            / np.float32(frame.exptime_s)
        )

    frames = _read_raw(folder, "dark", camera, exposed=True)
    # EXPTIME 1 s makes the file right for a reader who knows no BUNIT but divides by the exposure
    header = _header(frames, camera, EXPTIME=(1.0, "[s] counts are per second"), BUNIT=RATE_UNIT)
    return combine([rate(frame) for frame in frames], camera.detector.shape), header


def _read_raw(folder: Path, kind: str, camera: Camera, *, exposed: bool = False) -> list[_RawFrame]:
    """The newest usable frames of a kind by name, up to 21; unusable ones are logged and left out."""
    frames: list[_RawFrame] = []
    for path in reversed(_raw_paths(folder, kind)):
        try:
            frame = _read_one(path, camera, exposed)
            if not exposed:
                _require_level(frame, frames, camera.detector)
            frames.append(frame)
        except FrameError as error:
            _log.warning("calibration frame left out: %s", error)
        if len(frames) == MAX_FRAMES:
            break
    frames.reverse()
    if not frames:
        raise MasterError(
            f"{folder}: no usable {kind}*.fits and no master_{kind}.fits, expected raw {kind} frames of"
            f" {camera.detector.columns}x{camera.detector.rows} px"
            f" with {camera.detector.readmode!r} in {camera.headers.readmode}"
        )
    return frames


def _require_level(frame: _RawFrame, newer: Sequence[_RawFrame], detector: Detector) -> None:
    """Refuse a bias that stands out against the newer ones, as of before the camera was repaired."""
    if not newer:
        return
    level, usual = float(np.median(frame.data)), float(np.median([np.median(one.data) for one in newer]))
    limit = max(LEVEL_NOISES * detector.read_noise_e / detector.gain_e_adu, LEVEL_ADU)
    if abs(level - usual) > limit:
        raise FrameError(f"{frame.path.name}: level {level:.0f} ADU, that of newer frames is {usual:.0f} ADU")


def _raw_paths(folder: Path, kind: str) -> list[Path]:
    """Raw frames of a kind by name, which is by time: the choice must not hang on the order of the disk."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.name.lower().startswith(kind) and is_fits(p.name))


def _read_one(path: Path, camera: Camera, exposed: bool) -> _RawFrame:
    data, header = read_image(path, shape=camera.detector.shape)
    if camera.detector.readmode and camera.headers.readmode not in header:
        raise HeaderError(f"{path.name}: no {camera.headers.readmode} in the header, expected the read mode")
    check_readmode(header, camera, path)
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise FrameError(f"{path.name}: has pixels that are not numbers, expected raw counts")
    exptime_s = exposure_time(header, camera.headers.exptime, path) if exposed else 0.0
    return _RawFrame(path, data, header, exptime_s)


def _usable_flats(
    folder: Path, camera: Camera, bias: Floats32, dark: Floats32, kind: str
) -> tuple[list[_RawFrame], list[float]]:
    """([frames], [their levels in ADU]) of up to 21 flats of a kind that are neither too faint nor too bright."""
    frames: list[_RawFrame] = []
    levels: list[float] = []
    for path in _raw_paths(folder, kind):
        try:
            frame = _read_one(path, camera, exposed=True)
            level = _flat_level(frame, camera.detector, bias, dark)
        except FrameError as error:
            _log.warning("flat left out: %s", error)
            continue
        frames.append(frame)
        levels.append(level)
        if len(frames) == MAX_FRAMES:
            break
    return frames, levels


def _flat_level(frame: _RawFrame, detector: Detector, bias: Floats32, dark: Floats32) -> float:
    """Median calibrated counts of a flat, in ADU; FrameError where no response can be told from it."""
    saturated = np.count_nonzero(frame.data >= detector.saturation_adu) / frame.data.size
    if saturated > FLAT_SATURATED_SHARE:
        raise FrameError(f"{frame.path.name}: {saturated:.0%} of the pixels are saturated, expected almost none")
    level = float(np.median(subtract_dark(frame.data, frame.exptime_s, bias, dark, detector=detector)))
    low, high = (share * detector.saturation_adu for share in FLAT_LEVEL)
    if not low <= level <= high:
        raise FrameError(f"{frame.path.name}: level {level:.0f} ADU, expected {low:.0f} to {high:.0f}")
    return level


def _combine_flats(
    frames: list[_RawFrame], levels: list[float], camera: Camera, bias: Floats32, dark: Floats32
) -> MasterFlat:
    def response(frame: _RawFrame, level: float) -> RowsOf:
        return lambda rows: (
            subtract_dark(frame.data[rows], frame.exptime_s, bias[rows], dark[rows], detector=camera.detector)
            / np.float32(level)
        )

    stack = [response(frame, level) for frame, level in zip(frames, levels, strict=True)]
    flat, unusable = normalise_flat(combine(stack, camera.detector.shape))
    band = frames[0].header.get("FILTER") or camera.detector.filter
    header = _header(frames, camera, FILTER=(band, "filter"))
    header["FLATLEV"] = (round(float(np.median(levels)), 1), "[ADU] median level of the frames")
    return MasterFlat(np.where(unusable, np.float32(0), flat), header)


def _header(frames: Sequence[_RawFrame], camera: Camera, **cards: Any) -> fits.Header:
    """Header of a master: what it is made of."""
    header = fits.Header()
    header["NCOMBINE"] = (len(frames), "frames in the median")
    header[camera.headers.readmode] = frames[0].header.get(camera.headers.readmode, "")
    for key, value in cards.items():
        header[key] = value
    header["CREATOR"] = f"ngcmos {__version__}"
    for number, frame in enumerate(frames, start=1):
        header[f"INPUT{number:02d}"] = frame.path.name
    return header


def _dark_exposure(header: Mapping[str, Any], camera: Camera, path: Path) -> float:
    try:
        return exposure_time(header, camera.headers.exptime, path)
    except HeaderError as error:
        raise MasterError(
            f"{path.parent}: {error}, and BUNIT is not '{RATE_UNIT}'; remove the file to have it made anew"
        ) from None


def _keep(path: Path, data: Floats32, header: fits.Header) -> Master:
    """The Master just built, written for the next months; unwritten with a warning where the disk refuses."""
    try:
        make_folder(path.parent)
        _write(path, data, header)
    except WriteError as error:
        _log.warning("used without being kept: %s", error)
        return Master(data, path, None)
    _log.info("%s made of %d frames", path, header["NCOMBINE"])
    return Master(data, path, _checksum(path))


def _write(path: Path, data: Floats32, header: fits.Header) -> None:
    unit = fits.PrimaryHDU(data, header)
    unit.add_checksum(when="of this unit")  # astropy's own remark is the time, which would make no two files alike
    with write_then_rename(path) as temporary:
        unit.writeto(temporary)


def _require_sound(path: Path) -> None:
    """Refuse a file that is cut off, or whose checksum (ours have one) does not hold.

    Raises
    ------
    FrameError
    """
    read_image(path, pixels=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a wrong checksum
            with fits.open(io.BytesIO(path.read_bytes()), checksum=True):
                pass
    except (OSError, ValueError, AstropyWarning, fits.VerifyError) as error:
        raise FrameError(f"{path.name}: damaged ({' '.join(str(error).split())})") from None


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
