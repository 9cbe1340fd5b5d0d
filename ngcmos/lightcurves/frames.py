"""What is known of the frames of a night beside their counts: the light of a clear one, why some were refused."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table

from ngcmos.errors import ProductError
from ngcmos.names import Stage, Verdict
from ngcmos.night.ledger import Entry
from ngcmos.photometry.quality import clear_zero_point
from ngcmos.tables.table import filter_of_table, read_frames

REFUSING = (Stage.SIMPLE_WRAPPER, Stage.CHECK_CMOS, Stage.PROCESS_CMOS)


def clear_zero_point_of(
    table: Path, tables: Iterable[Path], known: Mapping[Path, Table] | None = None
) -> float | None:
    """Zero point of a clear frame of a night, in hundredths: a field all under clouds does not tell it.

    Parameters
    ----------
    table : Path
        Of the frames in question: those of other filters let another share of the light through.
    tables : iterable of Path
        All photometry tables of the night; damaged ones do not count.
    known : mapping of Path to Table, optional
        Extensions FRAMES that were read before.
    """
    numbers = []
    for path in tables:
        with contextlib.suppress(ProductError, KeyError):  # told where the field is worked on
            if filter_of_table(path) != filter_of_table(table):
                continue
            frames = known[path] if known and path in known else read_frames(path)
            numbers.append([np.asarray(frames[name], float) for name in ("zp", "airmass")])
    clear = clear_zero_point(*np.concatenate(numbers, axis=1)) if numbers else np.nan
    return round(clear, 2) if np.isfinite(clear) else None


def refused_frames(entries: Iterable[Entry], field: str, measured: Iterable[str]) -> dict[str, str]:
    """{frame: why it was refused first} of the frames of a field that its table does not hold."""
    there = set(measured)
    refused: dict[str, str] = {}
    verdicts = [one for one in entries if one.field == field and one.verdict == Verdict.REFUSED]
    for stage in REFUSING:
        for one in verdicts:
            if one.stage == stage and one.frame not in there:
                refused.setdefault(one.frame, one.reason)
    return refused
