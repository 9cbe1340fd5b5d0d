"""The comparison stars an observer lists, kept a field in the night.

``keep_lists(folder, tables, {"left_out": ids})`` writes lists to the fields that have their stars;
``kept_choice(folder, field, choice) -> Choice`` is the choice with the lists that the night keeps.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ngcmos.errors import ProductError, UsageError
from ngcmos.lightcurves.choice import Choice
from ngcmos.night.starlists import keep_star_list, read_star_list, unwanted_stars_path, wanted_stars_path
from ngcmos.tables.table import read_stars

log = logging.getLogger(__name__)

_PATHS = {"only": wanted_stars_path, "left_out": unwanted_stars_path}
_SAID = {
    "only": "stars that alone are compared with others",
    "left_out": "stars that others are not compared with",
}


def keep_lists(folder: Path, tables: Sequence[Path], lists: Mapping[str, Sequence[int] | None]) -> None:
    """Write lists of stars to the night, each field's stars to the file of that field, in place of an earlier one.

    Parameters
    ----------
    folder : Path
        Of the night.
    tables : sequence of Path
        Its photometry tables.
    lists : mapping of str to sequence of int, or None
        Gaia or TIC ids, by `only` and `left_out`; None: the kept list stays.

    Raises
    ------
    UsageError
        No field has one of the stars.
    """
    given = {name: listed for name, listed in lists.items() if listed is not None}
    ids = {path.stem.removeprefix("phot_"): _ids_of(path) for path in tables} if given else {}
    for name, listed in given.items():
        unknown = [str(one) for one in listed if not any(one in known for known in ids.values())]
        if unknown:
            raise UsageError(
                f"no star {', '.join(unknown)} in {', '.join(ids)}, expected ids that their tables have"
            )
        for field, known in ids.items():
            mine = tuple(one for one in listed if one in known)
            keep_star_list(_PATHS[name](folder, field), mine, f"{field}: {_SAID[name]}")


def kept_choice(folder: Path, field: str, choice: Choice) -> Choice:
    """The choice with the lists that the night keeps of a field; each list is told in the log."""
    lists = {name: read_star_list(path_of(folder, field)) for name, path_of in _PATHS.items()}
    for name, ids in lists.items():
        if ids:
            told = ", ".join(map(str, ids))
            log.info(
                "relative_photometry: %s: %s: %s (%s)", field, _SAID[name], told, _PATHS[name](folder, field).name
            )
    return dataclasses.replace(choice, only=lists["only"], left_out=lists["left_out"])


def _ids_of(table: Path) -> set[int]:
    """Gaia and TIC ids of the stars of a photometry table; none of a damaged one, told where it is read."""
    with contextlib.suppress(ProductError):
        stars = read_stars(table)
        return {int(one) for name in ("gaia_id", "tic_id") for one in np.asarray(stars[name]) if one}
    return set()
