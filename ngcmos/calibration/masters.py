"""Master bias, dark and flat of a field: found, built, checked and reused.

``load_masters(config, night_folder, setting) -> Masters`` for whoever calibrates; ``load_bias_and_dark(config,
setting)`` for who makes a flat. Any script may come first: what is missing is built from the raw frames and kept
in the masters' folder for months.
"""

import dataclasses
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Bools, Floats32
from ngcmos.calibration.belonging import Setting, days_off
from ngcmos.calibration.files import (
    RATE_UNIT,
    SECTIONS_CARD,
    DamagedMasterError,
    Master,
    checksum_of,
    is_stale,
    last_moment,
    master_header,
    read_master,
    write_master,
)
from ngcmos.calibration.flats import find_flat
from ngcmos.calibration.raw import (
    RawFacts,
    RawFrame,
    candidates_of,
    choose,
    odd_bias,
    odd_dark,
    raw_paths,
    require_some,
    tell_unfit,
)
from ngcmos.calibration.reduce import RowsOf, bad_pixels, combine, edge_mask, normalise_flat, subtract_dark
from ngcmos.config import Camera, Config
from ngcmos.errors import FrameError, MasterError, WriteError
from ngcmos.night.cards import Header
from ngcmos.night.fields import differing, setup_of
from ngcmos.night.frames import as_name
from ngcmos.night.headers import check_readmode
from ngcmos.night.images import read_image
from ngcmos.night.products import make_folder, write_then_rename

DARK_RATIO = 3.0  # a dark level this much off the profile's is told,
DARK_ADU_S = 0.3  # if it is off by this too

_log = logging.getLogger(__name__)
ANY = Setting()
Build = Callable[[Sequence[RawFacts]], tuple[Floats32, fits.Header]]


@dataclasses.dataclass(frozen=True, eq=False)
class Masters:
    """What calibration needs, all of the camera's shape.

    Attributes
    ----------
    bias, dark, flat : float32 arrays (rows, columns)
        ADU, ADU per second, response about 1 (zeros and ones where there is none); finite, the flat positive.
    bad : bool array (rows, columns)
        Pixels that calibration cannot help, and the unusable edges of the profile.
    sources, checksums : mapping
        File and SHA-256 (16 hex digits) of "bias", "dark" and "flat"; None where there is none.
    notes : tuple of str
        What a human should know of them.
    reduced : bool
        Whether the frames are calibrated already.
    hot_pixels : str
        Fingerprint of the hot pixels that the night's own frames show and dark and mask hold; "" without.
    """

    bias: Floats32
    dark: Floats32
    flat: Floats32
    bad: Bools
    sources: Mapping[str, str | None]
    checksums: Mapping[str, str | None]
    notes: tuple[str, ...] = ()
    reduced: bool = False
    hot_pixels: str = ""

    def __post_init__(self) -> None:
        shapes = {name: getattr(self, name).shape for name in ("bias", "dark", "flat", "bad")}
        if len(set(shapes.values())) != 1:
            raise MasterError(f"masters of different shapes, expected one: {shapes}")

    @property
    def flattened(self) -> bool:
        """Whether frames are flat; without one every star is off by the response of its place, some per cent."""
        return self.reduced or self.sources["flat"] is not None


def load_masters(config: Config, night_folder: Path, setting: Setting | None = None) -> Masters:
    """The masters of a field of a night; none of a kind that the profile says the camera goes without.

    Bias and dark are those of the masters' folder (`out` of directories.json) that are made of the frames of the
    calibration folder nearest to the night, else built of these and kept there. The flat is that of the night,
    else that of the masters' folder for the night, else the one for all nights, else ones with a warning.

    Parameters
    ----------
    config : ngcmos.config.Config
    night_folder : Path
    setting : Setting, optional
        How the frames were taken; by default all that is known is the night.

    Raises
    ------
    MasterError
        A master is missing and cannot be built, is damaged, or is of another shape or read mode.
    """
    camera = config.camera
    setting = setting or Setting(night_folder.name)
    bias, dark = load_bias_and_dark(config, setting)
    needs_flat = camera.calibration.flat and not camera.calibration.reduced
    flat = find_flat(night_folder, config.directories.out, camera, setting) if needs_flat else None
    response, unusable = _response(flat, camera)
    bad = unusable | bad_pixels(bias.data, dark.data, response) | edge_mask(camera.detector)
    found = {"bias": bias, "dark": dark, "flat": flat}
    return Masters(
        bias=_fill(bias.data),
        dark=_fill(dark.data),
        flat=response,
        bad=bad,
        sources={name: str(one.path) if one and one.path else None for name, one in found.items()},
        checksums={name: one.checksum if one else None for name, one in found.items()},
        notes=tuple(note for one in found.values() if one for note in one.notes),
        reduced=camera.calibration.reduced,
    )


