"""Where the nights of a season lie: all night folders under its base paths that hold photometry of the field.

A season lies under the base path of its own telescope. Those of others that look at the same field are told once
(`remember_others`) and kept in `.others.json` beside it.
"""

import collections
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ngcmos.config import Camera
from ngcmos.errors import NightError, ProductError
from ngcmos.night.products import photometry_path, write_text
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.clocks import evening_of_look
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.seen import Seen, look_at
from ngcmos.season.source import Source
from ngcmos.tables.table import read_frames

MOST_NAMED = 3
NIGHT = re.compile(r"(19|20)\d{6}")
_OTHERS = ".others.json"
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")  # for the name of a file


def find_sources(
    base: Path, field: str, camera: Camera, known: KnownStars = UNKNOWN, *, others: Sequence[Path] = ()
) -> dict[str, Source]:
    """{name: Source} of all nights that hold photometry of a field, in order.

    Parameters
    ----------
    base : Path
    field : str
    camera : ngcmos.config.Camera
    known : KnownStars
    others : sequence of Path
        Base paths of other telescopes: their nights are named `{night}_{telescope}`.
    """
    found = {}
    for place in (base, *others):
        telescope = "" if place == base else telescope_of(place)
        for folder in sorted(path for path in place.iterdir() if NIGHT.fullmatch(path.name)):
            if photometry_path(folder, field).is_file():
                name = f"{folder.name}_{telescope}" if telescope else folder.name
                found[name] = Source(name, folder, camera, known, telescope)
    return dict(sorted(found.items()))


def telescope_of(base: Path) -> str:
    """What the telescope of a base path is called: by the last two parts of the path."""
    return _UNFIT.sub("-", "-".join(base.absolute().parts[-2:])).strip("-")


def copies_among(sources: Mapping[str, Source], folder: SeasonFolder) -> dict[str, str]:
    """{night: the night whose very frames it holds}, of copies: of two nights that begin with one frame.

    The one of our own telescope counts, then that whose folder is named by the evening of its frames.
    """
    looks, alike = Seen(folder.path).looks(sources.values()), collections.defaultdict(list)
    for name, source in sources.items():
        try:
            look = looks[name] if name in looks else look_at(source, read_frames(source.table(folder.field)))
        except ProductError:  # told where the night is read
            continue
        evening = evening_of_look(look, source.camera.site.timezone)
        if look.first_frame:
            alike[look.first_frame].append((bool(source.telescope), evening != name[:8], name))
    groups = [[name for *_, name in sorted(group)] for group in alike.values()]
    return {copy: first for first, *copies in groups for copy in copies}


def say_copies(copies: Mapping[str, str]) -> str:
    """Which nights are copies of which others; "" where none is."""
    if not copies:
        return ""
    named = [f"{copy} those of {first}" for copy, first in itertools.islice(copies.items(), MOST_NAMED)]
    more = ", ..." if len(copies) > MOST_NAMED else ""
    held = "1 night holds" if len(copies) == 1 else f"{len(copies)} nights hold"
    return f"{held} the frames of others, left out as copies: {', '.join(named)}{more}"


def remember_others(folder: SeasonFolder, bases: Iterable[Path]) -> list[Path]:
    """Base paths of other telescopes that the season has, these among them from now on.

    Raises
    ------
    NightError
        One of these is no folder, or is called as another one is.
    WriteError
        They cannot be kept.
    """
    kept = others_of(folder)
    asked = [path.absolute() for path in bases]
    for path in asked:
        if not path.is_dir():
            raise NightError(f"{path}: no such folder, expected one that holds nights")
    every = list(dict.fromkeys([*kept, *asked]))
    names = [telescope_of(path) for path in every]
    if len(set(names)) < len(names):
        raise NightError(
            f"{', '.join(map(str, every))}: two are called alike, expected others as their last folders"
        )
    if every != kept:
        write_text(folder.path / _OTHERS, json.dumps([str(path) for path in every]))
    return [path for path in every if path.is_dir()]


def others_of(folder: SeasonFolder) -> list[Path]:
    """Base paths of other telescopes that the season has."""
    try:
        kept = json.loads((folder.path / _OTHERS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(str(path)) for path in kept] if isinstance(kept, list) else []


def find_fields(base: Path) -> list[str]:
    """Fields that any night under a base path holds photometry of."""
    tables = base.glob(f"[12]???????/{photometry_path(Path(), '*').name}")
    return sorted({path.stem.removeprefix("phot_") for path in tables if NIGHT.fullmatch(path.parent.name)})


def wanted_sources(
    folder: SeasonFolder, sources: dict[str, Source], wanted: Iterable[str], *, most_others: int = 0
) -> tuple[dict[str, Source], list[str]]:
    """(the nights of a season: those it has, those wanted, and some of the newest others; the rest).

    Parameters
    ----------
    folder : SeasonFolder
    sources : dict of str to Source
        All that are there; what the season has and is not there has gone.
    wanted : iterable of str
    most_others : int
        How many nights that nobody has asked for may come in.
    """
    known = set(folder.nights()) | set(wanted)
    others = [name for name in sources if name not in known]
    welcome = set(others[len(others) - most_others :]) if most_others else set()
    chosen = {name: source for name, source in sources.items() if name in known | welcome}
    return chosen, [name for name in others if name not in welcome]
