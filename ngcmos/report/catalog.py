"""What the page tells of a field's star catalog: from where, how old, how much of the chip it covers."""

import dataclasses
import datetime
from pathlib import Path

from astropy.io import fits

from ngcmos.night.products import catalog_path


@dataclasses.dataclass(frozen=True)
class CatalogFacts:
    """A star catalog as its header tells of it.

    Attributes
    ----------
    stars : int
    source : str
        Service or files; "" where it does not tell.
    fetched : datetime.date or None
        When the service was asked; None for files.
    covered : float or None
        Share of the chip.
    """

    stars: int
    source: str
    fetched: datetime.date | None
    covered: float | None


def read_catalog_facts(folder: Path, field: str) -> CatalogFacts | None:
    """The CatalogFacts of a field of a night; None without a readable catalog: simple_wrapper says why."""
    try:
        header = fits.getheader(catalog_path(folder, field), 1)
        fetched = str(header.get("FETCHED", ""))
        covered = header.get("COVERED")
        return CatalogFacts(
            stars=int(header["NAXIS2"]),
            source=str(header.get("SOURCE", "")),
            fetched=datetime.date.fromisoformat(fetched) if fetched else None,
            covered=None if covered is None else float(covered),
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None


def say_catalog(facts: CatalogFacts, today: datetime.date) -> str:
    """One sentence."""
    told = f"{facts.stars} stars" + (f" of {facts.source}" if facts.source else "")
    if facts.fetched is not None:
        told += f", had on {facts.fetched}, {(today - facts.fetched).days} days ago"
    if facts.covered is not None:
        told += f"; it covers {facts.covered:.1%} of the chip"
    return f"Catalog: {told}."
