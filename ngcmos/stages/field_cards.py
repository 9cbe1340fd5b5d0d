"""Cards of the movies, drawn frame by frame: what QC_Donuts and QC_control share."""

from ngcmos.errors import FrameError
from ngcmos.night.frames import read_frame
from ngcmos.night.loop import work_through
from ngcmos.qc.movie import control_card, describe_frame, error_card


def draw_cards(camera, items, *, count=None, workers=1, label="", quiet=False):
    """Cards (uint8 RGB arrays) of frames, one at a time.

    Parameters
    ----------
    camera : ngcmos.config.Camera
    items : list of (number, Path, note)
        Number of the frame in its series, its file, and what else to say of it.
    count : int, optional
        Frames in the series; as many as there are items by default.
    """
    shared = (camera, count or len(items))
    for (number, _path, _note), result in work_through(
        _draw, items, shared=shared, workers=workers, label=label, quiet=quiet
    ):
        if isinstance(result, FrameError):
            yield error_card([f"frame {number}: no picture", str(result)])
        else:
            yield result


def _draw(item, camera, count):
    number, path, note = item
    frame = read_frame(path, camera)
    target = str(frame.header.get(camera.headers.object, frame.field))
    texts = describe_frame(frame, number=number, count=count, target=target, note=note)
    return control_card(frame.data, texts=texts, zoom_px=camera.movie.zoom_px)
