"""The table `calibration` of a camera profile: what the frames need, and what is cut off and taken off them."""

from typing import Literal, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from ngcmos.keys import TABLE, Positive, Switch, Text, demand, section_of


@dataclass(frozen=True, config=TABLE)
class Calibration:
    """What calibrates the frames of this camera, and what it goes without."""

    bias: Switch = True
    dark: Switch = True
    flat: Switch = True
    reduced: Switch = False
    max_age_days: Positive = 400.0
    night_hot_pixels: Switch = False
    overscan: Text = ""
    overscan_by: Literal["frame", "row"] = "frame"
    trim: Text = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        said = 'must be a section as "[21:2068,1:2048]", columns first, the first pixel is 1, both ends count'
        demand(
            (not self.overscan or section_of(self.overscan) is not None, f"overscan {said}"),
            (not self.trim or section_of(self.trim) is not None, f"trim {said}"),
        )
        return self

    @property
    def overscan_section(self) -> tuple[slice, slice] | None:
        """(rows, columns) that see no light; None without."""
        return section_of(self.overscan)

    @property
    def trim_section(self) -> tuple[slice, slice] | None:
        """(rows, columns) that are the image; None where the whole frame is."""
        return section_of(self.trim)

    @property
    def origin(self) -> tuple[float, float]:
        """(x, y) of the image's first pixel in the frame, 0-based."""
        rows, columns = self.trim_section or (slice(0), slice(0))
        return float(columns.start or 0), float(rows.start or 0)

    @property
    def is_whole(self) -> bool:
        """Whether frames are images as they are, without overscan."""
        return not self.trim and not self.overscan

    @property
    def sections_said(self) -> str:
        """All that says what is cut off and taken off, as one text; "" for whole frames."""
        return "" if self.is_whole else f"{self.overscan} {self.overscan_by} {self.trim}"
