"""Small results of what does not change from run to run, kept beside Python's byte code.

``kept(key, compute)``: the key tells all that enters. As for byte code, where nothing can be written or Python is
told to write none, they are computed each time.
"""

import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

MOST = 100

Plain = TypeVar("Plain", bound=str | list[Any])


def kept(key: str, compute: Callable[[], Plain]) -> Plain:
    """What a function computes, a text or a list as JSON has them, computed once for a key."""
    place = Path(importlib.util.cache_from_source(__file__)).with_suffix(".results")
    try:
        known = json.loads(place.read_bytes())
    except (OSError, ValueError):
        known = {}
    known = known if isinstance(known, dict) else {}
    if key not in known:
        known[key] = compute()
        if not sys.dont_write_bytecode:
            _keep(place, json.dumps(dict(list(known.items())[-MOST:])))
    result: Plain = known[key]
    return result


def _keep(place: Path, text: str) -> None:
    """Written whole or not at all."""
    temporary = place.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        temporary.write_text(text)
        temporary.replace(place)
