"""What a terminal shows of the log, and what it sums up; the log itself keeps every line."""

import logging

import pytest

from ngcmos.night.session import log_in
from ngcmos.night.terminal import ONE_OF_MANY, Terminal, held, tell_summary

log = logging.getLogger("ngcmos.night.test")


@pytest.fixture
def terminal(tmp_path, capsys):
    """Function that starts a terminal of a level, and returns one that ends it and gives its lines."""
    logger = logging.getLogger("ngcmos")
    kept = logger.handlers, logger.level, logger.propagate

    def start(level=logging.WARNING):
        logger.handlers, logger.propagate = [Terminal(level)], False
        logger.setLevel(logging.DEBUG)
        log_in(tmp_path)

        def end():
            for handler in logger.handlers:
                handler.close()
            return capsys.readouterr().err.splitlines()

        return end

    yield start
    logger.handlers, logger.propagate = kept[0], kept[2]
    logger.setLevel(kept[1])


def logged(folder):
    return (folder / "ngcmos.log").read_text().splitlines()


def test_alike_lines_are_shown_once_and_counted(terminal, tmp_path):
    end = terminal()
    for number in range(1500):
        log.warning("flat left out: evening-%d.fits: level %d ADU, expected 1310 to 52428", number, 3 * number)
    log.warning("flat left out: evening-3.fits: empty, expected a FITS file")
    lines = end()
    assert len(lines) == 3
    assert "evening-0.fits: level 0 ADU" in lines[0] and "evening-3.fits: empty" in lines[1]
    assert lines[2].startswith("1499 more lines are like this one, all in ngcmos.log: flat left out: …: level …")
    assert len(logged(tmp_path)) == 1501


def test_two_fields_in_trouble_are_two_lines(terminal):
    end = terminal()
    for field in ("NG1902-1942", "NG1843-2914"):
        log.error("simple_wrapper: %s: none of 20 frames could be solved", field)
    assert len(end()) == 2


def test_frames_among_many_are_left_to_the_sum(terminal, tmp_path):
    end = terminal(logging.INFO)
    log.warning("simple_wrapper: a.fits: not solved", extra=ONE_OF_MANY)
    log.info("simple_wrapper: 0 done")
    assert [line.partition("INFO    ")[2] for line in end()] == ["simple_wrapper: 0 done"]
    assert len(logged(tmp_path)) == 2


def test_whoever_wants_all_gets_every_line(terminal):
    end = terminal(logging.DEBUG)
    for _ in range(3):
        log.warning("simple_wrapper: a.fits: not solved", extra=ONE_OF_MANY)
    assert len(end()) == 3


def test_held_terminal_shows_the_summary_alone_as_it_is(terminal, tmp_path):
    end = terminal()
    with held():
        log.error("simple_wrapper: no network")
        tell_summary(["Night 20240705: BAD", "  bad   NG1: lost"], logging.WARNING)
    log.error("stopped")
    lines = end()
    assert lines[:2] == ["Night 20240705: BAD", "  bad   NG1: lost"]
    assert len(lines) == 3 and lines[2].endswith("stopped")
    assert len(logged(tmp_path)) == 4


def test_good_night_is_not_told_to_a_quiet_terminal(terminal):
    end = terminal()
    tell_summary(["Night 20240705: GOOD"])
    assert end() == []