def load_bias_and_dark(config: Config, setting: Setting = ANY) -> tuple[Master, Master]:
    """(bias, dark per second), each a Master; built and written to the masters' folder where missing or damaged.

    Zeros where the profile says that there is none.

    Raises
    ------
    MasterError
        As `load_masters`.
    """
    camera, folder = config.camera, config.directories.calibration
    needed = camera.calibration
    bias = dark = Master(np.zeros(camera.detector.shape, np.float32), None, None)
    if needed.bias and not needed.reduced:
        bias = _obtain("bias", config, setting, lambda facts: _build_bias(facts, folder, camera, setting))
    if needed.dark and not needed.reduced:
        dark = _obtain("dark", config, setting, lambda facts: _build_dark(facts, config, setting, bias.data))
        dark = dataclasses.replace(dark, notes=(*dark.notes, *_judge_dark(dark, camera)))
    return bias, dark


def _judge_dark(dark: Master, camera: Camera) -> list[str]:
    """What is odd about the level of a master dark against the profile's."""
    expected = camera.detector.dark_e_s / camera.detector.gain_e_adu
    level = float(np.nanmedian(dark.data[::2, ::2]))
    high, low = max(level, expected), min(level, expected)
    if not expected or high - low < DARK_ADU_S or high < DARK_RATIO * low:
        return []
    return [f"{_name(dark)}: dark level {level:.3g} ADU/s, expected {expected:.3g} by detector.dark_e_s"]


def _name(master: Master) -> str:
    return master.path.name if master.path else "master"


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


def _obtain(kind: str, config: Config, setting: Setting, build: Build) -> Master:
    """The master bias or dark that belongs to a night, from the masters' folder or made now."""
    camera, folder, out = config.camera, config.directories.calibration, config.directories.out
    paths = raw_paths(folder, kind)
    candidates = candidates_of(paths, camera, setting, exposed=kind == "dark")
    plain = out / f"master_{kind}.fits"
    standing = _find_standing(plain, candidates, {path.name for path in paths}, camera, setting)
    master = _reuse(standing, camera, folder, kind, bool(paths)) if standing else None
    if master is None:
        tell_unfit(paths, camera, setting, exposed=kind == "dark")
        data, header = build(candidates)
        master = _keep(standing or _place(plain, header, camera, setting), data, header)
        moment = last_moment(header)
    else:
        moment = last_moment(read_image(master.path, pixels=False)[1]) if master.path else None
    days = abs(days_off(setting, moment))
    if days > camera.calibration.max_age_days:
        aged = f"{_name(master)}: its frames were taken {days:.0f} days from the night, expected at most"
        return dataclasses.replace(master, notes=(f"{aged} {camera.calibration.max_age_days:g}",))
    return master


def _find_standing(
    plain: Path, candidates: Sequence[RawFacts], there: Collection[str], camera: Camera, setting: Setting
) -> Path | None:
    """The master that would be made today; the nearest in time that fits where there is nothing to make one of."""
    found: list[tuple[float, Path]] = []
    others = sorted(plain.parent.glob(f"{plain.stem}_*.fits"))
    for path in [plain, *others] if plain.exists() else others:
        header = _header_of(path, camera)
        if header is None:
            if path == plain:
                return plain  # whoever reads it says what is wrong
            continue
        sections = str(header.get(SECTIONS_CARD, ""))
        if sections != camera.calibration.sections_said and candidates:
            continue
        if not setting.fits(setup_of(header, camera)) or is_stale(header, candidates, there):
            continue
        if candidates:
            return path
        days = abs(days_off(setting, last_moment(header)))
        found.append((days if np.isfinite(days) else -1.0, path))  # of unknown age: as the earlier scripts had one
    return min(found)[1] if found else None


