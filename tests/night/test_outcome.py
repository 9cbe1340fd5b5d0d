"""What a stage tells of the frames it refused: alike ones in one line, with their share and their time."""

from ngcmos.errors import FrameError
from ngcmos.night.ledger import open_ledger
from ngcmos.night.outcome import KINDS_TOLD, Outcome


def refuse(outcome, minutes, reason):
    for minute in minutes:
        name = f"NG1-202407060{minute // 60}{minute % 60:02}00000.fits"
        outcome.refuse(name, f"{name}: {reason.format(minute)}")
    return outcome


def test_alike_refusals_are_one_line():
    outcome = refuse(Outcome("simple_wrapper", done=["a.fits"] * 25), range(10, 85), "too few stars: {} seen")
    assert outcome.refusals() == ["simple_wrapper: 75 of 100 frames (75 %, 00:10–01:24 UTC): too few stars"]


def test_the_most_frequent_is_told_first_and_a_single_one_in_full():
    outcome = refuse(Outcome("process_cmos"), [5], "empty, expected a FITS file")
    refuse(outcome, [6, 7], "truncated (holds {} bytes)")
    assert outcome.refusals() == [
        "process_cmos: 2 of 3 frames (67 %, 00:06–00:07 UTC): truncated",
        "process_cmos: NG1-20240706000500000.fits: empty, expected a FITS file",
    ]


def test_what_an_earlier_stage_refused_is_not_told_again():
    outcome = refuse(Outcome("process_cmos"), [5, 6], "no plate solution")
    assert outcome.refusals(known=outcome.failed) == []


def test_many_kinds_are_counted_together():
    outcome = Outcome("process_cmos")
    for minute in range(KINDS_TOLD + 3):
        refuse(outcome, [minute], f"reason {'x' * (minute + 1)}")
    lines = outcome.refusals()
    assert len(lines) == KINDS_TOLD + 1
    assert lines[-1] == "process_cmos: 3 more for other reasons, see ngcmos.log"


def test_a_frame_is_fit_unless_it_was_refused(tmp_path):
    outcome = Outcome("check_cmos")
    with open_ledger(tmp_path) as ledger:
        assert outcome.settle(ledger, tmp_path / "a.fits", "NG1", 3.0) is True
        assert outcome.settle(ledger, tmp_path / "b.fits", "NG1", FrameError("b.fits: empty")) is False
    assert outcome.done == ["a.fits"] and list(outcome.failed) == ["b.fits"]
