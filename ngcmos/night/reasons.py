"""Reasons of many frames made alike: without what differs from frame to frame."""

import collections
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ngcmos.night.filenames import stamp_of
from ngcmos.night.spans import span_of

_QUOTED = re.compile(r"b?'[^']*'|b?\"[^\"]*\"")
_NUMBER = re.compile(r"(?<![\w-])[-+]?\d[\d.:T-]*(?![\w-])")
_FRAME = re.compile(r"\S+\.(fits|fit|fts)(\.(gz|bz2|fz))?", re.IGNORECASE)
_PLACE = re.compile(r"^\S*/\S+: ")
_REST = re.compile(r"(, expected| \(|[:;] ).*", re.DOTALL)


def plain_reason(name: str, reason: str) -> str:
    """A reason without the frame's name before it."""
    return reason.removeprefix(f"{name}: ")


def pattern_of(line: str) -> str:
    """A line without names of frames, numbers and quotations."""
    return _NUMBER.sub("…", _FRAME.sub("…", _QUOTED.sub("…", line)))


def kind_of(reason: str) -> str:
    """A reason without names, numbers, quotations, and what was expected."""
    return pattern_of(_REST.sub("", _PLACE.sub("", reason)))


def shared_reason(reasons: Sequence[str]) -> str:
    """What reasons of one kind have in common: all of it where they are the same, else their kind."""
    return reasons[0] if len(set(reasons)) == 1 else kind_of(reasons[0])


@dataclasses.dataclass(frozen=True)
class Alike:
    """Frames that were refused for reasons of one kind.

    Attributes
    ----------
    kind : str
        What they have in common.
    names : tuple of str
    example : str
        The reason of the first in full.
    """

    kind: str
    names: tuple[str, ...]
    example: str

    def say(self, of: int) -> str:
        """One line: how many of so many frames, their share, when, and why."""
        count = len(self.names)
        if count == 1:
            return self.example
        stamps = [stamp_of(Path(name)) for name in self.names]
        span = span_of(stamp.timestamp() for stamp in stamps if stamp)
        return f"{count} of {of} frames ({say_share(count, of)}{f', {span}' if span else ''}): {self.kind}"


def say_share(count: int, of: int) -> str:
    """Per cent; what is not all is not 100 %."""
    return f"{min(100 * count / of, 100.0 if count == of else 99.0):.0f} %"


def sum_alike(reasons: Mapping[str, str]) -> list[Alike]:
    """Reasons of frames by their kinds, the most frequent first.

    Parameters
    ----------
    reasons : dict of str to str
        By the frame's name.
    """
    plain = {name: plain_reason(name, reason) for name, reason in reasons.items()}
    groups = collections.defaultdict(list)
    for name, reason in plain.items():
        groups[kind_of(reason)].append(name)
    found = [
        Alike(shared_reason([plain[name] for name in names]), tuple(names), reasons[names[0]])
        for names in groups.values()
    ]
    return sorted(found, key=lambda one: -len(one.names))
