"""A profile of a camera drafted from its own frames: `draft` gathers what is found, `toml_of` writes it."""

import dataclasses
import json
import re
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ngcmos.arrays import Counts, Place
from ngcmos.config import Camera
from ngcmos.draft import cards, dialect, sky, solving
from ngcmos.draft.found import Found, Value, last_of_each
from ngcmos.draft.sheet import Sheet
from ngcmos.errors import CatalogError, FrameError, HeaderError, UsageError
from ngcmos.night.headers import exposure_time
from ngcmos.night.images import read_image
from ngcmos.night.pointing import pointing_of
from ngcmos.profile import Profile

SCALE_UNKNOWN = 1.0
MOST_FRAMES = 12  # that are looked at, spread over those given
_NEEDED = ("detector", "telescope", "site")


@dataclasses.dataclass(frozen=True)
class Given:
    """What somebody says of a camera beside its frames.

    Attributes
    ----------
    name : str
    catalogs : tuple of Path
        TIC extracts with the stars of the frames.
    center : (float, float), optional
        Where the frames look, degrees.
    typed : tuple of Found
        Keys that are known; they count before all others.
    """

    name: str
    catalogs: tuple[Path, ...] = ()
    center: Place | None = None
    typed: tuple[Found, ...] = ()


def draft(paths: Sequence[Path], given: Given, measured: Iterable[Found] = ()) -> list[Found]:
    """All that is found of the camera of these frames of one field, a Found a key.

    `measured` is what calibration frames told; it counts before cards.

    Raises
    ------
    FrameError
        A frame is no image, or of another shape than the first.
    """
    written, header = read_image(paths[0])
    chosen = paths[:: max(1, len(paths) // MOST_FRAMES)]
    first, *frames = (sky.in_adu(image) for image in [written, *_images(chosen, written.shape)])
    sheet = Sheet.of(header)
    facts = sky.look_at(frames)
    found = [
        *sky.of_unit(written),
        *sky.of_pixels(facts, len(frames)),
        *cards.of_detector(sheet, facts.shape),
        *cards.of_calibration(sheet, facts.shape),
        cards.of_telescope(sheet),
        *cards.of_site(sheet),
        *dialect.of_dialect(sheet, paths[0]),
        *measured,
    ]
    if given.center is not None:
        found.append(Found("headers.center", given.center, "--center"))
    found = last_of_each([*found, *given.typed])
    return last_of_each([*found, *_of_scale(first, sheet, found, given, paths[0]), *given.typed])


def _images(paths: Sequence[Path], shape: tuple[int, int]) -> Iterable[Counts]:
    return (read_image(path, shape=shape)[0] for path in paths)


def _of_scale(first: Counts, sheet: Sheet, found: list[Found], given: Given, path: Path) -> list[Found]:
    """The scale and what follows from it: by a plate solution where there is a catalog, else by the cards."""
    known = any(one.key == "detector.scale_arcsec" for one in found)
    how = "give --catalog FILE with the stars of the field (and --center RA DEC), or --set detector.scale_arcsec=…"
    unknown = Found("detector.scale_arcsec", SCALE_UNKNOWN, "nothing: assumed", how)
    camera = camera_of([*found, *([] if known else [unknown])], given.name)
    why = how
    if given.catalogs:
        pointing = pointing_of(sheet.header, camera.headers)
        try:
            if pointing is None:
                raise HeaderError(f"{path.name}: no pointing in the header, give --center RA DEC")
            stars = solving.stars_of(given.catalogs, pointing)
            exptime_s = exposure_time(sheet.header, camera.headers.exptime, path)
            wide = _wide_open(camera)
            solved = solving.solve_first(first, stars, wide, pointing, exptime_s, scale_known=known)
            return solving.of_solution(solved, camera)
        except (FrameError, CatalogError) as error:
            why = str(error)
    if not known:
        return [dataclasses.replace(unknown, remedy=why)]
    follows = solving.of_scale(camera.detector.scale_arcsec, camera)
    return follows if not given.catalogs else [*follows, _unsolved(found, why)]


def _unsolved(found: list[Found], why: str) -> Found:
    """The scale that the cards say, which no plate solution bore out."""
    scale = next(one for one in found if one.key == "detector.scale_arcsec")
    return dataclasses.replace(scale, remedy=f"not borne out by a plate solution: {why}")


def _wide_open(camera: Camera) -> Camera:
    """The camera, for whose first solution no magnitude and a third more or less of the scale are excluded."""
    detector, scale = camera.detector, camera.detector.scale_arcsec
    limits = 0.9 * scale, 1.1 * scale
    return dataclasses.replace(
        camera,
        detector=dataclasses.replace(detector, scale_limits_arcsec=limits),
        solve=dataclasses.replace(camera.solve, tmag_min=-5.0, tmag_max=25.0, radius_deg=(0.2, 0.05, 2.0)),
    )


def camera_of(found: Iterable[Found], name: str) -> Camera:
    """The Camera that these keys make."""
    tables: dict[str, Any] = {"name": name}
    for one in found:
        table, _, key = one.key.partition(".")
        tables.setdefault(table, {})[key] = one.value
    return Camera(**vars(Profile(**tables)))


def typed(text: str) -> Found:
    """`KEY=VALUE` as a Found; the value as TOML has it, or a text without quotes.

    Raises
    ------
    UsageError
        There is no such key.
    """
    key, sign, value = text.partition("=")
    table, _, name = key.strip().partition(".")
    kinds = typing.get_type_hints(Profile)
    fields = [field.name for field in dataclasses.fields(kinds[table])] if table in kinds and name else []
    if not sign or name not in fields:
        raise UsageError(
            f"--set {text}: expected KEY=VALUE as telescope.aperture_m=0.2; the README lists the keys"
        )
    return Found(key.strip(), _value_of(value.strip()), "--set")


def _value_of(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return tuple(value) if isinstance(value, list) else value


def name_of(sheet: Sheet, path: Path) -> str:
    """A name for the camera: that of telescope and instrument, else of the folder of its frames."""
    said = [card.text for key in ("TELESCOP", "INSTRUME") if (card := sheet.first(key))]
    plain = re.sub(r"[^a-z0-9]+", "_", " ".join(said).lower()).strip("_")
    return plain or re.sub(r"[^a-z0-9]+", "_", path.absolute().parent.name.lower()).strip("_") or "new_camera"


def toml_of(found: Sequence[Found], name: str, frames: int) -> str:
    """The text of a profile: each key with where it comes from; those of the defaults are left out."""
    head = [
        f"# Camera profile drafted by new_camera.py from {frames} frame{'s' * (frames != 1)}.",
        "# After each value stands where it comes from. FIND marks what is assumed, and how to find it.",
        "",
        "format = 1",
        f"name = {_toml(name)}",
    ]
    lines = []
    for table in dict.fromkeys(one.key.partition(".")[0] for one in ordered(found)):
        own = [one for one in ordered(found) if one.key.startswith(f"{table}.") and not is_usual(one)]
        lines += ["", f"[{table}]"] * bool(own)
        lines += [_line(one) for one in own]
    return "\n".join([*head, *lines]) + "\n"


def ordered(found: Iterable[Found]) -> list[Found]:
    """Keys in the order of the profile's tables."""
    places = []
    for table, kind in typing.get_type_hints(Profile).items():
        if dataclasses.is_dataclass(kind):
            places += [f"{table}.{field.name}" for field in dataclasses.fields(kind)]
    return sorted(found, key=lambda one: places.index(one.key))


def is_usual(one: Found) -> bool:
    """Whether a key has the value that it would have if the profile did not name it."""
    table, _, key = one.key.partition(".")
    if table in _NEEDED and one.remedy:
        return False
    kind = typing.get_type_hints(Profile)[table]
    field = next(field for field in dataclasses.fields(kind) if field.name == key)
    return bool(field.default == one.value)


def _line(one: Found) -> str:
    key = one.key.partition(".")[2]
    return f"{key} = {_toml(one.value)}  # {one.source}" + (f"; FIND: {one.remedy}" if one.remedy else "")


def _toml(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def told(found: Sequence[Found]) -> list[str]:
    """Lines that tell what was found key by key, then what was not."""
    known = [one for one in ordered(found) if not one.remedy]
    assumed = [one for one in ordered(found) if one.remedy]
    width = max((len(one.key) for one in found), default=0)
    lines = [f"{one.key:{width}}  {_toml(one.value)}  from {one.source}" for one in known]
    if assumed:
        lines += ["", "Not found, and how to find it:"]
        lines += [f"{one.key:{width}}  {_toml(one.value)}  {one.source}: {one.remedy}" for one in assumed]
    return lines
