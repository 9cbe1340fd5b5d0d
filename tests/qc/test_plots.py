"""The figure of the shifts shows every frame; nothing is cut off."""

import dataclasses
import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from ngcmos.names import ShiftVerdict
from ngcmos.qc.plots import plot_shifts, write_figure
from ngcmos.qc.shifts import MeasuredShift, Shift, refuse_shift

REFERENCE = "NG2320-1302_TIC-188620407_S43-20240705231001123.fits"


def at(minute):
    return f"2024-07-{5 + (1380 + minute) // 1440:02d}T{(23 + minute // 60) % 24:02d}:{minute % 60:02d}:00.000"


def measured(number, x, y):
    verdict = ShiftVerdict.LARGE if max(abs(x), abs(y)) >= 0.5 else ShiftVerdict.OK
    return MeasuredShift(f"{number}.fits", at(number), Shift(x, y, 0.9, 500, verdict, ""))


@pytest.fixture(scope="module")
def shifts():
    rng = np.random.default_rng(1)
    good = [measured(number, *rng.normal(0, 0.1, 2)) for number in range(90)]
    lost = [
        MeasuredShift(f"{n}.fits", at(n), refuse_shift(ShiftVerdict.CLOUD, "3 stars seen")) for n in range(95, 100)
    ]
    odd = [MeasuredShift("c.fits", at(91), refuse_shift(ShiftVerdict.CONSTANT, "all pixels are 0"))]
    unread = [MeasuredShift("u.fits", None, refuse_shift(ShiftVerdict.UNREADABLE, "empty"))]
    return [*good, measured(92, 61.5, -12.0), measured(93, 0.0, -2.0), *lost, *odd, *unread]


def plot(shifts):
    return plot_shifts(shifts, references=(REFERENCE, None), field="NG2320-1302", night="20240705", large_px=0.5)


def draw(shifts):
    figure = plot(shifts)
    figure.canvas.draw()
    return figure


@pytest.fixture(scope="module")
def figure(shifts):
    return draw(shifts)


def panel(figure, start):
    return next(axes for axes in figure.axes if axes.get_title().startswith(start))


def test_worst_frame_lies_inside_its_panel(figure):
    axes = panel(figure, "all")
    assert axes.get_window_extent().contains(*axes.transData.transform((61.5, -12.0)))


def test_panel_of_all_holds_every_known_shift(figure, shifts):
    points = np.ma.getdata(panel(figure, "all").collections[0].get_offsets())
    assert points == pytest.approx(np.array([(s.shift.x, s.shift.y) for s in shifts if s.shift.known]))


def test_near_panel_counts_what_it_leaves_out(figure):
    assert panel(figure, "within").get_title() == "within 1 px: 90 of 92"


def test_near_panel_is_as_wide_as_high_and_names_its_middle_and_limits(figure):
    axes = panel(figure, "within")
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1.0, 1.0), (-1.0, 1.0))
    for ticks in (axes.get_xticks(), axes.get_yticks()):
        assert ticks.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_panels_stand_beside_each_other_over_that_of_times(figure):
    near, everywhere = (panel(figure, name).get_window_extent() for name in ("within", "all"))
    series = next(axes for axes in figure.axes if axes.get_ylabel() == "shift [px]").get_window_extent()
    assert near.x1 < everywhere.x0
    assert (near.y0 + near.y1) / 2 == pytest.approx((everywhere.y0 + everywhere.y1) / 2, rel=0.1)
    assert series.y1 < min(near.y0, everywhere.y0)
    assert not [axes for axes in figure.axes if not axes.lines and not axes.collections and axes.get_label() == ""]


def test_panel_of_all_names_the_worst(figure):
    assert panel(figure, "all").get_title() == "all, worst 61.50 px"


def test_times_are_named_by_the_clock(figure):
    series = next(axes for axes in figure.axes if axes.get_ylabel() == "shift [px]")
    named = [label.get_text() for label in series.get_xticklabels()]
    assert "23:30" in named and series.get_xlabel() == "UTC, start of exposure"


