"""Where the comparison stars of a star lie on the chip, drawn by their weights."""

import dataclasses
from typing import TYPE_CHECKING

from ngcmos.arrays import Floats
from ngcmos.qc.plots import BLUE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LARGEST_AREA = 60.0  # of a mark, square points


@dataclasses.dataclass(frozen=True, eq=False)
class ComparisonMap:
    """Places (0-based pixels) and weights of comparison stars, (n,) arrays; the star's own place; the chip."""

    x: Floats
    y: Floats
    weight: Floats
    star: tuple[float, float]
    shape: tuple[int, int]

    @property
    def effective(self) -> float:
        """How many stars of equal weight would do as much."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())


def draw_comparison_map(axes: "Axes", compared: ComparisonMap) -> None:
    """Circles, their areas by weight, and the star itself as a cross; the frame of the panel is the chip."""
    area = _LARGEST_AREA * compared.weight / compared.weight.max()
    axes.scatter(compared.x, compared.y, s=area, facecolors="none", edgecolors=BLUE, linewidths=0.9)
    axes.plot(*compared.star, "+", ms=11, mew=1.8, color=VERMILION)
    rows, columns = compared.shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5), aspect="equal", xticks=[], yticks=[])
    axes.set_title(f"{compared.x.size} comparison stars, worth {compared.effective:.1f}", fontsize=8, y=1.0)
