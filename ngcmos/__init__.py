"""ngcmos: from a night of raw CMOS frames to the light curve of every star.

For notebooks: `ngcmos.read_light_curve`, `ngcmos.read_photometry` and `ngcmos.read_season`, see `ngcmos.notebook`.
"""

import importlib

__version__ = "0.1.0"

_NOTEBOOK = ("read_light_curve", "read_photometry", "read_season")
__all__ = ["__version__", "read_light_curve", "read_photometry", "read_season"]


def __getattr__(name: str) -> object:
    """What notebooks read, loaded when it is first asked for: scripts start without it."""
    if name in _NOTEBOOK:
        return getattr(importlib.import_module("ngcmos.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