def _header_of(path: Path, camera: Camera) -> Header | None:
    """Header of a master; None where it is unreadable, or of another shape or read mode."""
    try:
        _, header = read_image(path, shape=camera.detector.shape, pixels=False)
        check_readmode(header, camera, path)
    except FrameError:
        return None
    return header


def _reuse(path: Path, camera: Camera, raw_folder: Path, kind: str, has_raw: bool) -> Master | None:
    """The Master on disk; None where it is damaged and can be made anew."""
    try:
        return read_master(path, camera)
    except DamagedMasterError as error:
        if not has_raw:
            raise MasterError(f"{error.fact}, and no {kind}*.fits in {raw_folder} to make it anew") from None
        _log.warning("%s; it is damaged and made anew", error.fact)
        return None


def _place(plain: Path, header: fits.Header, camera: Camera, setting: Setting) -> Path:
    """Where a new master is kept: the newest of the usual setup under the plain name, others by setup and date."""
    old = _header_of(plain, camera) if plain.exists() else None
    if old is None:
        return plain
    apart = differing(setting.setup, setup_of(old, camera))
    before, now = last_moment(old), last_moment(header)
    if not apart and (before is None or now is None or now >= before):
        kept = plain.with_name(f"{plain.stem}_{_day(old)}.fits")
        _log.warning(
            "%s is of frames that are not the ones for %s: made anew, kept as %s", plain, setting.date, kept.name
        )
        _copy(plain, kept)
        return plain
    words = [f"{key}{value}" for key, value in setting.setup if key in apart]
    return plain.with_name("_".join([plain.stem, *map(as_name, words), _day(header)]) + ".fits")


def _day(header: Header) -> str:
    moment = last_moment(header)
    return f"{moment:%Y%m%d}" if moment else "undated"


def _copy(path: Path, to: Path) -> None:
    """Keep a master under another name too: tables tell the checksum of the one they were made with."""
    try:
        with write_then_rename(to) as temporary:
            temporary.write_bytes(path.read_bytes())
    except WriteError as error:
        _log.warning("%s", error)


def _build_bias(
    facts: Sequence[RawFacts], folder: Path, camera: Camera, setting: Setting
) -> tuple[Floats32, fits.Header]:
    chosen = choose(facts, camera, lambda frame: float(np.median(frame.data)), odd_bias(camera))
    require_some(chosen, folder, "bias", camera, setting)
    data = combine([frame.data for frame in chosen.frames], camera.detector.shape)
    header = master_header(chosen, camera, EXPTIME=(0.0, "[s]"), BUNIT="ADU")
    header["LEVEL"] = (round(float(np.median(data)), 2), "[ADU] median")
    return data, header


def _build_dark(
    facts: Sequence[RawFacts], config: Config, setting: Setting, bias: Floats32
) -> tuple[Floats32, fits.Header]:
    camera = config.camera

    def rate(frame: RawFrame) -> RowsOf:
        return lambda rows: (
            subtract_dark(frame.data[rows], 0.0, bias[rows], np.zeros_like(bias[rows]), detector=camera.detector)
            / np.float32(frame.exptime_s)
        )

    def level(frame: RawFrame) -> float:
        return float(np.median(frame.data[::2] - bias[::2])) / frame.exptime_s

    chosen = choose(facts, camera, level, odd_dark)
    require_some(chosen, config.directories.calibration, "dark", camera, setting)
    data = combine([rate(frame) for frame in chosen.frames], camera.detector.shape)
    # EXPTIME 1 s makes the file right for a reader who knows no BUNIT but divides by the exposure
    header = master_header(chosen, camera, EXPTIME=(1.0, "[s] counts are per second"), BUNIT=RATE_UNIT)
    header["LEVEL"] = (round(float(np.median(data)), 4), "[ADU/s] median")
    return data, header


def _keep(path: Path, data: Floats32, header: fits.Header) -> Master:
    """The Master just built, written for the next months; unwritten with a warning where the disk refuses."""
    try:
        make_folder(path.parent)
        write_master(path, data, header)
    except WriteError as error:
        _log.warning("used without being kept: %s", error)
        return Master(data, path, None)
    _log.info("%s made of %d frames", path, header["NCOMBINE"])
    return Master(data, path, checksum_of(path))
