"""Which frames belong together: a field is frames of one place and one setup.

What a header says of itself is an `Identity`; `sort_into_fields` gives each frame its field, or the reason why it
stands apart from the others of its field.
"""

import collections
import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from ngcmos.config import Camera, HeaderNames
from ngcmos.errors import FrameError
from ngcmos.night.cards import Header
from ngcmos.night.filenames import time_key, unstamped
from ngcmos.night.frames import as_name, field_name
from ngcmos.night.headers import said_first
from ngcmos.night.images import read_image
from ngcmos.night.pointing import pointing_of
from ngcmos.sphere import directions, separation_deg, unit_vectors

FileState = tuple[float, int]
UNKNOWN_FILTER = "unknown"  # of a profile that names none
_BETWEEN = re.compile(r"(?<!\d)[-_]+|[-_]+(?!\d)")  # words; between digits they tell numbers apart
Setup = tuple[tuple[str, str], ...]  # (what, value) of what must be alike in a field


@dataclasses.dataclass(frozen=True)
class Identity:
    """What a file says of where it belongs.

    Attributes
    ----------
    state : (float, int) or None
        Time of its last change and size when it was read.
    base : str
        Field by its name, or by its OBJECT where the profile says so.
    object_name, filter_name, image_type : str
        "" where it does not say.
    setup : tuple of (str, str)
        Gain, offset, read mode, binning, window and serial number, as far as it tells.
    pointing : (float, float) or None
        Degrees.
    """

    state: FileState | None
    base: str
    object_name: str = ""
    filter_name: str = ""
    image_type: str = ""
    setup: Setup = ()
    pointing: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Sorted:
    """Frames of each field in the order of their time stamps, and why frames stand apart from their field."""

    fields: dict[str, tuple[Path, ...]]
    misfits: dict[str, dict[Path, str]]


def read_identity(path: Path, camera: Camera, state: FileState | None) -> Identity:
    """The Identity of a file; of one that cannot be read what its name says."""
    names, length = camera.headers, camera.files.field_length
    try:
        _, header = read_image(path, pixels=False)
        return Identity(
            state,
            field_name(path, camera, header),
            said_first(header, names.object),
            said_first(header, names.filter),
            said_first(header, names.imagetyp),
            setup_of(header, camera),
            pointing_of(header, names),
        )
    except FrameError:
        return Identity(state, field_name(path, camera, {}) if length else unstamped(path.name))


def setup_of(header: Header, camera: Camera) -> Setup:
    """Gain, offset, binning, serial number and read mode as far as a header tells.

    A wrong read mode is another error's business.
    """
    names: HeaderNames = camera.headers
    told = [*names.gain, *names.offset, *names.binning, *names.window, *names.serial]
    found = [(key, said_first(header, [key])) for key in told]
    mode = said_first(header, [names.readmode])
    if camera.detector.readmode in mode:  # another one is refused by what the profile expects
        found.append((names.readmode, mode))
    return tuple((key, value) for key, value in found if value)


def differing(told: Setup, usual: Setup) -> list[str]:
    """What two setups say otherwise; what only one of them tells is no difference."""
    known = dict(usual)
    return [key for key, value in told if key in known and not _is_alike(value, known[key])]


def _is_alike(value: str, other: str) -> bool:
    """Whether two values are the same, or one begins with all words of the other, as "HDR" and "HDR 16-bit"."""
    words = [text.casefold().split() for text in sorted((value, other), key=len)]
    return words[0] == words[1][: len(words[0])]


def sort_into_fields(known: Mapping[Path, Identity], camera: Camera) -> Sorted:
    """Fields of frames.

    A field that is named by its OBJECT is one field however that is spelled. Places more than a chip apart under
    one name are fields of their own, named by their whole OBJECT; so are frames of another filter than the
    profile's (than that of most, where the profile names none), named by the field and the filter. Frames of
    another gain, offset, read mode, binning, window or serial number than most of a field stand apart.
    """
    groups: dict[str, list[Path]] = collections.defaultdict(list)
    by_base: dict[str, list[Path]] = collections.defaultdict(list)
    spelled: dict[str, str] = {}  # as the first frame has it, so that a field keeps its name while a night goes on
    for path in sorted(known, key=time_key):
        base = known[path].base
        by_base[base if camera.files.field_length else spelled.setdefault(_spelling(base), base)].append(path)
    usual = usual_filter(known, camera)
    for base, paths in by_base.items():
        apart = _lie_apart({path: known[path] for path in paths}, camera)
        for path in paths:
            identity = known[path]
            name = as_name(identity.object_name) if apart and identity.object_name else base
            own = identity.filter_name
            other = own and own.casefold() != usual.casefold()
            groups[f"{name}_{as_name(own)}" if other else name].append(path)
    fields, misfits = {}, {}
    for name in sorted(groups):
        ordered = sorted(groups[name], key=time_key)
        odd = _odd_ones(ordered, known)
        fields[name] = tuple(path for path in ordered if path not in odd)
        if odd:
            misfits[name] = odd
    return Sorted(fields, misfits)


def _spelling(name: str) -> str:
    """What names of a target that are spelled in several ways, as WASP-12, WASP 12 and wasp12, have in common."""
    return _BETWEEN.sub("", name).casefold()


def usual_filter(known: Mapping[Path, Identity], camera: Camera) -> str:
    """The filter whose frames keep the plain names."""
    if camera.detector.filter != UNKNOWN_FILTER:
        return camera.detector.filter
    counts = collections.Counter(known[path].filter_name for path in sorted(known, key=time_key))
    return counts.most_common(1)[0][0] if counts else ""


def _lie_apart(known: Mapping[Path, Identity], camera: Camera) -> bool:
    """Whether frames of different OBJECTs look at places more than a chip apart."""
    places = collections.defaultdict(list)
    for identity in known.values():
        if identity.pointing is not None and identity.object_name:
            places[identity.object_name].append(identity.pointing)
    if len(places) < 2:
        return False
    middles = [directions(np.median(unit_vectors(*np.array(found).T), axis=0)) for found in places.values()]
    chip_deg = max(camera.detector.shape) * camera.detector.scale_arcsec / 3600
    return any(float(separation_deg(*middles[0], *middle)) > chip_deg for middle in middles[1:])


def say_setup(setup: Setup, keys: Collection[str]) -> str:
    """These parts of a setup, as "GAIN 100, OFFSET 30"."""
    return ", ".join(f"{key} {value}" for key, value in setup if key in keys)


def _odd_ones(paths: list[Path], known: Mapping[Path, Identity]) -> dict[Path, str]:
    """Why frames stand apart: their setup is not that of most."""
    counts = collections.Counter(known[path].setup for path in paths if known[path].setup)
    if len(counts) < 2:
        return {}
    usual = counts.most_common(1)[0][0]
    odd = {}
    for path in paths:
        differs = differing(known[path].setup, usual)
        if differs:
            said, most = (say_setup(setup, differs) for setup in (known[path].setup, usual))
            odd[path] = f"another setup: {said}, expected {most} as in most of its field"
    return odd


def say_misfits(reasons: Iterable[str], of: int) -> str:
    """How many of so many frames stand apart from their field, setup by setup; "" without any."""
    kinds = collections.Counter(reason.partition(": ")[2] for reason in reasons)
    told = [f"{count} of {of} frames have {kind}" for kind, count in kinds.items()]
    return "; ".join([*told, "they are not measured"]) if told else ""
