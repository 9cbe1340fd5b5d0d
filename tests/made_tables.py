"""A small table of each kind of column that a product has."""

import numpy as np
from astropy import units as u
from astropy.table import Table

ROWS = 5


def plain_columns():
    """A table of each kind of column; some have units."""
    table = Table(
        {
            "id": np.arange(ROWS) - 2**40,
            "small": np.arange(ROWS, dtype=np.int16),
            "whole": np.arange(ROWS, dtype=np.int32),
            "byte": np.arange(ROWS, dtype=np.uint8),
            "flux": np.linspace(-1.0, 1e30, ROWS) / 3,
            "error": np.array([0.1, np.nan, np.inf, -0.0, 1e-40], np.float32),
            "swapped": np.arange(ROWS).astype(">i8"),
            "good": np.arange(ROWS) % 2 == 0,
            "name": ["", "a", "two words", " before", "it's"],
            "letter": [*list("abcd"), ""],
            "letters": np.array([b"", b"a", b"bc", b" d", b"e"]),
        }
    )
    table["flux"].unit, table["error"].unit, table["swapped"].unit = "adu", u.mag, u.mas / u.yr
    return table
