"""Texts of figures keep clear of each other, of other panels and of the edge, however long or many they are."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg

from ngcmos.names import ShiftVerdict
from ngcmos.qc.comparison_map import ComparisonMap
from ngcmos.qc.detector_plot import TransferPanel, plot_transfer
from ngcmos.qc.layout import add_foot_text, arrange, fill_width, name_decades
from ngcmos.qc.noise_plot import NoisePanel, plot_noise
from ngcmos.qc.plots import new_figure, plot_shifts
from ngcmos.qc.season_plot import Folding, SeasonSeries, plot_season
from ngcmos.qc.shifts import MeasuredShift, Shift, refuse_shift
from ngcmos.qc.solution_plot import SolutionPicture, ZeroPointPicture, plot_solution, plot_zero_point
from ngcmos.qc.star_plot import CutOut, StarSeries, plot_star
from ngcmos.qc.target_plot import TargetSeries, plot_small, plot_target
from ngcmos.qc.timescale_plot import TimescaleLine, plot_timescale
from ngcmos.qc.transit_plot import TransitPanel, plot_transit
from ngcmos.report.target import NARROW_IN, WIDE_IN

NAME = "NG2320-1302-A-FIELD-OF-A-RATHER-LONG-NAME"
STAR = f"Gaia 2395685455587424512, TIC 188620407, Tmag 10.53: {NAME}, 20240705, aperture 5 px"
FRAME = f"{NAME}_TIC-188620407_S43-20240705231001123.fits"
COUNT, EVENING, BJD = 60, 1720238400.0, 2460497.3
SINCE = np.linspace(0, 1, COUNT)
ONES, SMALL = np.ones(COUNT), np.full(COUNT, 0.002)
FLUX = 1 + 0.004 * np.sin(40 * SINCE)
SLACK_PX = 1.0


class TextBoxes(RendererAgg):
    """Draws, and keeps the box of every line of text that it drew: left, foot, right, head in pixels."""

    def __init__(self, figure):
        width, height = figure.get_size_inches() * figure.dpi
        super().__init__(width, height, figure.dpi)
        self.boxes = []
        figure.draw(self)

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        width, height, below = self.get_text_width_height_descent(s, prop, ismath)
        foot = self.height - y
        if angle == 90:
            self.boxes.append((s, (x - height + below, foot, x + below, foot + width)))
        else:
            self.boxes.append((s, (x, foot - below, x + width, foot - below + height)))
        super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)


def overlap(one, other):
    across, upright = (min(one[k + 2], other[k + 2]) - max(one[k], other[k]) for k in (0, 1))
    return across > SLACK_PX and upright > SLACK_PX


def is_inside(box, frame):
    return min(box[0] - frame[0], box[1] - frame[1], frame[2] - box[2], frame[3] - box[3]) > -SLACK_PX


def at(minute):
    return f"2024-07-05T{20 + minute // 60:02d}:{minute % 60:02d}:00.000"


def shift(minute, x, y, *, turned=False):
    verdict = ShiftVerdict.LARGE if max(abs(x), abs(y)) >= 0.5 else ShiftVerdict.OK
    return MeasuredShift(f"{minute}.fits", at(minute), Shift(x, y, 0.9, 500, verdict, ""), turned)


def draw_shifts(shifts, references=(FRAME, None)):
    return plot_shifts(shifts, references=references, field=NAME, night="20240705", large_px=0.5)


USUAL = [shift(minute, 0.1 * np.sin(minute), -0.1, turned=minute > 30) for minute in range(COUNT)]
LOST = [
    MeasuredShift(f"lost {n}", at(70 + n) if n else None, refuse_shift(verdict, ""))
    for n, verdict in enumerate(one for one in ShiftVerdict if one not in (ShiftVerdict.OK, ShiftVerdict.LARGE))
]


def draw_noise(panels, ratios):
    mag = np.linspace(9, 15, COUNT)
    rms = 1e-3 * 10 ** (0.3 * (mag - 9))
    names = ["star", "sky", "dark", "read", "quantisation", "sky_estimate", "scintillation", "total"]
    terms = {name: rms / (1 + number) for number, name in enumerate(names)}
    panel = NoisePanel("bins of 30 min", mag, rms, mag > 14, mag, terms, ratios)
    return plot_noise([panel] * panels, title=f"{NAME}, 20240705: 12400 stars, 2530 frames")


def draw_star(*, flux, caption, relative):
    chip = (2048, 2048)
    compared = ComparisonMap(1000 * SINCE, 2000 * SINCE, ONES, (612.3, 85.0), chip)
    marked = np.where(SINCE < 0.1, 2, 16)
    series = StarSeries(
        *(BJD + 0.3 * SINCE, 1 + SINCE, flux * FLUX, flux * SMALL, 300 * FLUX, 612.3 * FLUX, 85 * FLUX, marked),
        *((FLUX, SMALL) if relative else (None, None)),
        compared=compared if relative else None,
    )
    image = np.random.default_rng(1).normal(400, 5, (200, 240)).astype(np.uint16) if relative else None
    flags = [(2, "saturated"), (4, "bad_pixel"), (16, "blended")]
    return plot_star(series, CutOut(image, 100, 90, 5.0, (15.0, 20.0), caption), title=STAR, flag_names=flags)


def draw_season(nights, foldings, *, power=True):
    night = np.repeat([f"202407{number + 1:02d}" for number in range(nights)], COUNT)
    bjd, flux, error = BJD + np.arange(nights * COUNT) / COUNT, np.tile(FLUX, nights), np.tile(SMALL, nights)
    camera = np.arange(bjd.size) % 2
    series = SeasonSeries(bjd, flux, error, error > 0, night, camera, ("NORTH", "SOUTH"))
    periods = np.geomspace(0.1, 30, 200)
    return plot_season(series, foldings, power=(periods, 1 / periods) if power else None, title=STAR)


def draw_solution(count, size, shape):
    x, y = shape[1] * SINCE[:count], shape[0] * SINCE[:count][::-1]
    picture = SolutionPicture(x, y, size * FLUX[:count], -size * FLUX[:count], shape)
    return plot_solution(picture, title=f"{NAME}, 20240705")


def draw_zero_point(count):
    picture = ZeroPointPicture(1 + SINCE[:count], 21.3 - 0.01 * FLUX[:count], SINCE[:count], FLUX[:count] - 1)
    return plot_zero_point(picture, title=f"{NAME}, 20240705")


def draw_transfer(modes):
    signal = np.geomspace(30, 60000, COUNT)
    panel = TransferPanel("HDR", signal, signal / 1.131, 1.131, 2.0, 2000.0, signal, 1e-5 * FLUX)
    return plot_transfer([panel] * modes, title=f"Marana 4.2B-11, measured from bias and flats of {NAME}")


def draw_timescale(lines, longest):
    minutes = np.geomspace(1, longest, 20)
    line = TimescaleLine("Tmag 9 to 10", "stars", minutes, 1e-3 * minutes**-0.4, 1e-3 * minutes**-0.5)
    return plot_timescale([line] * lines, title=f"{NAME}, 20240705 and {NAME}, 20240706")


def draw_target(width, height):
    unix, bad = EVENING + 6 * 3600 * SINCE, SINCE > 0.8
    bins, expected = (unix[::5], FLUX[::5], SMALL[::5]), (unix[20], unix[30], unix[40], 600.0)
    known = FLUX, 1 + SINCE, SINCE, -SINCE, 2 + SINCE, 13000 * FLUX
    series = TargetSeries(unix, FLUX, bins, (unix, FLUX), bad, *known, expected)
    return plot_target(series, title="TIC 188620407", width=width, height=height)


def draw_small(width, columns, hours, spread=0.01):
    bins = EVENING + 3600 * hours * SINCE, 1 + spread * SINCE, spread * ONES
    return plot_small([("TIC 1884620407, Tmag 11.2", bins)] * 5, width=width, columns=columns)


def draw_transit(nights, said):
    bjd = BJD + 0.3 * SINCE
    bins, expected = (bjd[::5], FLUX[::5], SMALL[::5]), (bjd[20], bjd[30], bjd[40], 0.01)
    panel = TransitPanel("20240705", bjd, FLUX, SMALL, FLUX, ONES, bins, expected)
    return plot_transit([panel] * nights, title=STAR, said=said)


FIGURES = {
    "usual shifts": lambda: draw_shifts(USUAL),
    "shifts of all kinds": lambda: draw_shifts([*USUAL, shift(65, 61.5, -12.0), *LOST], (FRAME, FRAME)),
    "no known shift": lambda: draw_shifts(LOST),
    "one shift": lambda: draw_shifts(USUAL[:1]),
    "noise": lambda: draw_noise(1, [(9.0, 10.0, 1.2)]),
    "noise of three": lambda: draw_noise(3, []),
    "star": lambda: draw_star(flux=5e6, caption=FRAME, relative=True),
    "star without picture": lambda: draw_star(flux=12.0, caption="not shown: " + "so " * 40, relative=False),
    "season": lambda: draw_season(28, [Folding(1.37, BJD, 2.4, "dips"), Folding(3.123456, BJD)]),
    "one night of a season": lambda: draw_season(1, [], power=False),
    "solution": lambda: draw_solution(COUNT, 0.1, (2048, 2048)),
    "solution of few": lambda: draw_solution(3, 0.0003, (600, 800)),
    "zero point": lambda: draw_zero_point(COUNT),
    "zero point of one": lambda: draw_zero_point(1),
    "detector": lambda: draw_transfer(1),
    "detector of three modes": lambda: draw_transfer(3),
    "time scales": lambda: draw_timescale(6, 300.0),
    "short time scales": lambda: draw_timescale(2, 8.0),
    "target": lambda: draw_target(*WIDE_IN),
    "target on a phone": lambda: draw_target(*NARROW_IN),
    "small": lambda: draw_small(WIDE_IN[0], 4, 9.0),
    "small on a phone": lambda: draw_small(NARROW_IN[0], 2, 3.0, spread=1e-4),
    "small of months": lambda: draw_small(NARROW_IN[0], 2, 3000.0),
    "transit": lambda: draw_transit(1, "a sentence of many words " * 12),
    "transit of three nights": lambda: draw_transit(3, "nothing"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_texts_keep_clear_of_each_other_of_panels_and_of_the_edge(name):
    figure = FIGURES[name]()
    drawn = TextBoxes(figure)
    page = (0, 0, drawn.width, drawn.height)
    assert [text for text, box in drawn.boxes if not is_inside(box, page)] == []
    boxes = [(text, box) for text, box in drawn.boxes if text.strip()]
    assert [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if overlap(one, other)] == []
    panels = [axes.get_window_extent().extents for axes in figure.axes if axes.get_visible() and axes.axison]
    assert [text for text, box in boxes for one in panels if overlap(box, one) and not is_inside(box, one)] == []
    assert [1 for one, other in itertools.combinations(panels, 2) if overlap(one, other)] == []


def test_panels_are_as_large_as_their_texts_let_them():
    figure = new_figure(8, 4)
    grid = figure.subplots(1, 2, width_ratios=[1, 2])
    arrange(figure, title="a title", foot_in=add_foot_text(figure, "a foot"))
    left, right = (axes.get_position() for axes in grid)
    assert right.width == pytest.approx(2 * left.width)
    assert left.height > 0.75 and left.width + right.width > 0.85


def test_lines_are_as_long_as_fits():
    told = fill_width("a word or " * 30, 4.0, 9.0).split("\n")
    assert {len(line) for line in told[:-1]} <= set(range(50, 70))


@pytest.mark.parametrize(
    ("low", "high", "major", "minor"),
    [(0.02, 300, ["10⁻¹", "10⁰", "10¹", "10²"], set()), (3, 60, ["10¹"], {"5×10⁰", "2×10¹", "5×10¹"})],
)
def test_powers_of_ten_are_named_and_steps_between_where_they_are_few(low, high, major, minor):
    axes = new_figure(4, 4).subplots()
    axes.set(xscale="log", xlim=(low, high))
    name_decades(axes.xaxis)
    axes.get_figure().canvas.draw()
    ticks = {
        kind: [tick.label1.get_text() for tick in found if low <= tick.get_loc() <= high]
        for kind, found in (("major", axes.xaxis.get_major_ticks()), ("minor", axes.xaxis.get_minor_ticks()))
    }
    assert ticks["major"] == major
    assert set(ticks["minor"]) - {""} == minor
