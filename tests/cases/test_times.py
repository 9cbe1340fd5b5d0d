"""DATE-OBS and EXPTIME as programs write them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from running import let_rest

from ngcmos.simulate.troubles import rewrite, set_cards

DATES = {
    "plain": lambda day, clock: {},
    "letter Z": lambda day, clock: {"DATE-OBS": f"{day}T{clock}Z"},
    "seven digits": lambda day, clock: {"DATE-OBS": f"{day}T{clock}0843"},
    "blank": lambda day, clock: {"DATE-OBS": f"{day} {clock}"},
    "comma": lambda day, clock: {"DATE-OBS": f"{day}T{clock.replace('.', ',')}"},
    "offset": lambda day, clock: {"DATE-OBS": f"{day}T{clock}+00:00"},
    "TIME-OBS": lambda day, clock: {"DATE-OBS": day, "TIME-OBS": clock},
    "UT": lambda day, clock: {"DATE-OBS": day, "UT": clock},
    "old style": lambda day, clock: {"DATE-OBS": f"{day[8:]}/{day[5:7]}/{day[2:4]}", "TIME-OBS": clock},
    "MJD": lambda day, clock: {"DATE-OBS": None, "MJD-OBS": Time(f"{day}T{clock}", scale="utc").mjd},
    "TAI": lambda day, clock: {"DATE-OBS": Time(f"{day}T{clock}", scale="utc").tai.isot, "TIMESYS": "TAI"},
    "whole seconds": lambda day, clock: {"DATE-OBS": f"{day}T{clock[:8]}"},
}


@pytest.fixture(scope="module")
def dialects(make_case):
    """A frame in each dialect."""
    case = make_case(frames=len(DATES))
    for path, cards in zip(case.frames, DATES.values(), strict=True):
        day, clock = fits.getheader(path)["DATE-OBS"].split("T")
        rewrite(path, set_cards(cards(day, clock)))
    case.reduce()
    return case


@pytest.mark.parametrize("number", range(len(DATES)), ids=DATES)
def test_middle_of_the_exposure_is_right(dialects, number):
    frames = dialects.truth.frames
    row = dialects.measured()[frames["file"][number]]
    allowed_s = 1.0 if list(DATES)[number] == "whole seconds" else 2e-3
    assert abs(row["jd_mid"] - frames["jd_mid"][number]) * 86400 < allowed_s


EXPOSURES = {
    "whole": 10,
    "text": "10.0",
    "comma": "10,0",
    "unit": "10.0 s",
}


@pytest.fixture(scope="module")
def exposures(make_case):
    case = make_case(frames=len(EXPOSURES) + 3)
    first, second, third, *others = case.frames
    for path, value in zip(others, EXPOSURES.values(), strict=True):
        rewrite(path, set_cards({"EXPTIME": value}))
    rewrite(first, set_cards({"EXPTIME": None, "EXPOSURE": 10.0}))
    for path, text in ((second, "1.0D+01"), (third, "1.0e+01")):
        whole = path.read_bytes()
        at = whole.index(b"EXPTIME = ")
        path.write_bytes(whole[:at] + f"EXPTIME = {text:>20}".ljust(80).encode() + whole[at + 80 :])
    let_rest(case.folder)
    case.reduce()
    return case


def test_exposure_times_are_read_in_all_dialects(exposures):
    measured = exposures.measured()
    assert len(measured) == len(EXPOSURES) + 3
    assert {row["exptime_s"] for row in measured.values()} == {10.0}


def test_barycentric_dates_follow_the_time_that_is_believed(copied):
    for path in copied.frames:
        start = Time(fits.getheader(path)["DATE-OBS"], scale="utc")
        rewrite(path, set_cards({"DATE-OBS": (start + 37 * u.s).isot, "TIMESYS": "TAI"}))
    copied.reduce()
    rows, truth = copied.table(), copied.truth
    row = truth.star(truth.target)
    found = np.asarray(rows["jd_bary"][rows["tic_id"] == truth.target])
    np.testing.assert_allclose(found, truth.bjd[:, row], atol=0.01 / 86400, rtol=0)
