"""Numbers beside the frames: further cards, and time series from outside."""

import math

import numpy as np
import pytest

from ngcmos.errors import WorkError
from ngcmos.night.weather import extra_of, read_outside, read_series

JD = 2460497.625  # 2024-07-06T03:00:00


@pytest.mark.parametrize(
    ("said", "number"),
    [(-20.5, -20.5), (3, 3.0), ("-20.1 C", -20.1), ("warm", math.nan), (True, math.nan), (None, math.nan)],
)
def test_card_is_a_number_or_nothing(said, number):
    header = {} if said is None else {"CCD-TEMP": said}
    assert extra_of(header, [("t", "CCD-TEMP", "C")]) == pytest.approx({"t": number}, nan_ok=True)


def test_first_card_of_a_name_that_holds_a_number_counts():
    wanted = [("t", "CCD-TEMP", "C"), ("t", "CCDTEMP", "C"), ("wind", "WIND", "m/s")]
    found = extra_of({"CCD-TEMP": "?", "CCDTEMP": -9.0, "WIND": 4}, wanted)
    assert found == {"t": -9.0, "wind": 4.0}


@pytest.mark.parametrize(
    "times", [("2024-07-06T03:00:00", "2024-07-06T03:30:00"), (JD, JD + 1 / 48), (60497.125, 60497.125 + 1 / 48)]
)
def test_series_is_read_between_its_points(tmp_path, times):
    path = tmp_path / "pwv.csv"
    path.write_text(f"time,pwv\n# of the radiometer\n{times[1]},4.0\n{times[0]},2.0\n")
    series = read_series(path)
    assert series.at(JD + 1 / 96) == pytest.approx(3.0, abs=1e-3)
    assert np.isnan([series.at(JD - 0.01), series.at(JD + 0.05)]).all()


def test_gap_of_more_than_an_hour_says_nothing(tmp_path):
    path = tmp_path / "pwv.csv"
    path.write_text(f"{JD},2\n{JD + 0.9 / 24},2\n{JD + 2 / 24},2\n")
    series = read_series(path)
    assert series.at(JD + 0.5 / 24) == 2.0
    assert math.isnan(series.at(JD + 1.5 / 24))


def test_series_that_cannot_be_read_is_told_in_a_line(tmp_path, caplog):
    (tmp_path / "wind.csv").write_text("time,wind\nyesterday,strong\n")
    with pytest.raises(WorkError, match="expected lines of time and value, as 2024"):
        read_series(tmp_path / "wind.csv")
    assert math.isnan(read_outside(tmp_path, "pwv", "gone.csv").at(JD))
    assert caplog.text.count("pwv is unknown") == 1


def test_a_first_line_of_numbers_counts_be_its_value_negative(tmp_path):
    path = tmp_path / "outside.csv"
    path.write_text("2024-07-06T03:00:00,-3.0\n2024-07-06T03:30:00,-1.0\n")
    assert read_series(path).value.tolist() == [-3.0, -1.0]
