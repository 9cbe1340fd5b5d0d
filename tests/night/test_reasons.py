"""Reasons of many frames made alike."""

import pytest

from ngcmos.night.reasons import kind_of, pattern_of, say_share, shared_reason


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("too few stars (cloud?): 6 of 134 seen, expected at least 67", "too few stars"),
        ("/n/tic.fits: no stars within 0.38 deg of 300.8 -29.2, expected some", "no stars within … deg of … …"),
        ("EXPTIME is 'ten', expected a number", "EXPTIME is …"),
        ("not solved: forced: 5 stars seen; shift: 30 of 143 peaks agree", "not solved"),
    ],
)
def test_kind_is_what_does_not_differ(reason, kind):
    assert kind_of(reason) == kind


def test_pattern_keeps_the_field_and_what_was_expected():
    line = "process_cmos: NG1902-1942: a-20240706.fits: level 31 ADU, expected 1310 to 52428"
    assert pattern_of(line) == "process_cmos: NG1902-1942: …: level … ADU, expected … to …"


def test_reason_that_all_share_is_told_in_full():
    whole = "tic.fits: no stars within 3 deg"
    assert shared_reason([whole, whole]) == whole
    assert shared_reason(["truncated, holds 3 bytes", "truncated, holds 4 bytes"]) == "truncated, holds … bytes"


@pytest.mark.parametrize(("count", "of", "said"), [(698, 700, "99 %"), (700, 700, "100 %"), (1, 3, "33 %")])
def test_what_is_not_all_is_not_a_hundred_per_cent(count, of, said):
    assert say_share(count, of) == said


def test_a_single_reason_is_told_in_full_and_the_kind_is_that_of_the_first():
    assert shared_reason(["a.fits: empty"]) == "a.fits: empty"
    assert shared_reason(["too few stars: 6 seen", "truncated"]) == "too few stars"
