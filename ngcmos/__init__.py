"""ngcmos: from a night of raw CMOS frames to the light curve of every star.

For notebooks: `ngcmos.read_light_curve` and `ngcmos.read_photometry`, see `ngcmos.notebook`.
"""

import importlib

__version__ = "0.1.0"

__all__ = ["__version__", "read_light_curve", "read_photometry"]


def __getattr__(name: str) -> object:
    """What notebooks read, loaded when it is first asked for: scripts start without it."""
    if name in ("read_light_curve", "read_photometry"):
        return getattr(importlib.import_module("ngcmos.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
