"""Which frames of a night are clouded, into the rows of their stars: known only by all fields of the night."""

import contextlib
import logging

import numpy as np
from astropy.table import Table

from ngcmos.errors import ProductError
from ngcmos.lightcurves.frames import clear_zero_point_of
from ngcmos.names import Flag
from ngcmos.night.job import Job
from ngcmos.night.products import photometry_path
from ngcmos.photometry.quality import find_clouds, transparency_of
from ngcmos.tables.marks import mark_frames
from ngcmos.tables.table import read_frames

log = logging.getLogger(__name__)


def mark_clouds(job: Job) -> None:
    """Give the rows of clouded frames their bit, in all photometry tables of the night.

    Clouded is what `find_clouds` calls so against the clear zero point of the night, as the page and the light
    curves do.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    frames: dict[str, Table] = {}
    tables = sorted(job.folder.glob(photometry_path(job.folder, "*").name))
    for path in tables:
        with contextlib.suppress(ProductError):  # told where its field is worked on
            frames[path.name] = read_frames(path)
    for path in tables:
        table, clear_zp = frames.get(path.name), clear_zero_point_of(path, tables)
        if table is None or "flags" not in table.colnames or clear_zp is None:
            continue
        light = transparency_of(np.asarray(table["zp"]), np.asarray(table["airmass"]), clear_zp)
        clouded = find_clouds(light, np.asarray(table["stars_seen"], float), job.camera.quality)
        if mark_frames(path, Flag.CLOUD, clouded):
            log.info("%s: %d of %d frames are clouded, their rows say so", path.name, clouded.sum(), clouded.size)
