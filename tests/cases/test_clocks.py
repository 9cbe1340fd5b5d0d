"""Clocks that do not tell the start of the exposure in UTC: names, DATE-END and the sky contradict them.

The profile is believed, the contradiction is one line that names the key of the profile that puts it right.
"""

import pytest
from astropy.io import fits

from ngcmos.simulate.troubles import tell_time

LOCAL_S = -4 * 3600.0
REMEDIES = {
    "end, the name says it": ((10.0, 0.0, ()), 'time_meaning = "end"'),
    "end, DATE-END says it": ((10.0, 10.0, ("DATE-END",)), 'time_meaning = "end"'),
    "cards in local time": ((LOCAL_S, 0.0, ()), "utc_offset_h = -4"),
}


def tell(case, card_s, name_s, others):
    """{name of a frame: its true middle} after the clocks were changed."""
    middle = case.truth.frames["jd_mid"]
    told = [tell_time(path, card_s=card_s, name_s=name_s, others=others) for path in case.frames]
    return dict(zip([path.name for path in told], middle, strict=True))


def away_s(case, true):
    """How far the middle of each exposure is from the truth, seconds; all are measured."""
    measured = case.measured()
    assert measured.keys() == true.keys()
    return [abs(row["jd_mid"] - true[name]) * 86400 for name, row in measured.items()]


@pytest.mark.parametrize("kind", REMEDIES)
def test_a_clock_that_is_wrong_is_told_with_what_puts_it_right(copied, kind):
    clocks, remedy = REMEDIES[kind]
    true = tell(copied, *clocks)
    copied.reduce()
    assert max(away_s(copied, true)) > 1
    [line] = copied.remarks()
    assert remedy in line
    copied.set_key(remedy)
    copied.reduce(overwrite=True)
    assert max(away_s(copied, true)) < 1
    assert not [remark for remark in copied.remarks() if remedy in remark]


def test_names_in_local_time_are_told_and_the_cards_believed(copied):
    true = tell(copied, 0.0, LOCAL_S, ())
    copied.reduce()
    assert max(away_s(copied, true)) < 1e-3
    [line] = copied.remarks()
    assert "the names, as if these were in local time" in line and "headers." not in line


def test_a_clock_that_agrees_with_its_names_is_told_by_the_altitudes(copied):
    """And an airmass that was written before is no contradiction once the clock is right: it is written anew."""
    true = tell(copied, LOCAL_S, LOCAL_S, ())
    copied.reduce()
    assert max(away_s(copied, true)) > 3600
    [line] = copied.remarks()
    assert "ALTITUDE is that of the field" in line and "headers.utc_offset_h = -4" in line
    wrong = fits.getheader(copied.frames[0])["AIRMASS"]
    copied.set_key("utc_offset_h = -4")
    copied.reduce(overwrite=True)
    assert max(away_s(copied, true)) < 1
    assert not [remark for remark in copied.remarks() if "ALTITUDE" in remark or "AIRMASS" in remark]
    airmass = [row["airmass"] for row in copied.measured().values()]
    assert abs(fits.getheader(copied.frames[0])["AIRMASS"] - airmass[0]) < 1e-5 < abs(wrong - airmass[0])
