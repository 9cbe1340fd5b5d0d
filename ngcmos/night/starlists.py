"""Lists of stars that observers write: a text file, an id (Gaia or TIC) a line, `#` begins a comment.

``read_star_list(path) -> (id, ...)``; ``keep_star_list(path, source)`` makes it the night's own.
"""

from pathlib import Path

from ngcmos.errors import WorkError
from ngcmos.night.products import write_then_rename


def wanted_stars_path(night: Path, field: str) -> Path:
    """The stars that alone are compared with others in a field."""
    return night / f"comp_stars_{field}.txt"


def unwanted_stars_path(night: Path, field: str) -> Path:
    """The stars of a field that others are not compared with."""
    return night / f"exclude_stars_{field}.txt"


def read_star_list(path: Path) -> tuple[int, ...]:
    """The ids of a list, each once, in their order; none where there is no such file.

    Raises
    ------
    WorkError
        It cannot be read, or a line holds something else.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkError(f"{path}: not readable ({error}), expected a text file with an id a line") from error
    ids: dict[int, None] = {}
    for number, line in enumerate(lines, start=1):
        for word in line.partition("#")[0].replace(",", " ").split():
            if not word.isdecimal() or int(word) < 1:
                raise WorkError(
                    f"{path}: line {number} has {word!r}, expected a Gaia or TIC id; # begins a comment"
                )
            ids[int(word)] = None
    return tuple(ids)


def keep_star_list(path: Path, ids: tuple[int, ...], said: str) -> None:
    """Write the ids to `path`, `said` in its first line; a list of the same ids stays, one of none is removed."""
    if not ids:
        path.unlink(missing_ok=True)
    elif read_star_list(path) != ids:
        with write_then_rename(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in (f"# {said}", *ids)), "utf-8")
