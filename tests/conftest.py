"""What all tests share: the real frames where they are, and a sky without a network."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real frames; the test is skipped where it is not known."""
    folder = os.environ.get("NGCMOS_REAL_DATA")
    if not folder:
        pytest.skip("real frames: $NGCMOS_REAL_DATA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"$NGCMOS_REAL_DATA is {folder}, which is not a folder")
    return Path(folder)
