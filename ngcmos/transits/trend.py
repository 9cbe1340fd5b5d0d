"""What a light curve does by itself while the air mass changes and the night goes on."""

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.transits.curve import Curve

# None is without a slope: one too small to be seen biases depths by more than its own term makes them uncertain,
# and air mass alone, which around the meridian is a mere bow, takes half a transit for a drift.
TRENDS: dict[str, tuple[str, ...]] = {
    "time": ("time",),
    "airmass and time": ("airmass", "time"),
    "time and its square": ("time", "time squared"),
}
TREND_SHARES = {"time": 1.0, "airmass and time": 0.5, "time and its square": 0.5}  # straight or curved, as likely


def trend_columns(curve: Curve, trend: str) -> Floats:
    """(points, terms) array of a trend: a level for each night, and its terms for each night.

    Terms are scaled to a range of about 1 around a mean of 0.
    """
    columns = []
    for rows in curve.nights:
        night = np.zeros(len(curve))
        night[rows] = 1.0
        columns.append(night)
        for term in TRENDS[trend]:
            column = np.zeros(len(curve))
            column[rows] = _scaled(_values(curve.at(rows), term))
            if column.any():  # a night of one frame has no slope
                columns.append(column)
    return np.stack(columns, axis=1)


def _values(night: Curve, term: str) -> Floats:
    if term == "airmass":
        return night.airmass
    time = _scaled(night.bjd_tdb)
    return time**2 if term == "time squared" else time


def _scaled(values: Floats) -> Floats:
    span = float(np.ptp(values))
    scaled: Floats = (values - values.mean()) / (span or 1.0)
    return scaled
