"""Small changes of good frames: what is changed, and nothing else."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ngcmos.errors import UsageError
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.troubles import clip, contain, cross, doubled, rewrite, set_cards, tell_time, wrap


@pytest.fixture
def frame(write_raw, tmp_path):
    rng = np.random.default_rng(3)
    return write_raw(
        tmp_path / "NG2320-1302_TIC-1_S43-20240706072737751.fits", rng.poisson(900, (48, 64)).astype("u2")
    )


def test_cards_are_set_and_taken_away_and_nothing_else(frame):
    before, data, age = fits.getheader(frame), fits.getdata(frame), frame.stat().st_mtime_ns
    rewrite(frame, set_cards({"AIRMASS": -1.0, "ALTITUDE": None}))
    after = fits.getheader(frame)
    assert after["AIRMASS"] == -1
    assert "ALTITUDE" not in after
    assert {key: after[key] for key in before if key != "ALTITUDE"} == {
        key: before[key] for key in before if key != "ALTITUDE"
    }
    np.testing.assert_array_equal(fits.getdata(frame), data)
    assert frame.stat().st_mtime_ns == age


def test_trail_crosses_the_place_named(frame):
    before = fits.getdata(frame).astype(int)
    rewrite(frame, cross(x=30.0, y=20.0, adu=3000))
    change = fits.getdata(frame) - before
    assert set(np.unique(change)) == {0, 3000}
    assert change[20, 30] == 3000
    assert change[24, 40] == 3000  # 10 px further, 4 px higher
    assert change[28, 30] == 0
    assert 64 * 2 < (change > 0).sum() < 64 * 3


def test_trail_does_not_pass_saturation(frame):
    rewrite(frame, cross(x=30.0, y=20.0, adu=1e6))
    assert fits.getdata(frame).max() == 65535


def test_counts_wrapped_and_clipped(write_raw, tmp_path):
    bright = np.full((48, 64), 1000, np.uint16)
    bright[5, 6] = 40000
    wrapped, clipped = (write_raw(tmp_path / f"NG2320-1302-{name}.fits", bright) for name in "ab")
    rewrite(wrapped, wrap)
    rewrite(clipped, clip)
    assert fits.getheader(wrapped).get("BZERO", 0) == 0
    assert (fits.getdata(wrapped)[5, 6], fits.getdata(wrapped)[0, 0]) == (40000 - 65536, 1000)
    assert (fits.getdata(clipped)[5, 6], fits.getdata(clipped)[0, 0]) == (32767, 1000)


def test_times_of_card_and_name(frame):
    told = tell_time(frame, card_s=10.0, name_s=-4 * 3600, others=["DATE-END"])
    header = fits.getheader(told)
    assert told.name == "NG2320-1302_TIC-1_S43-20240706032737751.fits"
    assert header["DATE-OBS"] == header["DATE-END"] == "2024-07-06T07:27:47.751"
    assert not frame.exists()


@pytest.mark.parametrize(
    ("kind", "ending", "unit"),
    [
        ("gz", ".gz", 0),
        ("bz2", ".bz2", 0),
        ("fz", ".fz", 1),
        ("extension", "", 1),
        ("cube", "", 0),
        ("tail", "", 0),
    ],
)
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_containers_hold_the_same_pixels_and_cards(frame, kind, ending, unit):
    data, age = fits.getdata(frame), frame.stat().st_mtime_ns
    path = contain(frame, kind)
    assert path.name == frame.name + ending
    with fits.open(path) as units:
        np.testing.assert_array_equal(np.squeeze(units[unit].data), data)
        assert units[unit].header["DATE-OBS"] == "2024-07-06T07:27:37.751"
    assert path.stat().st_mtime_ns == age
    assert path == frame or not frame.exists()


def test_header_filled_with_nul_has_the_same_length(frame):
    size = frame.stat().st_size
    content = contain(frame, "nul").read_bytes()
    assert len(content) == size
    assert b"END\0\0\0" in content[:2880]


def test_unknown_container_is_refused(frame):
    with pytest.raises(UsageError, match="expected one of gz, bz2, fz"):
        contain(frame, "zip")


@pytest.mark.parametrize(("disposition", "arcsec"), [("DUPLICATE", 0.3), ("ARTIFACT", 10.0), ("SPLIT", 2.0)])
def test_second_rows_of_stars(tmp_path, camera, disposition, arcsec):
    night = simulate_night(tmp_path / "b", camera, size=64, frames=1, calibrations=1)
    catalog = Table.read(night.catalog_file)
    chosen = catalog["TIC"][:2].tolist()
    more = doubled(catalog, chosen, disposition)
    assert len(more) == len(catalog) + 2
    assert len(np.unique(more["TIC"])) == len(more)
    assert more["m_TIC"][-2:].tolist() == chosen
    np.testing.assert_allclose((more["DEJ2000"][-2:] - catalog["DEJ2000"][:2]) * 3600, arcsec, rtol=1e-3)
    assert more["GAIA"].mask[-2:].all()
    marked = more["Disp"].filled("") == disposition
    assert np.flatnonzero(marked).tolist() == (
        [0, 1] if disposition == "SPLIT" else [len(more) - 2, len(more) - 1]
    )
