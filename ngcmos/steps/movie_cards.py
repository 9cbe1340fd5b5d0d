"""Cards of the movies, drawn frame by frame: what QC_Donuts and QC_control share."""

from ngcmos.errors import FrameError, WorkError
from ngcmos.night.disk import free_mb
from ngcmos.night.frames import read_frame
from ngcmos.night.headers import header_value
from ngcmos.night.loop import work_through
from ngcmos.qc.movie import control_card, describe_frame, error_card


def draw_cards(camera, items, folder, *, count=None, workers=1, label="", quiet=False):
    """Cards (uint8 RGB arrays) of frames, one at a time.

    Parameters
    ----------
    camera : ngcmos.config.Camera
    items : list of (number, Path, note)
        Number of the frame in its series, its file, and what else to say of it.
    folder : Path
        Where the movie is written; the cards stop where its disk runs low.
    count : int, optional
        Frames in the series; as many as there are items by default.
    """
    _require_movie_space(folder, camera)
    shared = (camera, count or len(items))
    for (number, _path, _note), result in work_through(
        _draw, items, shared=shared, workers=workers, label=label, quiet=quiet
    ):
        if isinstance(result, FrameError):
            yield error_card([f"frame {number}: no picture", str(result)])
        else:
            yield result
        _require_movie_space(folder, camera)


def _require_movie_space(folder, camera):
    """Movies give way first, so that the photometry can still be written."""
    free, reserve = free_mb(folder), camera.files.movie_reserve_mb
    if free < reserve:
        raise WorkError(
            f"{folder}: {free:.0f} MB free on the disk, movies need {reserve:.0f} MB; the rest goes on"
        )


def _draw(item, camera, count):
    number, path, note = item
    frame = read_frame(path, camera)
    target = str(header_value(frame.header, camera.headers.object, path, frame.field))
    texts = describe_frame(frame, number=number, count=count, target=target, note=note)
    return control_card(frame.data, texts=texts, zoom_px=camera.movie.zoom_px)
