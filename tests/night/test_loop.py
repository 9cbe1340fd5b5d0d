"""Progress is seen where somebody looks: a bar on a terminal, a line a minute in a log, nothing if quiet."""

import io
import logging
import sys
import time

import pytest

from ngcmos.night.loop import watched

WORDS = {"label": "light curves of NG0000-0000", "unit": "aperture"}


class Terminal(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "shown"), [(Terminal, False, True), (Terminal, True, False), (io.StringIO, False, False)]
)
def test_bar_is_shown_on_a_terminal_alone(monkeypatch, stream, quiet, shown):
    monkeypatch.setattr(sys, "stderr", stream())
    assert list(watched([2, 3, 4], 3, quiet=quiet, **WORDS)) == [2, 3, 4]
    assert ("light curves of NG0000-0000:   0%" in sys.stderr.getvalue()) == shown
    assert bool(sys.stderr.getvalue()) == shown


def test_bar_counts_what_is_done_with(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    for number, _ in enumerate(watched(range(4), 4, **WORDS)):
        if number == 2:
            time.sleep(0.15)  # a bar is drawn ten times a second at the most
    assert "| 3/4 [" in sys.stderr.getvalue()
    assert "aperture/s" in sys.stderr.getvalue()


def test_log_tells_once_a_minute(monkeypatch, caplog):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with caplog.at_level(logging.INFO, logger="ngcmos"):
        for _ in watched(range(8), 8, **WORDS):
            clock[0] += 25.0
    assert caplog.messages == [f"light curves of NG0000-0000: {done} of 8" for done in (3, 6)]
