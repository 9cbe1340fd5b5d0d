"""TIC rows around one field, and the stand-in for VizieR that serves them."""

import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))  # the stand-ins that all tests share


@pytest.fixture
def stars():
    """Forty TIC rows within one degree of the field, two further off, one too faint, with holes as in the TIC.

    The field is at 350.2 -13.0; the Gaia ids are not to be had as floats.
    """
    rng = np.random.default_rng(8)
    number = 43
    angle, reach = rng.uniform(0, 2 * np.pi, number), rng.uniform(0, 1, number)
    reach[40:42] = 4.0
    stars = Table(masked=True)
    stars["TIC"] = 188620407 + np.arange(number)
    stars["GAIA"] = 6917528997577384321 + np.arange(number)
    stars["RAJ2000"] = 350.2 + reach * np.cos(angle)
    stars["DEJ2000"] = -13.0 + reach * np.sin(angle)
    for name in ("Tmag", "Gmag", "BPmag", "RPmag"):
        stars[name] = rng.uniform(9, 16, number)
    stars["Tmag"][42] = 19.5
    stars["pmRA"], stars["pmDE"] = rng.normal(0, 20, (2, number))
    stars["Teff"] = rng.uniform(3000, 8000, number)
    stars["GAIA"].mask[::7] = True
    stars["pmRA"].mask[::2] = stars["pmDE"].mask[::2] = True
    return stars


@pytest.fixture
def vizier(stars, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    from loopback_vizier import LoopbackVizier

    with LoopbackVizier(stars) as server:
        yield server


@pytest.fixture
def closed_port():
    """Address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
