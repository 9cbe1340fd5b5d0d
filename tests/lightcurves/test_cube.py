"""Which counts of a table compare other stars, by their flags; how the curves are kept."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ngcmos.lightcurves.cube import FieldCounts, relate_best, relate_stars
from ngcmos.lightcurves.curve_file import write_curves
from ngcmos.names import Flag

FRAMES, STARS, WRONG = 40, 9, (slice(10, 13), 2)  # three frames of a star, 60 % too bright
SHOWN = [Flag.EDGE, Flag.BAD_PIXEL, Flag.POOR_SKY, Flag.TRAIL]
SPOILT = [Flag.SATURATED, Flag.OFF_CHIP]


def field_of(flag=0, *, factor=1.0, blended=False):
    """Nine stars of one colour near each other, of which one is wrong in three frames, with that flag there."""
    rng = np.random.default_rng(3)
    flux = 1e4 * (1 + rng.normal(0, 0.003, (FRAMES, STARS)))
    flux[WRONG] *= factor
    flags = np.zeros(flux.shape, np.int32)
    flags[WRONG] = flag
    stars = Table({"Tmag": np.full(STARS, 11.0), "gaiabp": np.full(STARS, 12.0), "gaiarp": np.full(STARS, 11.0)})
    stars["gaia_id"] = stars["tic_id"] = np.arange(1, STARS + 1)
    stars["blended"] = blended & (np.arange(STARS) == WRONG[1])
    columns = {"flux_3": flux.astype(np.float32), "fluxerr_3": np.full(flux.shape, 30, np.float32), "flags": flags}
    frames = Table({"jd_mid": 2460000 + np.arange(FRAMES) / 8640})
    nowhere = np.zeros(FRAMES)
    return FieldCounts(
        {}, stars, frames, columns, *rng.uniform(50, 60, (2, STARS)), [3.0], nowhere, nowhere.astype(int)
    )


def others(curves):
    return np.delete(curves.flux, WRONG[1], axis=1)


@pytest.mark.parametrize("flag", [*SHOWN, *SPOILT])
def test_flagged_counts_compare_no_other_star(flag):
    undisturbed, wrong = (relate_stars(field_of(flag, factor=factor), 3.0) for factor in (1.0, 1.6))
    # its own median moves a little, a wrong point that compared the others would move them by 7 %
    np.testing.assert_allclose(others(wrong), others(undisturbed), rtol=2e-4)


@pytest.mark.parametrize("flag", SHOWN)
def test_flagged_counts_are_shown(flag):
    assert relate_stars(field_of(flag, factor=1.6), 3.0).flux[WRONG] == pytest.approx(1.6, abs=0.03)


@pytest.mark.parametrize("flag", SPOILT)
def test_spoilt_counts_are_no_points(flag):
    curves = relate_stars(field_of(flag, factor=1.6), 3.0)
    assert (
        np.isnan(curves.flux[WRONG]).all() and np.isfinite(np.delete(curves.flux, np.r_[WRONG[0]], axis=0)).all()
    )


def test_flag_of_the_whole_night_leaves_a_count_as_good_as_any():
    plain, unflattened = (relate_stars(field_of(flag), 3.0) for flag in (0, Flag.NOT_FLATTENED))
    np.testing.assert_array_equal(plain.flux, unflattened.flux)


def test_blended_star_compares_no_other():
    field = field_of(blended=True)
    without = dataclasses.replace(field, columns={n: v.copy() for n, v in field.columns.items()})
    without.columns["flux_3"][:, WRONG[1]] *= np.linspace(1, 1.5, FRAMES, dtype=np.float32)
    np.testing.assert_allclose(*(others(relate_stars(one, 3.0)) for one in (field, without)), rtol=1e-6)


class AsRead(dict):
    """Columns that are read anew whenever they are asked for, as those of a table."""

    def __getitem__(self, name):
        return super().__getitem__(name).copy()


def many_counts(frames, stars):
    """Counts of constant stars in two apertures."""
    rng = np.random.default_rng(4)
    known = Table({"Tmag": rng.uniform(10, 15, stars), "tic_id": np.arange(stars), "gaia_id": np.arange(stars)})
    known["gaiabp"], known["gaiarp"], known["blended"] = 12.0, 11.0, False
    columns = AsRead(flags=np.zeros((frames, stars), np.int32))
    for radius in (2, 3):
        columns[f"flux_{radius}"] = (1e4 * (1 + rng.normal(0, 0.01, (frames, stars)))).astype(np.float32)
        columns[f"fluxerr_{radius}"] = np.full((frames, stars), 100, np.float32)
    times, places = Table({"jd_mid": np.arange(frames) / 8640}), rng.uniform(0, 2048, (2, stars))
    air = np.zeros(frames)
    return FieldCounts({}, known, times, columns, *places, [2.0, 3.0], air, air.astype(int))


def test_weights_that_nobody_asks_for_lie_in_memory_only_while_they_are_used():
    stars = 1200
    field = many_counts(20, stars)
    tracemalloc.start()
    relate_best(field, weighed=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * 4 * stars**2  # those of one aperture, and what makes them; not those of the one before


def test_weights_are_kept_where_somebody_asks_and_change_nothing():
    field = many_counts(30, 20)
    (weighed, best), (plain, same) = relate_best(field), relate_best(field, weighed=False)
    assert weighed.weights.shape == (20, 20) and plain.weights.shape == (0, 20)
    np.testing.assert_array_equal(weighed.flux, plain.flux)
    np.testing.assert_array_equal(best, same)


def test_rows_of_the_file_are_star_after_star_each_in_time_order(tmp_path):
    field, rng = many_counts(FRAMES, STARS), np.random.default_rng(2)
    for name in ("jd_bary", "sky", "airmass", "zp"):
        field.columns[name] = rng.uniform(1, 2, (FRAMES, STARS)).astype(np.float32)
    curves, _ = relate_best(field)
    more = Table({"a": np.arange(3)}, meta={"EXTNAME": "MORE"})
    write_curves(tmp_path / "curves.fits", field, curves, {"PROFILE": "mine"}, [lambda: more])
    with fits.open(tmp_path / "curves.fits") as units:
        units.verify("exception")
        header, rows = units["REL_PHOT"].header, units["REL_PHOT"].data
        assert (header["NSTARS"], header["NFRAMES"], header["PROFILE"]) == (STARS, FRAMES, "mine")
        assert len(rows) == STARS * FRAMES
        shown = {"Relative_Flux": curves.flux, "Relative_Flux_err": curves.error}
        shown |= {"Time_BJD": field.columns["jd_bary"], "Sky": field.columns["sky"], "ZP": field.columns["zp"]}
        for name, values in shown.items():
            np.testing.assert_array_equal(rows[name].reshape(STARS, FRAMES), values.T)
        assert rows["frame"].tolist() == [*range(FRAMES)] * STARS
        assert rows["TIC_ID"].tolist() == np.repeat(np.arange(STARS), FRAMES).tolist()
        assert units["MORE"].data["a"].tolist() == [0, 1, 2]
