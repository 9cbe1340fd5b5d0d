"""The comparison stars of one star: from the curves of a night to its picture and its CSV."""

import logging
from pathlib import Path

import numpy as np
from astropy.table import Table

from ngcmos.config import Camera
from ngcmos.errors import ProductError
from ngcmos.night.products import photometry_path, relative_path, write_then_rename
from ngcmos.qc.comparison_map import ComparisonMap
from ngcmos.tables.relative import read_comparisons

log = logging.getLogger(__name__)


def comparisons_of(folder: Path, field: str, tic_id: int) -> Table | None:
    """Comparison stars of a star, the heaviest first; None where its curve is not there or does not tell them."""
    try:
        return read_comparisons(relative_path(folder, field), photometry_path(folder, field), tic_id=tic_id)
    except ProductError as error:
        log.warning("analyse_cmos: %s", error)
        return None


def map_of(compared: Table | None, camera: Camera, x: float, y: float) -> ComparisonMap | None:
    """Where they lie around a star at `x, y` (0-based pixels)."""
    if compared is None or not len(compared):
        return None
    their_x, their_y, weight = (np.asarray(compared[name], float) for name in ("x", "y", "weight"))
    return ComparisonMap(their_x - 1, their_y - 1, weight, (x, y), camera.detector.shape)


def write_comparisons(path: Path, compared: Table) -> Path:
    """Write them as CSV beside the series at `path`; the path of the new file."""
    target = path.with_name(f"{path.stem}_comparisons{path.suffix}")
    with write_then_rename(target) as temporary:
        compared[[name for name in compared.colnames if name != "tic_id"]].write(temporary, format="ascii.csv")
    return target
