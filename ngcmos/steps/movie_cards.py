"""Cards of the movies, drawn frame by frame: what QC_Donuts and QC_control share."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ngcmos.config import Camera
from ngcmos.errors import FrameError, WorkError
from ngcmos.night.disk import free_mb
from ngcmos.night.frames import read_frame
from ngcmos.night.headers import said_first
from ngcmos.night.job import Job
from ngcmos.qc.movie import control_card, describe_frame, error_card

Item = tuple[int, Path, str]  # number of the frame in its series, its file, and what else to say of it


def draw_cards(
    job: Job, items: Sequence[Item], folder: Path, *, count: int | None = None, label: str = ""
) -> Iterator[np.ndarray]:
    """Cards (uint8 RGB arrays) of frames, one at a time.

    Parameters
    ----------
    job : ngcmos.night.job.Job
    items : sequence of (number, Path, note)
    folder : Path
        Where the movie is written; the cards stop where its disk runs low.
    count : int, optional
        Frames in the series; as many as there are items by default.
    label : str
        What the progress says.
    """
    camera = job.camera
    _require_movie_space(folder, camera)
    for (number, _, _), result in job.through(_draw, items, shared=(camera, count or len(items)), label=label):
        if isinstance(result, FrameError):
            yield error_card([f"frame {number}: no picture", str(result)])
        else:
            yield result
        _require_movie_space(folder, camera)


def _require_movie_space(folder: Path, camera: Camera) -> None:
    """Movies give way first, so that the photometry can still be written."""
    free, reserve = free_mb(folder), camera.files.movie_reserve_mb
    if free < reserve:
        raise WorkError(
            f"{folder}: {free:.0f} MB free on the disk, movies need {reserve:.0f} MB; the rest goes on"
        )


def _draw(item: Item, camera: Camera, count: int) -> np.ndarray:
    number, path, note = item
    frame = read_frame(path, camera)
    target = said_first(frame.header, camera.headers.object) or frame.field
    texts = describe_frame(frame, number=number, count=count, target=target, note=note)
    return control_card(frame.data, texts=texts, zoom_px=camera.movie.zoom_px)
