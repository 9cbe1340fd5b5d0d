"""What the ledger knows of the products of a night: what each was made of, replaced, or lacks."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from ngcmos.names import Record, Verdict
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.ledger import JSON, Entry, Ledger, recall, record

MOST_REPLACED = 20


@dataclasses.dataclass(frozen=True)
class StaleProduct:
    """A whole product that would be made otherwise today.

    Attributes
    ----------
    name, field : str
    differs : tuple of str
        What it was made of otherwise, in words.
    """

    name: str
    field: str
    differs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} was made with another {', '.join(self.differs)}"


def keep_product(ledger: Ledger, path: Path, field: str, inputs: Inputs) -> None:
    """Say that a product was made now; what it replaced stays known."""
    before = recall(ledger, Record.PRODUCT).get(path.name)
    known = before.numbers.get("replaced") if before else None
    replaced = list(known) if isinstance(known, list) else []
    if before and before.text("fingerprint") != inputs.fingerprint:
        differs = inputs.differences(before.text("inputs"))
        then = before.numbers.get("fingerprint")
        replaced.append({"fingerprint": then, "made": before.at, "differs": [*differs]})
    numbers: dict[str, JSON] = {"fingerprint": inputs.fingerprint, "inputs": inputs.text, "differs": []}
    numbers["replaced"] = replaced[-MOST_REPLACED:]
    record(ledger, Record.PRODUCT, path.name, field, Verdict.DONE, "", numbers)


def keep_standing(ledger: Ledger, path: Path, field: str, differs: Iterable[str]) -> None:
    """Say that a whole product stands, and what it was made of otherwise; nothing where that is known."""
    told, before = list(differs), recall(ledger, Record.PRODUCT).get(path.name)
    numbers: dict[str, JSON] = {"fingerprint": None, "inputs": "", "replaced": []}
    numbers |= before.numbers if before else {}
    if numbers.get("differs", []) != told:
        numbers["differs"] = [*told]
        record(ledger, Record.PRODUCT, path.name, field, Verdict.DONE, ", ".join(told), numbers)


def stale_products(entries: Iterable[Entry]) -> list[StaleProduct]:
    """The StaleProducts of a night by its ledger, in the order of their names."""
    found = [
        StaleProduct(entry.frame, entry.field, entry.texts("differs"))
        for entry in entries
        if entry.stage == Record.PRODUCT and entry.texts("differs")
    ]
    return sorted(found, key=lambda product: product.name)
