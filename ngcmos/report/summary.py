"""What the page of a night tells the pages of other nights: plain JSON in its head, whatever version wrote it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ngcmos.night.products import plots_folder, report_copy_path
from ngcmos.report.calibration import Levels
from ngcmos.report.html import HEAD_BYTES, read_summary


@dataclasses.dataclass(frozen=True)
class NightSummary:
    """A night in a line of the index.

    Attributes
    ----------
    night, verdict, why : str
    fields : tuple of str
    taken, measured : int
        Frames.
    clear_zp : float or None
        Zero point of a clear frame.
    levels : ngcmos.report.calibration.Levels
    """

    night: str
    verdict: str = ""
    why: str = ""
    fields: tuple[str, ...] = ()
    taken: int = 0
    measured: int = 0
    clear_zp: float | None = None
    levels: Levels = dataclasses.field(default_factory=Levels)

    def as_json(self) -> dict[str, object]:
        """What `parse_summary` reads."""
        plain = dataclasses.asdict(self)
        levels: dict[str, object] = plain.pop("levels")
        return plain | levels


def parse_summary(content: Mapping[str, object]) -> NightSummary:
    """The NightSummary of a page's JSON; what an older page did not tell is as if it knew nothing."""
    fields = content.get("fields")
    return NightSummary(
        night=str(content.get("night", "")),
        verdict=str(content.get("verdict", "")),
        why=str(content.get("why", "")),
        fields=tuple(map(str, fields)) if isinstance(fields, list) else (),
        taken=_count(content.get("taken")) or 0,
        measured=_count(content.get("measured")) or 0,
        clear_zp=_number(content.get("clear_zp")),
        levels=Levels(
            bias_adu=_number(content.get("bias_adu")),
            dark_adu_s=_number(content.get("dark_adu_s")),
            hot_pixels=_count(content.get("hot_pixels")),
            flat_change=_number(content.get("flat_change")),
            new_bad_in_flat=_count(content.get("new_bad_in_flat")),
        ),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def read_summaries(base: Path) -> list[NightSummary]:
    """What the pages of all nights say of themselves, the newest first."""
    found = []
    for path in sorted(plots_folder(base).glob(report_copy_path(base, "*").name), reverse=True):
        with path.open(encoding="utf-8", errors="replace") as file:
            content = read_summary(file.read(HEAD_BYTES))
        if content is not None:
            found.append(parse_summary(content))
    return found
