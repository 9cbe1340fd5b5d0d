"""Movies of a night: cards drawn from frames, piped one by one into ffmpeg.

::

    texts = describe_frame(frame, number=5, count=2500, target=frame.header["OBJECT"])
    write_movie(path, (control_card(frame.data, texts=texts, zoom_px=100) for …), fps=5)

A card is a uint8 RGB array of `CARD_SHAPE`, whatever the camera: texts on top, a close-up on the left, the full
frame on the right, both with y upwards. `error_card` has the same size and stands for a frame without pixels.
Memory does not depend on the number of frames.
"""

import functools
import itertools
import subprocess
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Counts, Reals
from ngcmos.errors import ToolError
from ngcmos.night.frames import Frame
from ngcmos.night.kept import kept
from ngcmos.night.products import write_then_rename
from ngcmos.stats import MAD_TO_SIGMA

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Card = NDArray[np.uint8]  # (rows, columns, 3), RGB

PANEL_PX = 688
_GAP_PX = 16
_HEADING_PX = 96
_CAPTION_PX = 32
CARD_SHAPE = (_HEADING_PX + PANEL_PX + _CAPTION_PX, 2 * PANEL_PX + 3 * _GAP_PX, 3)

_FONT_PX = 24
_SMALLEST_FONT_PX = 4
_WHITE = (255, 255, 255)
_GREY = (170, 170, 170)
_ORANGE = (230, 159, 0)
_BRIGHTEST_SIGMA = 60.0
_DARKEST_SIGMA = -2.0
_KNEE_SIGMA = 6.0


def write_movie(path: Path, frames: Iterable[Card], *, fps: int, ffmpeg: Path | None = None) -> int:
    """Write a movie (H.264 in MP4) and return how many frames it has; none, and no file is touched.

    Parameters
    ----------
    path : Path
    frames : iterable of uint8 ndarray (rows, columns, 3)
        All of one size, both sides multiples of 16. Taken one at a time.
    fps : int
        Frames per second.
    ffmpeg : path, optional
        The program; without it, the one that comes with imageio-ffmpeg.

    Raises
    ------
    ToolError
        ffmpeg is missing or failed; an older movie of that name is untouched.
    WriteError
        The movie could not be written.
    """
    cards = iter(frames)
    first = next(cards, None)
    if first is None:
        return 0
    program = str(ffmpeg or _find_ffmpeg())
    with write_then_rename(path) as temporary:
        try:
            return _encode(_command(program, temporary, first.shape, fps), first, cards)
        except ToolError as error:
            raise ToolError(f"{path}: {error}") from error.__cause__


def _find_ffmpeg() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ToolError(f"ffmpeg not found, expected the one that comes with imageio-ffmpeg ({error})") from None


def _encode(command: Sequence[str], first: Card, cards: Iterator[Card]) -> int:
    """Pipe the cards into ffmpeg; its messages go to a file, as a full pipe would stop it.

    imageio-ffmpeg's own writer passes over ffmpeg's exit code, so a broken movie would look like a good one.
    """
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                start_new_session=True,  # so that Ctrl-C reaches ngcmos, which then ends ffmpeg
            )
        except OSError as error:
            raise ToolError(f"ffmpeg did not start, {error.strerror} ({command[0]})") from None
        try:
            count = _feed(process, first, cards)
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode or count is None:
            raise ToolError(f"ffmpeg failed ({process.returncode}): {_last_line(messages)}")
    return count


def _command(program: str, temporary: Path, shape: tuple[int, ...], fps: int) -> list[str]:
    rows, columns, _ = shape
    if rows % 16 or columns % 16:
        raise ValueError(f"frames of {columns}x{rows} px, expected multiples of 16")
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{columns}x{rows}", "-r", str(fps), "-i", "-"]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-threads", "2"]
    target = ["-movflags", "+faststart", "-f", "mp4", str(temporary)]
    return [program, "-y", "-nostdin", "-v", "error", *source, *codec, *target]


