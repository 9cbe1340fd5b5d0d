"""Movies read back by ffmpeg show what was put in; cards hold every text whole."""

import re
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from ngcmos.errors import ToolError, WriteError
from ngcmos.night.frames import Frame
from ngcmos.qc.movie import CARD_SHAPE, colour_image, control_card, describe_frame, error_card, shrink, write_movie


def plain(number, *, count=6, shape=(64, 96, 3)):
    return np.full(shape, number * 255 // count, np.uint8)


def read_back(path):
    """Frames of a movie, and the line in which ffmpeg describes it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    run = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    described = re.search(r"Stream .*Video: .*", run.stderr.decode())[0]
    width, height = (int(side) for side in re.search(r", (\d+)x(\d+)", described).groups())
    return list(np.frombuffer(run.stdout, np.uint8).reshape(-1, height, width, 3)), described


def test_movie_has_every_frame_in_order(tmp_path):
    path = tmp_path / "a.mp4"
    assert write_movie(path, (plain(number) for number in range(6)), fps=5) == 6
    frames, _ = read_back(path)
    assert [round(frame.mean() * 6 / 255) for frame in frames] == [0, 1, 2, 3, 4, 5]


def test_movie_plays_everywhere(tmp_path):
    path = tmp_path / "a.mp4"
    write_movie(path, (plain(number) for number in range(6)), fps=5)
    _, described = read_back(path)
    assert re.search(r"Video: h264 .*yuv420p[(,].* 96x64.* 5 fps", described)


def test_movie_starts_before_it_is_loaded(tmp_path):
    path = tmp_path / "a.mp4"
    write_movie(path, (plain(number) for number in range(6)), fps=5)
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_single_frame_is_a_movie(tmp_path):
    write_movie(tmp_path / "a.mp4", iter([plain(3)]), fps=5)
    assert len(read_back(tmp_path / "a.mp4")[0]) == 1


def test_no_frames_leave_the_older_movie(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    assert write_movie(path, iter([]), fps=5) == 0
    assert path.read_bytes() == b"older"


def program(folder, text):
    """A stand-in for a broken ffmpeg: a shell script."""
    path = folder / "ffmpeg.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "echo first >&2; echo 'Unknown encoder libx264' >&2; exit 1",
            r"a\.mp4: ffmpeg failed.*Unknown encoder libx264$",
        ),
        (
            "cat > /dev/null; echo 'No space left on device' >&2; exit 228",
            r"failed \(228\): No space left on device",
        ),
        ("exit 0", r"ffmpeg failed \(0\): no message"),
    ],
    ids=["at once", "at the end", "without a word"],
)
def test_broken_ffmpeg_is_told_by_its_last_line(tmp_path, text, match):
    (tmp_path / "a.mp4").write_bytes(b"older")
    cards = (plain(1, shape=(512, 512, 3)) for _ in range(20))
    with pytest.raises(ToolError, match=match):
        write_movie(tmp_path / "a.mp4", cards, fps=5, ffmpeg=program(tmp_path, text))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mp4", "ffmpeg.sh"]
    assert (tmp_path / "a.mp4").read_bytes() == b"older"


def test_missing_ffmpeg_is_told(tmp_path):
    with pytest.raises(ToolError, match="ffmpeg did not start, No such file"):
        write_movie(tmp_path / "a.mp4", iter([plain(1)]), fps=5, ffmpeg=tmp_path / "none")


def test_missing_folder_is_told(tmp_path):
    with pytest.raises((ToolError, WriteError), match=r"a\.mp4"):
        write_movie(tmp_path / "none" / "a.mp4", iter([plain(1)]), fps=5)


def test_error_between_frames_leaves_nothing_behind(tmp_path):
    def broken():
        yield plain(1)
        raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError, match="disk gone"):
        write_movie(tmp_path / "a.mp4", broken(), fps=5)
    assert list(tmp_path.iterdir()) == []


def test_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected uint8 \(64, 96, 3\)"):
        write_movie(tmp_path / "a.mp4", iter([plain(1), plain(1, shape=(64, 64, 3))]), fps=5)


def test_size_that_players_refuse_is_refused(tmp_path):
    with pytest.raises(ValueError, match="multiples of 16"):
        write_movie(tmp_path / "a.mp4", iter([plain(1, shape=(60, 96, 3))]), fps=5)


def test_two_frames_are_in_memory_at_most(tmp_path):
    holders, most = [], []

    class Tracked(np.ndarray):
        pass

    def frames():
        for number in range(12):
            frame = plain(number, count=12).view(Tracked)
            holders.append(weakref.ref(frame))
            most.append(sum(holder() is not None for holder in holders))
            yield frame

    write_movie(tmp_path / "a.mp4", frames(), fps=5)
    assert max(most) <= 3  # the one being made, the one being written, and the first, which gives the size


def peak_memory(path, count):
    tracemalloc.start()
    write_movie(path, (plain(number, count=count, shape=(256, 256, 3)) for number in range(count)), fps=5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    peak_memory(tmp_path / "a.mp4", 2)
    few, many = (peak_memory(tmp_path / "a.mp4", count) for count in (20, 80))
    assert many < few + 256 * 256 * 3


def field(x, y, *, shape=(300, 300)):
    """A star on a noisy sky."""
    rows, columns = np.indices(shape)
    light = 4000 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)
    return (np.random.default_rng(2).normal(500, 10, shape) + light).astype(np.uint16)


def brightest(picture):
    """x, y (rows counted downwards) of the middle of the brightest spot."""
    light = picture.astype(float).sum(axis=2)
    y, x = np.nonzero(light > 0.9 * light.max())
    return x.mean(), y.mean()


def close_up(card):
    return card[100:780, : CARD_SHAPE[1] // 2]


def full_frame(card):
    return card[100:780, CARD_SHAPE[1] // 2 :]


def test_planted_jump_moves_the_star_on_the_screen(tmp_path):
    cards = (control_card(field(x, y), texts=[], zoom_px=100) for x, y in [(140, 150), (150, 155)])
    write_movie(tmp_path / "a.mp4", cards, fps=5)
    before, after = (brightest(close_up(frame)) for frame in read_back(tmp_path / "a.mp4")[0])
    # 100 px fill 600 px of the screen; y goes up, rows go down
    assert np.subtract(after, before) == pytest.approx((60, -30), abs=4)


def test_full_frame_shows_the_jump_too():
    before, after = (
        brightest(full_frame(control_card(field(x, y), texts=[], zoom_px=100))) for x, y in [(40, 50), (240, 150)]
    )
    assert np.subtract(after, before) == pytest.approx((400, -200), abs=4)


def test_close_up_can_be_moved_to_a_star():
    card = control_card(field(240, 60), texts=[], zoom_px=100, centre=(240, 60))
    x, y = brightest(close_up(card))
    assert (x - 16, y + 100 - 96) == pytest.approx((344, 344), abs=6)  # the middle of a panel of 688 px


@pytest.mark.parametrize(("zoom_px", "place"), [(101, 150), (100, 149.6)])
def test_close_up_has_its_centre_in_the_middle(zoom_px, place):
    """Of 101 px the star's own is the middle one; 100 px have theirs between two."""
    card = control_card(field(place, place), texts=[], zoom_px=zoom_px, centre=(place, place))
    x, y = brightest(close_up(card))
    scale = 688 // zoom_px
    assert (x - 16, y + 100 - 96) == pytest.approx((344, 344), abs=0.6 * scale)


@pytest.mark.parametrize("centre", [(0, 0), (299, 299), (-50, 400)])
def test_close_up_at_the_edge_shows_whole_pixels(centre):
    assert control_card(field(150, 150), texts=[], zoom_px=100, centre=centre).shape == CARD_SHAPE


@pytest.mark.parametrize("shape", [(48, 64), (500, 650), (2048, 2048), (1024, 2048), (30, 700)])
def test_cards_of_all_cameras_have_one_size(shape):
    card = control_card(np.random.default_rng(1).normal(300, 5, shape).astype(np.uint16), texts=["a"], zoom_px=100)
    assert (card.shape, card.dtype) == (CARD_SHAPE, np.uint8)


@pytest.mark.parametrize("value", [0, 65535])
def test_constant_frame_gives_a_card(value):
    card = control_card(np.full((300, 300), value, np.uint16), texts=[], zoom_px=100)
    assert len(np.unique(close_up(card)[100:500, 100:500].reshape(-1, 3), axis=0)) == 1


def test_frame_with_numbers_missing_gives_a_card():
    data = np.random.default_rng(1).normal(300, 5, (300, 300)).astype(np.float32)
    data[:50] = np.nan
    assert control_card(data, texts=[], zoom_px=100).max() > 100


def test_faint_star_is_seen_against_the_sky():
    data = np.random.default_rng(1).normal(500, 10, (300, 300))
    data[150:153, 150:153] += 100  # ten sigma a pixel
    picture = close_up(control_card(data, texts=[], zoom_px=100)).astype(float).sum(axis=2)
    assert np.percentile(picture, 99.97) > 2.5 * np.median(picture[50:600, 60:600])


def ink(rows):
    """Columns of a part of a card where something is written."""
    return np.nonzero(rows.max(axis=(0, 2)) > 60)[0]


@pytest.mark.parametrize("length", [10, 68, 150, 250])
def test_text_is_never_cut(length):
    card = control_card(field(150, 150), texts=["M" * length], zoom_px=100)
    columns = ink(card[:96])
    assert columns.size > 0
    assert columns.max() < CARD_SHAPE[1] - 8


def test_longer_name_shows_more():
    short, whole = (
        control_card(field(150, 150), texts=[name], zoom_px=100) for name in ("TIC-1886204", "TIC-18862040")
    )
    assert ink(whole[:96]).max() > ink(short[:96]).max() + 5


def test_error_card_says_so_in_the_same_size():
    card = error_card(["a.fits", "truncated or still being written, holds 12 bytes of pixels " * 4])
    assert card.shape == CARD_SHAPE
    columns = ink(card)
    assert 0 < columns.min() < columns.max() < CARD_SHAPE[1] - 1


def test_error_cards_stand_between_others(tmp_path):
    cards = [control_card(field(150, 150), texts=["a"], zoom_px=100), error_card(["b.fits", "empty"])]
    assert write_movie(tmp_path / "a.mp4", iter(cards), fps=5) == 2


def make_frame(pointing):
    start = Time("2024-07-06T07:27:37.751", format="isot", scale="utc")
    data = np.full((9, 9), 412, np.uint16)
    return Frame(Path("a.fits"), fits.Header(), "NG2320-1302", start, 10.0, pointing, data)


def test_heading_names_time_number_median_and_note():
    first = describe_frame(make_frame((350.0, -13.0)), number=7, count=99, target="T", note="x +1.20 px")[0]
    assert first == "2024-07-06T07:27:37.751 UTC   frame 7 of 99   median 412 ADU   x +1.20 px"


def test_heading_names_the_pointing():
    second = describe_frame(make_frame((350.12344, -13.04561)), number=1, count=9, target="T")[1]
    assert re.match(r"RA 350\.1234°   Dec -13\.0456°", second)


def test_heading_of_unknown_pointing_says_so():
    assert "unknown" in describe_frame(make_frame(None), number=1, count=9, target="T")[1]


def test_heading_keeps_the_target_whole():
    target = "NG2320-1302_TOI-4562.01_TIC-12345678901_S43"
    assert describe_frame(make_frame(None), number=1, count=9, target=target)[2] == target


def test_shrunk_frame_has_the_mean_of_its_blocks():
    image = np.random.default_rng(4).integers(0, 65535, (31, 47)).astype(np.uint16)
    expected = image[:30, :45].reshape(10, 3, 15, 3).mean(axis=(1, 3))
    assert shrink(image, 3) == pytest.approx(expected, rel=1e-6)


def test_colours_are_those_of_matplotlib():
    from matplotlib import colormaps

    levels = np.arange(256)
    depth = 6 * np.sinh(levels / 255 * np.arcsinh(62 / 6)) - 2
    expected = np.round(colormaps["magma"](levels)[:, :3] * 255)
    np.testing.assert_array_equal(colour_image(depth[None], 0.0, 1.0)[0], expected)


def test_package_starts_without_the_heavy_libraries():
    code = (
        "import sys, ngcmos.qc.shifts, ngcmos.qc.movie, ngcmos.qc.plots, ngcmos.qc.star_plot; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"matplotlib", "imageio_ffmpeg", "donuts", "skimage", "PIL"} & set(loaded)
