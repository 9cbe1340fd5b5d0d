"""Reasons of many frames made alike: without what differs from frame to frame."""

import collections
import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from ngcmos.night.filenames import stamp_of
from ngcmos.night.spans import span_of

_QUOTED = re.compile(r"b?'[^']*'|b?\"[^\"]*\"")
_NUMBER = re.compile(r"(?<![\w-])[-+]?\d[\d.:T-]*(?![\w-])")
_FRAME = re.compile(r"\S+\.(fits|fit|fts)(\.(gz|bz2|fz))?", re.IGNORECASE)
_REST = re.compile(r"(, expected| \(|[:;] ).*", re.DOTALL)


def plain_reason(name: str, reason: str) -> str:
    """A reason without the frame's name before it."""
    return reason.removeprefix(f"{name}: ")


def pattern_of(line: str) -> str:
    """A line without names of frames, numbers and quotations."""
    return _NUMBER.sub("…", _FRAME.sub("…", _QUOTED.sub("…", line)))


def kind_of(reason: str) -> str:
    """A reason without names, numbers, quotations, and what was expected."""
    return pattern_of(_REST.sub("", reason))


@dataclasses.dataclass(frozen=True)
class Alike:
    """Frames that were refused for reasons of one kind.

    Attributes
    ----------
    kind : str
        "" where the reason has no words but its frame's.
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
        share = f"{count / of:.0%}" + (f", {span}" if span else "")
        return f"{count} of {of} frames ({share}): {self.kind}"


def sum_alike(reasons: Mapping[str, str]) -> list[Alike]:
    """Reasons of frames by their kinds, the most frequent first.

    Parameters
    ----------
    reasons : dict of str to str
        By the frame's name.
    """
    groups = collections.defaultdict(list)
    for name, reason in reasons.items():
        groups[kind_of(plain_reason(name, reason))].append(name)
    found = [Alike(kind, tuple(names), reasons[names[0]]) for kind, names in groups.items()]
    return sorted(found, key=lambda one: -len(one.names))
