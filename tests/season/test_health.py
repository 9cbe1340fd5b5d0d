"""The telescope over the nights: steps in made-up series, numbers of made seasons."""

import dataclasses

import numpy as np
import pytest
from scipy.special import stdtrit
from season.conftest import made_on_disk

from ngcmos.report.telescope import health_of
from ngcmos.season.build import bring_in
from ngcmos.season.health import CHANCE, FEWEST_BEFORE, MOST_BEFORE, NORMAL_LIMIT, find_steps, read_numbers

QUANTITIES = 9


def quiet(rng, nights=100):
    """Series of nights with slow wander of half the scatter, and a night of weather now and then."""
    wander = np.cumsum(rng.normal(0, 0.05, (nights, QUANTITIES)), axis=0)
    weather = np.where(rng.random((nights, QUANTITIES)) < 0.02, rng.normal(0, 5, (nights, QUANTITIES)), 0)
    return rng.normal(0, 1, (nights, QUANTITIES)) + wander + weather


def test_hundred_quiet_nights_have_one_false_alarm_at_most():
    rng = np.random.default_rng(3)
    alarms = [sum(len(find_steps(one, floor=0.01)) for one in quiet(rng).T) for _ in range(20)]
    assert np.mean(alarms) <= 1 and max(alarms) <= 2


@pytest.mark.parametrize("sign", [-1, 1])
def test_planted_step_is_named_within_two_nights(sign):
    rng, named = np.random.default_rng(4), 0
    for _ in range(100):
        values = rng.normal(0, 1, 60)
        at = int(rng.integers(20, 50))
        values[at:] += 8 * sign
        seen = [step for step in find_steps(values[: at + 2], floor=0.01) if step.at in (at - 1, at)]
        named += bool(seen)
        for step in seen:
            assert step.before == pytest.approx(0, abs=1.5) and step.after == pytest.approx(8 * sign, abs=5)
    assert named >= 97


def test_step_is_told_once_and_the_way_back_too():
    values = np.concatenate([np.zeros(10), np.full(10, 1.0), np.zeros(10)]) + 0.01 * np.sin(np.arange(30))
    steps = find_steps(values, floor=0.005)
    assert [step.at for step in steps] == [10, 20]


def test_single_odd_night_is_no_step():
    values = 0.01 * np.sin(np.arange(30.0))
    values[12] = 5.0
    assert find_steps(values, floor=0.005) == []


def test_nights_without_a_number_are_passed_over():
    values = 0.01 * np.sin(np.arange(30.0))
    values[15:] += 1
    values[[3, 16]] = np.nan
    assert [step.at for step in find_steps(values, floor=0.005)] == [15]


def test_few_nights_are_no_ground():
    assert find_steps(np.r_[np.zeros(5), np.full(5, 9.0)], floor=0.01) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = made_on_disk(tmp_path_factory.mktemp("health"), nights=4, frames=10, stars=40)
    bring_in(made.folder, made.sources)
    return made


def test_numbers_are_those_of_the_made_nights(made):
    numbers = read_numbers(made.folder, (2048, 2048))
    assert [one.night for one in numbers] == ["20240701", "20240702", "20240703", "20240704"]
    for one, night in zip(numbers, made.nights, strict=True):
        assert one.fwhm_px == pytest.approx(2.6)
        assert one.sky == pytest.approx(np.median(night.sky[:, 0]), rel=0.05)
        assert 0.001 < one.precision < 0.05


def test_offset_is_how_far_the_stars_lie_from_usual(made):
    numbers = read_numbers(made.folder, (2048, 2048))
    middle = [np.median(night.x, axis=0) for night in made.nights]
    for one in range(1, 4):
        told = numbers[one].off_x_px - numbers[0].off_x_px
        planted = np.median(middle[one] - middle[0])
        assert told == pytest.approx(planted, abs=0.02)


@pytest.fixture(scope="module")
def stepped(tmp_path_factory):
    """Ten nights of tables; in the last two the focus is off by 0.3 px and the field by 6 px in y."""
    made = made_on_disk(tmp_path_factory.mktemp("stepped"), nights=10, frames=6, stars=20, shift_px=0.3)
    rng = np.random.default_rng(1)
    for number, night in enumerate(made.nights):
        late = number >= 8
        fwhm = 2.6 + rng.normal(0, 0.03) + 0.3 * late
        made.add(dataclasses.replace(night, y=night.y + 6 * late, fwhm_px=fwhm))
    bring_in(made.folder, made.sources)
    return read_numbers(made.folder, (2048, 2048))


@pytest.mark.parametrize(("nights", "told"), [(8, 0), (9, 0), (10, 2)])
def test_step_in_the_tables_is_named_in_its_second_night_and_nothing_else(stepped, nights, told):
    said = [one for one in health_of(stepped[:nights], []).sentences() if "zero point" not in one]
    assert len(said) == told
    if told:
        assert {one.partition(" went")[0] for one in said} == {"focus: FWHM", "pointing in y"}
        assert all("on 20240709" in one for one in said)


def test_limit_of_a_normal_deviate_passes_over_no_step():
    wide = [-stdtrit(freedom, CHANCE / 2) for freedom in (FEWEST_BEFORE - 1, MOST_BEFORE - 1, 1e9)]
    assert min(wide) >= NORMAL_LIMIT and pytest.approx(wide[-1], abs=1e-3) == NORMAL_LIMIT
