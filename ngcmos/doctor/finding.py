"""What the doctor finds: one line each, with the remedy where something is not as it should be."""

import dataclasses
from collections.abc import Iterator

from ngcmos.names import Health

Findings = Iterator["Finding"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One fact about the machine or the night.

    Attributes
    ----------
    verdict : ngcmos.names.Health
    what : str
    remedy : str
        A command or a sentence; "" for what is good.
    """

    verdict: Health
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict:<8}{self.what}" + (f" -> {self.remedy}" if self.remedy else "")
        return " ".join(line.splitlines())


def good(what: str) -> Finding:
    """A Finding that needs nothing."""
    return Finding(Health.GOOD, what)


def remark(what: str, remedy: str) -> Finding:
    """A Finding that does not stop the night."""
    return Finding(Health.REMARK, what, remedy)


def bad(what: str, remedy: str) -> Finding:
    """A Finding that stops the night."""
    return Finding(Health.BAD, what, remedy)
