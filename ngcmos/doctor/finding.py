"""What the doctor finds: one line each, with the remedy where something is not as it should be."""

import dataclasses

GOOD, REMARK, BAD = "good", "remark", "BAD"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One fact about the machine or the night.

    Attributes
    ----------
    verdict : {'good', 'remark', 'BAD'}
        BAD: the night would fail.
    what : str
    remedy : str
        A command or a sentence; "" for what is good.
    """

    verdict: str
    what: str
    remedy: str = ""

    def __str__(self):
        line = f"{self.verdict:<8}{self.what}" + (f" -> {self.remedy}" if self.remedy else "")
        return " ".join(line.splitlines())


def good(what):
    """A Finding that needs nothing."""
    return Finding(GOOD, what)


def remark(what, remedy):
    """A Finding that does not stop the night."""
    return Finding(REMARK, what, remedy)


def bad(what, remedy):
    """A Finding that stops the night."""
    return Finding(BAD, what, remedy)
