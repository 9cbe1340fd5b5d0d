"""Light that lies unevenly on the chip and that no flat of the night sees: smooth, of the second order."""

import numpy as np

from ngcmos.simulate.signals import Floats

WEIGHTS = np.array([1.0, 1.0, 0.4, 0.4, 0.4])  # typical sizes of the terms relative to one another
PLANE = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
Terms = tuple[float, ...]


def draw_terms(rng: np.random.Generator, rms: float, weights: Floats = WEIGHTS) -> Terms:
    """Coefficients of `uneven_factor` whose root mean square over the chip is `rms`, relative."""
    terms = rng.normal(0, 1, weights.size) * weights
    return tuple((terms * rms / np.linalg.norm(terms)).tolist())


def uneven_factor(terms: Terms, shape: tuple[int, int], x: Floats, y: Floats) -> Floats:
    """Light at 0-based x, y relative to the mean of the chip.

    The terms belong to Legendre's polynomials in x, y, x2, xy, y2, each of root mean square 1.
    """
    rows, columns = shape
    u, v = 2 * (x + 0.5) / columns - 1, 2 * (y + 0.5) / rows - 1
    plane, curved = np.sqrt(3.0), np.sqrt(5.0)
    basis = [plane * u, plane * v, curved * (1.5 * u**2 - 0.5), 3 * u * v, curved * (1.5 * v**2 - 0.5)]
    return np.asarray(1 + np.tensordot(terms, np.array(basis), axes=1))
