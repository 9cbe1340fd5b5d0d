"""What the page of a night tells the pages of other nights: plain JSON in its head, whatever version wrote it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ngcmos.night.products import plots_folder, report_copy_path
from ngcmos.report.calibration import Levels
from ngcmos.report.html import HEAD_BYTES, read_summary
from ngcmos.report.plain import count_of, number_of, texts_of


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
    return NightSummary(
        night=str(content.get("night", "")),
        verdict=str(content.get("verdict", "")),
        why=str(content.get("why", "")),
        fields=texts_of(content.get("fields")),
        taken=count_of(content.get("taken")) or 0,
        measured=count_of(content.get("measured")) or 0,
        clear_zp=number_of(content.get("clear_zp")),
        levels=Levels(
            bias_adu=number_of(content.get("bias_adu")),
            dark_adu_s=number_of(content.get("dark_adu_s")),
            hot_pixels=count_of(content.get("hot_pixels")),
            flat_change=number_of(content.get("flat_change")),
            new_bad_in_flat=count_of(content.get("new_bad_in_flat")),
        ),
    )


def read_summaries(base: Path) -> list[NightSummary]:
    """What the pages of all nights say of themselves, the newest first."""
    found = []
    for path in sorted(plots_folder(base).glob(report_copy_path(base, "*").name), reverse=True):
        with path.open(encoding="utf-8", errors="replace") as file:
            content = read_summary(file.read(HEAD_BYTES))
        if content is not None:
            found.append(parse_summary(content))
    return found
