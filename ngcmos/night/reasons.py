"""Reasons of many frames made alike: without what differs from frame to frame."""

import re

_QUOTED = re.compile(r"b?'[^']*'|b?\"[^\"]*\"")
_NUMBER = re.compile(r"(?<![\w-])[-+]?\d[\d.:T-]*(?![\w-])")
_FRAME = re.compile(r"\S+\.fits", re.IGNORECASE)
_REST = re.compile(r"(, expected| \(|[:;] ).*", re.DOTALL)


def plain_reason(name: str, reason: str) -> str:
    """A reason without the frame's name before it."""
    return reason.removeprefix(f"{name}: ")


def kind_of(reason: str) -> str:
    """A reason without names, numbers, quotations, and what was expected."""
    text = _FRAME.sub("…", _QUOTED.sub("…", reason))
    return _NUMBER.sub("…", _REST.sub("", text))