def test_box_of_the_limit_is_drawn(figure):
    box = panel(figure, "within").patches[0]
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (-0.5, -0.5, 1.0, 1.0)


def test_points_are_coloured_by_time(figure):
    times = np.ma.getdata(panel(figure, "all").collections[0].get_array())
    assert np.diff(times)[:5] * 1440 == pytest.approx(1.0, abs=1e-4)


def test_both_panels_share_one_scale_of_colours(figure):
    near, everywhere = (panel(figure, name).collections[0].get_clim() for name in ("within", "all"))
    assert near == everywhere


def texts_of_legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_frames_without_a_shift_are_named_by_reason(figure):
    expected = ["no shift, cloud: 5", "no shift, constant: 1", "no shift, unreadable: 1, 1 without a time"]
    assert texts_of_legend(figure)[-3:] == expected


def test_frames_without_a_shift_are_marked_at_their_time(figure):
    series = next(axes for axes in figure.axes if axes.get_ylabel() == "shift [px]")
    marks = next(line for line in series.lines if line.get_label() == "no shift, cloud: 5")
    assert len(marks.get_xdata()) == 5


def test_title_names_field_night_reference_and_counts(figure):
    title = figure.get_suptitle()
    assert all(word in title for word in ("NG2320-1302", "20240705", REFERENCE))
    assert "99 frames, 2 of at least 0.5 px, 7 without a shift" in title


def test_nothing_is_cut_off(figure):
    x0, y0, x1, y1 = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert min(x0, y0) >= 0
    assert (x1 <= width, y1 <= height) == (True, True)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_frames_are_drawn_too(count):
    figure = draw([measured(number, 0.1, 0.2) for number in range(count)])
    assert f"{count} frames" in figure.get_suptitle()


def test_times_of_a_minute_are_named_without_a_warning():
    clock = ["23:00:00", "23:00:40", "23:01:20"]
    shifts = [dataclasses.replace(measured(0, 0.1, 0.2), time=f"2024-07-05T{one}.000") for one in clock]
    assert "3 frames" in draw(shifts).get_suptitle()


def test_night_without_any_shift_is_drawn(shifts):
    assert "7 frames" in draw([one for one in shifts if not one.shift.known]).get_suptitle()


def test_picture_is_written_as_savefig_writes_it(shifts):
    saved, written = io.BytesIO(), io.BytesIO()
    draw(shifts).savefig(saved, format="png", dpi=80)
    write_figure(draw(shifts), written, dpi=80, metadata={"Title": "mark"})
    with Image.open(saved) as one, Image.open(written) as other:
        assert np.array_equal(np.asarray(one.convert("RGB")), np.asarray(other))
        assert one.convert("RGBA").getextrema()[3] == (255, 255)  # nothing shines through
        assert other.info["Title"] == "mark"
        assert other.info["dpi"] == pytest.approx(one.info["dpi"])


@pytest.mark.parametrize(("kind", "dpi"), [("pdf", {}), ("pdf", {"dpi": 80}), ("svg", {"dpi": 80})])
def test_figure_is_written_as_savefig_writes_it(shifts, monkeypatch, kind, dpi):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")  # a PDF says when it was made
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", "alike")  # else its ids are drawn by lot
    saved, written, mark = io.BytesIO(), io.BytesIO(), {"Title": "mark"}
    plot(shifts).savefig(saved, format=kind, metadata=mark, **dpi)
    write_figure(plot(shifts), written, kind=kind, metadata=mark, **dpi)
    assert written.getvalue() == saved.getvalue()


def test_pyplot_is_never_loaded():
    code = (
        "import sys; from ngcmos.qc.plots import plot_shifts;"
        "plot_shifts([], references=('a', None), field='b', night='c', large_px=0.5).canvas.draw();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
