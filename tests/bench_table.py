"""A table of so many frames written from the frames of another, or one star of it read; started by bench_night.

`write SOURCE TARGET FRAMES` or `read TABLE`; the latter prints the seconds it took.
"""

import os
import sys
import time
from pathlib import Path

from ngcmos.tables.parts import Place, RowReader
from ngcmos.tables.table import read_star, read_stars, rows_of_table
from ngcmos.tables.writer import write_photometry

RADII = [2.0, 3.0, 4.0, 5.0, 6.0]


def write(source, target, frames):
    """The frames of the source again and again."""
    rows, reader = rows_of_table(source), RowReader()
    width = rows.dtype["frame_id"].itemsize
    with write_photometry(target, read_stars(source), radii=RADII, name_width=width) as writer:
        for number in range(frames):
            own, frame = reader.read(Place(source, number % len(rows)))
            writer.add(own, frame.as_dict())


def read(path):
    """Read the last star, from the disk where the system lets go of what it keeps in memory."""
    tic_id = int(read_stars(path)["tic_id"][-1])
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    started = time.monotonic()
    read_star(path, tic_id=tic_id)
    sys.stdout.write(f"{time.monotonic() - started}\n")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        read(Path(sys.argv[2]))
