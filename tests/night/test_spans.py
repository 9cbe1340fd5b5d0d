"""When something held: the first and the last of it, and spells told apart."""

import numpy as np

from ngcmos.night.spans import clock, span_of, spells


def test_spells_are_told_apart():
    unix, holds = 60.0 * np.arange(30), np.zeros(30, bool)
    holds[[2, 3, 5, 9, 12, 13, 14]] = True
    assert spells(unix, holds) == ["00:02–00:05", "00:09", "00:12–00:14"]
    holds[::3] = True
    holds[20:] = False
    holds[[23, 26, 29]] = True
    assert spells(unix, holds)[-1].endswith("more times") and len(spells(unix, holds)) == 5


def test_span_goes_from_the_first_to_the_last_that_is_known():
    assert span_of([np.nan, 7200.0, 3600.0]) == "01:00–02:00 UTC"
    assert span_of([3600.0, 3610.0]) == "01:00 UTC"
    assert span_of([np.nan]) == ""


def test_times_of_several_nights_are_told_with_their_dates():
    assert span_of([0.0, 86_400.0 * 40]) == "1970-01-01 00:00–1970-02-10 00:00 UTC"
    unix = np.arange(4) * 86_400.0 + 3600
    assert spells(unix, np.array([False, False, True, True])) == ["1970-01-03 01:00–1970-01-04 01:00"]


def test_clock_of_no_time_says_so():
    assert clock(np.nan) == "an unknown time"
