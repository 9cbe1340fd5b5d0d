"""Who lies near whom."""

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def tree_of(points: ArrayLike) -> "cKDTree":
    """The k-d tree of (n, dimensions) points, which is asked for neighbours.

    Its package is heavy and loaded here, once there are points: most runs over a night that stands have none.
    """
    from scipy.spatial import cKDTree

    return cKDTree(points)
