"""Remarks on a field: kept once, replaced, withdrawn, and told in the log only when they are new."""

import logging

from ngcmos.night.ledger import open_ledger, read_ledger, record
from ngcmos.night.remarks import Remark, keep_remark, read_remarks

LATE = "DATE-OBS is 4 h behind the names"


def keep(folder, *remarks):
    with open_ledger(folder) as ledger:
        for one in remarks:
            keep_remark(ledger, *one)


def told(folder):
    return read_remarks(read_ledger(folder))


def test_two_fields_may_have_remarks_of_one_kind(tmp_path):
    keep(tmp_path, ("NG2", "time", LATE), ("NG1", "time", LATE), ("NG1", "airmass", "cards of -1"))
    assert told(tmp_path) == [
        Remark("NG1", "airmass", "cards of -1"),
        Remark("NG1", "time", LATE),
        Remark("NG2", "time", LATE),
    ]


def test_a_later_remark_takes_the_place_of_the_earlier(tmp_path):
    keep(tmp_path, ("NG1", "time", "3 frames"), ("NG1", "time", "4 frames"))
    assert [one.text for one in told(tmp_path)] == ["4 frames"]


def test_a_remark_that_is_no_longer_so_is_withdrawn(tmp_path):
    keep(tmp_path, ("NG1", "time", LATE), ("NG2", "time", LATE), ("NG1", "time", ""), ("NG3", "time", ""))
    assert told(tmp_path) == [Remark("NG2", "time", LATE)]


def test_frames_are_no_remarks(tmp_path):
    with open_ledger(tmp_path) as ledger:
        record(ledger, "process_cmos", "NG1-20240706072737751.fits", "NG1", "refused", "cloud")
    assert told(tmp_path) == []


def test_only_news_is_a_warning(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="ngcmos")
    keep(tmp_path, ("NG1", "time", "3 frames"), ("NG1", "time", "3 frames"), ("NG1", "time", "4 frames"))
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "NG1: 3 frames"),
        ("INFO", "NG1: 4 frames"),
    ]


def test_a_remark_on_the_night_names_no_field():
    assert str(Remark("", "files", "3 files not looked at")) == "3 files not looked at"
