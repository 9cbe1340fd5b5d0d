"""Where the nights of a season lie: all night folders under a base path that hold photometry of the field."""

import re
from collections.abc import Iterable
from pathlib import Path

from ngcmos.config import Camera
from ngcmos.night.products import photometry_path
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.build import Source
from ngcmos.season.known import UNKNOWN, KnownStars

NIGHT = re.compile(r"(19|20)\d{6}")


def find_sources(base: Path, field: str, camera: Camera, known: KnownStars = UNKNOWN) -> dict[str, Source]:
    """{night: Source} of all nights under a base path that hold photometry of a field, in order."""
    folders = sorted(path for path in base.iterdir() if NIGHT.fullmatch(path.name))
    there = [folder for folder in folders if photometry_path(folder, field).is_file()]
    return {folder.name: Source(folder.name, folder, camera, known) for folder in there}


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
