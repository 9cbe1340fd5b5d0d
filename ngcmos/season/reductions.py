"""Nights of a season that were measured otherwise than its newest one: other settings, other code.

``say_reductions({night: Inputs}) -> sentence``.
"""

import collections
from collections.abc import Mapping

from ngcmos.night.fingerprint import Inputs
from ngcmos.season.seen import Look

MOST_NAMED = 3


def read_reductions(looks: Mapping[str, Look]) -> dict[str, Inputs]:
    """How the nights were measured, by their names; without those that do not tell."""
    return {name: Inputs.read(look.reduction).reduction for name, look in looks.items() if look.reduction}


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
