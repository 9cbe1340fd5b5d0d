"""The figure of a star: circles on the star, airmass right on both sides of the meridian, nothing cut off."""

import dataclasses
import itertools

import numpy as np
import pytest
from matplotlib.patches import Circle

from ngcmos.qc.star_plot import CutOut, StarSeries, plot_star

COUNT = 240
FLAGS = [(1, "edge"), (2, "saturated"), (4, "bad_pixel"), (16, "blended"), (64, "off_chip")]


def airmass_at(hours):
    return 1.05 + 0.06 * (hours - 15.0) ** 2


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(1)
    hours = np.linspace(11.2, 20.3, COUNT)
    flags = np.zeros(COUNT, int)
    flags[10:15], flags[40] = 2, 4
    flags |= 16
    return StarSeries(
        bjd=2460497 + hours / 24,
        airmass=airmass_at(hours),
        flux=rng.normal(5e4, 200, COUNT),
        fluxerr=np.full(COUNT, 200.0),
        sky=rng.normal(300, 3, COUNT),
        x=rng.normal(612.3, 0.1, COUNT),
        y=rng.normal(85.0, 0.1, COUNT),
        flags=flags,
    )


def star_image(x, y, *, shape=(200, 240)):
    rows, columns = np.indices(shape)
    light = 9000 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 3)
    return (np.random.default_rng(2).normal(400, 5, shape) + light).astype(np.uint16)


def cut_out_at(x, y, data="star"):
    data = star_image(x, y) if isinstance(data, str) else data
    return CutOut(data, x, y, 5.0, (15.0, 20.0), "NG2320-1302_TIC-188620407_S43-20240706072737751.fits")


def draw(series, cut_out, **options):
    title = "Gaia 2395685455587424512, TIC 188620407, Tmag 10.53: NG2320-1302, 20240705, aperture 5 px"
    figure = plot_star(series, cut_out, title=title, flag_names=FLAGS, **options)
    figure.canvas.draw()
    return figure


@pytest.fixture(scope="module")
def figure(series):
    """The star in the middle of its frame."""
    return draw(series, cut_out_at(100.4, 90.3))


def panel(figure, label):
    return next(axes for axes in figure.axes if axes.get_ylabel().startswith(label))


def star_panel(figure):
    return next(axes for axes in figure.axes if axes.get_title().startswith("NG2320"))


def circles(figure):
    return [patch for patch in star_panel(figure).patches if isinstance(patch, Circle)]


@pytest.mark.parametrize("place", [(100.0, 90.0), (100.4, 90.3), (3.0, 196.6), (236.0, 2.0)])
def test_aperture_lies_on_the_star_as_rendered(series, place):
    figure = draw(series, cut_out_at(*place))
    axes = star_panel(figure)
    picture = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3].astype(float)
    grey = np.ptp(picture, axis=2) < 12
    weight = np.where(grey, np.clip(150 - picture.mean(axis=2), 0, None), 0)
    x, y = axes.transData.transform(circles(figure)[0].center)
    scale = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    rows, columns = np.indices(weight.shape)
    weight[np.hypot(columns + 0.5 - x, rows + 0.5 - y) > 4 * scale] = 0
    found = ((columns + 0.5) * weight).sum() / weight.sum(), ((rows + 0.5) * weight).sum() / weight.sum()
    assert found == pytest.approx((x, y), abs=0.2 * scale)


def test_circles_have_the_radii_of_aperture_and_annulus(figure):
    assert [circle.radius for circle in circles(figure)] == [5.0, 15.0, 20.0]


def test_circles_are_centred_on_the_position(figure):
    assert {circle.center for circle in circles(figure)} == {(100.4, 90.3)}


def test_airmass_is_right_before_and_after_the_meridian(figure):
    top = panel(figure, "flux").child_axes[0]
    ticks = [
        (tick, float(label.get_text()))
        for tick, label in zip(top.get_xticks(), top.get_xticklabels(), strict=True)
    ]
    assert min(tick for tick, _ in ticks) < 15 < max(tick for tick, _ in ticks)
    assert [value for _, value in ticks] == pytest.approx([airmass_at(tick) for tick, _ in ticks], abs=2e-3)


def test_airmass_that_is_not_known_is_said(series):
    unknown = dataclasses.replace(series, airmass=np.full(COUNT, np.nan))
    assert panel(draw(unknown, cut_out_at(100, 90)), "flux").child_axes[0].get_xlabel() == "airmass unknown"


