"""Kinds of arrays, by what their elements are; docstrings say what the axes count."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating[Any]]  # of any precision
Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]
Bools = NDArray[np.bool_]
Counts = NDArray[Any]  # pixels, as the camera wrote them or calibrated
Rows = NDArray[np.void]  # of a table
Shape = tuple[int, int]  # rows and columns
Place = tuple[float, float]  # right ascension and declination in degrees, or x and y in 0-based pixels
