"""What a terminal, or cron's mail, shows of the log: alike lines once, and nothing while a summary is to come.

The log of the night has every line. A line of one frame among many is logged with `extra=ONE_OF_MANY`: whoever
does so sums them up at the end.
"""

import collections
import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from ngcmos.night.reasons import pattern_of
from ngcmos.night.session import LINE, LineFormatter

ONE_OF_MANY = {"one_of_many": True}
_SUMMARY = {"summary": True}

log = logging.getLogger(__name__)


class Terminal(logging.StreamHandler[TextIO]):
    """Lines to the standard error that do not tear a progress bar.

    Parameters
    ----------
    level : int
        Of the least line shown; DEBUG shows every line there is.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self.setLevel(level)
        self.setFormatter(LineFormatter(LINE, datefmt="%H:%M:%S"))
        self.is_held = False
        self._alike: collections.Counter[str] = collections.Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line, unless it is held, summed up later, or like one shown before."""
        if getattr(record, "summary", False):
            self._show(record.getMessage())
        elif not self.is_held and (self.level <= logging.DEBUG or self._is_news(record)):
            self._show(self.format(record))

    def _is_news(self, record: logging.LogRecord) -> bool:
        if getattr(record, "one_of_many", False):
            return False
        if record.levelno < logging.WARNING:
            return True
        pattern = pattern_of(record.getMessage())
        self._alike[pattern] += 1
        return self._alike[pattern] == 1

    def _show(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Say how many lines were not shown, as they were like others."""
        for pattern, count in self._alike.items():
            if count > 1:
                more = "1 more line is" if count == 2 else f"{count - 1} more lines are"
                self._show(f"{more} like this one, all in ngcmos.log: {pattern}")
        self._alike.clear()
        super().close()


def _terminals() -> list[Terminal]:
    return [one for one in logging.getLogger("ngcmos").handlers if isinstance(one, Terminal)]


@contextlib.contextmanager
def held(hold: bool = True) -> Iterator[None]:
    """Let terminals show nothing but the summary while the block runs."""
    terminals = _terminals() if hold else []
    try:
        for one in terminals:
            one.is_held = True
        yield
    finally:
        for one in terminals:
            one.is_held = False


def tell_summary(lines: Iterable[str], level: int = logging.INFO) -> None:
    """Write the lines of a summary: to the log, and as they are to terminals that show lines of this level."""
    for line in lines:
        log.log(level, "%s", line, extra=_SUMMARY)
