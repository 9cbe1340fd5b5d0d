"""What does not fit together in a field, one line a kind: a card against the sky, a clock against a name.

``keep_remark(ledger, field, "time", "DATE-OBS is 4 h behind the names, the names are believed")``; the page, the
summary of a run and `why` tell what is kept, so it is logged as a warning only when it is new.
"""

import dataclasses
import logging
from collections.abc import Iterable

from ngcmos.names import Record
from ngcmos.night.ledger import DONE, Entry, Ledger, forget, recall, record

log = logging.getLogger(__name__)

TIME, SUCCESSION, TURN, FOUND, LEFT_OUT = "time", "succession", "turn", "season", "excluded"
WITHOUT_TMAG = "unmeasured"
NEWS = (TURN, FOUND, LEFT_OUT, WITHOUT_TMAG)  # kinds that are good to know, with nothing wrong


@dataclasses.dataclass(frozen=True)
class Remark:
    """One line about a field.

    Attributes
    ----------
    field : str
        "" for the whole night.
    kind : str
        One word, as "time", "airmass", "setup".
    text : str
        What was said, what is so.
    """

    field: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


def keep_remark(ledger: Ledger, field: str, kind: str, text: str) -> None:
    """Keep the remark of a kind on a field, in place of an older one; "" withdraws it.

    Parameters
    ----------
    ledger : ngcmos.night.ledger.Ledger
        Open.
    field : str
        "" for the whole night.
    kind : str
        One word.
    text : str
        One line without the field's name; "" where there is nothing to remark (any more).
    """
    key = f"{field}:{kind}"  # a row is known by its name alone, and fields share their kinds
    old = recall(ledger, Record.REMARK, field).get(key)
    if old is not None and old.reason == text:
        return
    if not text:
        if old is not None:
            forget(ledger, Record.REMARK, [key])
        return
    record(ledger, Record.REMARK, key, field, DONE, text, {"kind": kind})
    # one that only counts further, as while a night is followed, is no news
    level = logging.INFO if old is not None or kind in NEWS else logging.WARNING
    log.log(level, "%s", Remark(field, kind, text))


def read_remarks(entries: Iterable[Entry]) -> list[Remark]:
    """The remarks among entries of a ledger, by field and kind."""
    found = [Remark(e.field, e.text("kind"), e.reason) for e in entries if e.stage == Record.REMARK]
    return sorted(found, key=lambda remark: (remark.field, remark.kind))
