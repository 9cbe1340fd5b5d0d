"""A night at work: its log kept in the folder, and what a stopped run has left half written swept away."""

import logging
from pathlib import Path

from ngcmos.config import Config
from ngcmos.errors import WriteError
from ngcmos.night.products import plots_folder, sweep_temporaries

log = logging.getLogger(__name__)

LOG_NAME = "ngcmos.log"
LINE = "%(asctime)s %(levelname)-7s %(message)s"


class LineFormatter(logging.Formatter):
    """One line a message, whatever a file's name or a header put into it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is that of logging
        record.message = "".join(c if c.isprintable() else repr(c)[1:-1] for c in record.message)
        return super().formatMessage(record)


def log_in(folder: Path) -> logging.FileHandler:
    """Write the log to the file of a night as well; returns the handler.

    Raises
    ------
    WriteError
        The folder cannot be written.
    """
    try:
        handler = logging.FileHandler(folder / LOG_NAME, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"{folder / LOG_NAME}: log not writable, {error.strerror}") from None
    handler.setFormatter(LineFormatter(LINE))
    logging.getLogger("ngcmos").addHandler(handler)
    return handler


def sweep(config: Config, folder: Path) -> None:
    """Remove what a run that was stopped has left half written, wherever products of a night lie."""
    out, base = config.directories.out, config.directories.base
    for place in (folder, *folder.glob(".*.parts"), out, out / "catalogs", plots_folder(base)):
        for name in sweep_temporaries(place):
            log.info("removed the leftover %s of a run that was stopped", name)