def test_time_counts_hours_from_a_whole_day(figure):
    assert panel(figure, "position").get_xlabel() == "hours since BJD_TDB 2460497.0"
    assert panel(figure, "sky").lines[0].get_xdata()[0] == pytest.approx(11.2, abs=1e-4)


def test_position_is_drawn_about_its_median(figure):
    lines = panel(figure, "position").lines
    assert [np.median(line.get_ydata()) for line in lines] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_relative_flux_has_a_panel_where_it_is_given(series):
    relative = dataclasses.replace(series, relative=series.flux / 5e4, relative_err=series.fluxerr / 5e4)
    figure = draw(relative, cut_out_at(100, 90))
    assert panel(figure, "relative flux").get_window_extent().y0 > panel(figure, "flux").get_window_extent().y0


def legend(figure):
    return [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]


def test_curves_stand_left_of_the_star_below_each_other(figure):
    curves = [panel(figure, name).get_window_extent() for name in ("flux", "sky", "position")]
    assert max(one.x1 for one in curves) < star_panel(figure).get_window_extent().x0
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(curves))


def test_sky_is_drawn_frame_by_frame(figure, series):
    assert panel(figure, "sky").lines[0].get_ydata() == pytest.approx(series.sky)


def test_flags_are_explained_with_their_numbers(figure):
    found = legend(figure)
    assert {"saturated: 5 of 240", "bad pixel: 1 of 240", "blended: 240 of 240, not marked"} <= set(found)


def test_flags_have_symbols_of_their_own(figure):
    lines = panel(figure, "flux").lines
    flagged = {line.get_marker() for line in lines if len(line.get_xdata()) in (1, 5)}
    assert len(flagged) == 2


def test_frames_without_a_flux_are_counted(series):
    flux = series.flux.copy()
    flux[-7:] = np.nan
    assert "no flux: 7 of 240" in legend(draw(dataclasses.replace(series, flux=flux), cut_out_at(100, 90)))


def test_binned_points_lie_over_the_flux(series):
    binned = (series.bjd[:3], np.array([5e4, 5e4, 5e4]), np.array([60.0, 60.0, 60.0]))
    figure = draw(series, cut_out_at(100, 90), binned={"flux": binned})
    shown = [line for line in panel(figure, "flux").lines if len(line.get_xdata()) == 3]
    assert shown[0].get_xdata() == pytest.approx((series.bjd[:3] - 2460497) * 24)
    assert "binned" in legend(figure)


@pytest.mark.parametrize(
    ("cut_out", "text"),
    [
        (cut_out_at(100, 90, data=None), "no image"),
        (cut_out_at(900, 90, data=star_image(100, 90)), "star off the image"),
        (cut_out_at(np.nan, np.nan, data=star_image(100, 90)), "star off the image"),
    ],
    ids=["no image", "off the image", "no position"],
)
def test_picture_that_cannot_be_shown_says_so_beside_the_rest(series, cut_out, text):
    figure = draw(series, cut_out)
    assert [word.get_text() for word in star_panel(figure).texts] == [text]
    assert panel(figure, "flux").lines[0].get_xdata().size == COUNT


def test_star_without_any_flux_is_drawn(series):
    nothing = np.full(COUNT, np.nan)
    lost = dataclasses.replace(series, flux=nothing, fluxerr=nothing, sky=nothing, x=nothing, y=nothing)
    assert "no flux: 240 of 240" in legend(draw(lost, cut_out_at(100, 90, data=None)))


def test_single_frame_is_drawn(series):
    names = [field.name for field in dataclasses.fields(series) if np.ndim(getattr(series, field.name))]
    one = dataclasses.replace(series, **{name: getattr(series, name)[:1] for name in names})
    assert "one frame (1 in all)" in legend(draw(one, cut_out_at(100, 90)))


@pytest.mark.parametrize("caption", ["short.fits", "a long reason with many words " * 6])
def test_nothing_is_cut_off(series, caption):
    figure = draw(series, dataclasses.replace(cut_out_at(3, 3), caption=caption))
    x0, y0, x1, y1 = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert min(x0, y0) >= 0
    assert (x1 <= width, y1 <= height) == (True, True)


def test_series_stays_as_it_was(series):
    before = series.flux.copy(), series.bjd.copy()
    draw(series, cut_out_at(100, 90))
    assert (series.flux == before[0]).all()
    assert (series.bjd == before[1]).all()
