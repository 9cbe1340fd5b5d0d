"""Nights of a season that were measured otherwise than its newest one: other settings, other code.

``say_reductions({night: Inputs}) -> sentence``.
"""

import collections
from collections.abc import Mapping

from ngcmos.errors import ProductError
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.products import photometry_path
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.build import Source
from ngcmos.season.seen import Seen
from ngcmos.tables.table import check_table

MOST_NAMED = 3


def read_reductions(sources: Mapping[str, Source], folder: SeasonFolder) -> dict[str, Inputs]:
    """How the nights were measured, by their names; without those whose table is damaged or does not tell."""
    found, seen = {}, Seen(folder.path)
    for name, source in sources.items():
        text = seen.reduction(name, source.folder, source.camera, source.beside)
        try:
            if text is None:
                text = str(check_table(photometry_path(source.folder, folder.field)).get("INPUTS", ""))
        except ProductError:
            continue  # the night is refused by name where it is brought in
        if text:
            found[name] = Inputs.read(text).reduction
    return found


def say_reductions(reductions: Mapping[str, Inputs]) -> str:
    """Which nights were measured otherwise than the newest one, and in what; "" where all are alike.

    Parameters
    ----------
    reductions : mapping of str to Inputs
        By the names of the nights.
    """
    if not reductions:
        return ""
    newest = reductions[max(reductions)]
    groups = collections.defaultdict(list)
    for name, one in sorted(reductions.items()):
        differs = newest.differences(one.text)
        if differs:
            groups[", ".join(differs)].append(name)
    told = [f"{_some(names)} with another {differs}" for differs, names in groups.items()]
    remedy = "their levels may differ a little; process_cmos --overwrite measures them anew"
    return f"measured otherwise than {max(reductions)}: {'; '.join(told)}; {remedy}" if told else ""


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