def _feed(process: subprocess.Popen[bytes], first: Card, cards: Iterator[Card]) -> int | None:
    """Write all cards to ffmpeg; their number, or None where ffmpeg stopped listening."""
    count = 0
    assert process.stdin is not None  # a pipe, as asked for
    try:
        with process.stdin as pipe:
            for card in itertools.chain([first], cards):
                pipe.write(_checked(card, first.shape))
                count += 1
    except BrokenPipeError:
        process.wait()
        return None
    return count


def _checked(card: Card, shape: tuple[int, ...]) -> memoryview:
    if card.dtype != np.uint8 or card.shape != shape:
        raise ValueError(f"frame of {card.dtype} {card.shape}, expected uint8 {shape}")
    return np.ascontiguousarray(card).data


def _last_line(messages: IO[bytes]) -> str:
    messages.seek(0)
    lines = messages.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def control_card(
    data: Counts, *, texts: Sequence[str], zoom_px: int, centre: tuple[float, float] | None = None
) -> Card:
    """Card of one frame: the texts, a close-up and the full frame.

    Parameters
    ----------
    data : ndarray (rows, columns)
        Counts.
    texts : list of str
        Lines of the heading; each is shown whole, in smaller letters where it is long.
    zoom_px : int
        Side of the close-up in pixels of the frame.
    centre : (float, float), optional
        x, y (0-based) of the close-up's centre; the chip's without it.

    Returns
    -------
    ndarray of uint8, CARD_SHAPE
    """
    rows, columns = data.shape
    zoom_px = min(zoom_px, rows, columns)
    x, y = centre or ((columns - 1) / 2, (rows - 1) / 2)
    left = int(np.clip(round(x - (zoom_px - 1) / 2), 0, columns - zoom_px))
    bottom = int(np.clip(round(y - (zoom_px - 1) / 2), 0, rows - zoom_px))
    close_up = data[bottom : bottom + zoom_px, left : left + zoom_px]
    full = shrink(data, -(-max(data.shape) // PANEL_PX))
    card = np.zeros(CARD_SHAPE, np.uint8)
    _place(card, colour_image(enlarge(close_up), *measure_sky(data)), column=0)
    _place(card, colour_image(enlarge(full), *measure_sky(full)), column=1)
    captions = [
        f"x {left} to {left + zoom_px - 1}, y {bottom} to {bottom + zoom_px - 1} px",
        f"full frame, {columns} x {rows} px",
    ]
    return _write_texts(card, texts, captions)


def describe_frame(frame: Frame, *, number: int, count: int, target: str, note: str = "") -> list[str]:
    """The heading of a frame's card: time, number, median and note; pointing; target.

    Parameters
    ----------
    frame : ngcmos.night.frames.Frame
    number, count : int
        Place of the frame in its field, from 1, and how many there are.
    target : str
        OBJECT, never shortened.
    note : str
        What else is known of this frame, as its shift.
    """
    first = [f"{frame.start.isot} UTC", f"frame {number} of {count}", f"median {np.median(frame.data):.0f} ADU"]
    place = "RA and Dec unknown"
    if frame.pointing is not None:
        place = "RA {:.4f}°   Dec {:+.4f}°".format(*frame.pointing)
    return ["   ".join([*first, note]).rstrip(), f"{place}   {frame.exptime:g} s", target]


def error_card(texts: Sequence[str]) -> Card:
    """Card of the size of all others that says why there is no picture: first line large, the rest below."""
    card = np.zeros(CARD_SHAPE, np.uint8)
    image, draw = _canvas(card)
    y = CARD_SHAPE[0] // 3
    for number, text in enumerate(texts):
        for line in textwrap.wrap(text, 100) or [""]:
            font = _fitting_font(line, CARD_SHAPE[1] - 2 * _GAP_PX)
            draw.text((CARD_SHAPE[1] / 2, y), line, _ORANGE if number == 0 else _WHITE, font, anchor="ma")
            y += 40
    return np.asarray(image)


def measure_sky(image: Counts) -> tuple[float, float]:
    """Median and robust standard deviation of an image, from about every sixteenth pixel."""
    sample = image[::4, ::4].astype(np.float32).ravel()
    sky = np.median(sample)
    sigma = MAD_TO_SIGMA * np.median(np.abs(sample - sky))
    return float(sky), float(max(sigma, 1e-3 * abs(sky), 1e-3))


def shrink(image: Counts, factor: int) -> Counts:
    """Mean of blocks of `factor` x `factor` pixels; rows and columns that fill no block are left out."""
    if factor == 1:
        return image
    rows, columns = (side // factor * factor for side in image.shape)
    image = image[:rows, :columns]
    wide = functools.reduce(np.add, (image[i::factor].astype(np.float32) for i in range(factor)))
    whole: Reals = functools.reduce(np.add, (wide[:, i::factor] for i in range(factor)))
    return whole / factor**2


def enlarge(image: Counts) -> Counts:
    """Each pixel repeated as often as fits a panel."""
    factor = max(1, PANEL_PX // max(image.shape))
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)


def colour_image(image: Counts, sky: float, sigma: float) -> Card:
    """RGB of an image: asinh from two sigma below the sky to the bright end of the scale."""
    with np.errstate(invalid="ignore"):
        depth = np.clip((image.astype(np.float32) - sky) / sigma, _DARKEST_SIGMA, _BRIGHTEST_SIGMA)
    scaled = np.arcsinh((np.nan_to_num(depth) - _DARKEST_SIGMA) / _KNEE_SIGMA)
    top = np.arcsinh((_BRIGHTEST_SIGMA - _DARKEST_SIGMA) / _KNEE_SIGMA)
    picture: Card = _colour_table()[np.round(scaled * (255 / top)).astype(np.uint8)]
    return picture


@functools.cache
def _colour_table() -> Card:
    """matplotlib's magma, uint8 (256, 3); kept, for pages of small nights need nothing else of matplotlib."""
    return np.array(kept(f"magma {version('matplotlib')}", _ask_for_colours), np.uint8)


def _ask_for_colours() -> list[list[int]]:
    from matplotlib import colormaps

    colours = np.asarray(colormaps["magma"](np.arange(256)))
    table: list[list[int]] = (colours[:, :3] * 255).round().astype(int).tolist()
    return table


def _place(card: Card, picture: Card, *, column: int) -> None:
    """Put a picture into the middle of a panel, its first row at the bottom."""
    rows, columns, _ = picture.shape
    top = _HEADING_PX + (PANEL_PX - rows) // 2
    left = _GAP_PX + column * (PANEL_PX + _GAP_PX) + (PANEL_PX - columns) // 2
    card[top : top + rows, left : left + columns] = picture[::-1]


def _write_texts(card: Card, texts: Sequence[str], captions: Sequence[str]) -> Card:
    image, draw = _canvas(card)
    step = _HEADING_PX / max(3, len(texts))
    for number, text in enumerate(texts):
        font = _fitting_font(text, CARD_SHAPE[1] - 2 * _GAP_PX, largest=min(_FONT_PX, int(step * 0.8)))
        draw.text((_GAP_PX, (number + 0.5) * step), text, _WHITE, font, anchor="lm")
    for column, caption in enumerate(captions):
        place = (_GAP_PX + column * (PANEL_PX + _GAP_PX), CARD_SHAPE[0] - _CAPTION_PX / 2)
        draw.text(place, caption, _GREY, _font(18), anchor="lm")
    return np.asarray(image)


def _canvas(card: Card) -> tuple["Image", "ImageDraw"]:
    from PIL import Image, ImageDraw

    image = Image.fromarray(card)
    return image, ImageDraw.Draw(image)


@functools.cache
def _font(size: int) -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _fitting_font(text: str, width: float, *, largest: int = _FONT_PX) -> "FreeTypeFont | ImageFont":
    """The largest font in which the text is not wider than `width`."""
    sizes = range(largest, _SMALLEST_FONT_PX, -1)
    size = next((size for size in sizes if _font(size).getlength(text) <= width), _SMALLEST_FONT_PX)
    return _font(size)
