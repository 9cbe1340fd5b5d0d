"""Plots of a page as plain data, drawn there by `page_assets/page.js`.

::

    shifts = plot("f0-shift", "Shift", times, [points("x", x, BLUE), points("y", y, ORANGE)], unit="px", time=True)

Arrays become lists of five digits; what is not finite becomes null. The colours are those of `page.css`.
"""

import numpy as np

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKYBLUE, GREY = (f"--c{number}" for number in range(1, 8))
FOREGROUND = "--fg"
_DIGITS = 5


def points(label, values, colour, *, size=4):
    """A series of points."""
    return {"label": label, "y": values, "colour": colour, "size": size}


def line(label, values, colour, *, dash=()):
    """A line through all values that are there."""
    return {"label": label, "y": values, "colour": colour, "line": True, "dash": list(dash)}


def band(start, end, label):
    """A span of x to be shaded; numbers as those of x."""
    return {"from": float(start), "to": float(end), "label": label}


def plot(key, title, x, series, *, unit="", time=False, x_label="UTC", log=False, names=None, sync=None, **more):
    """One plot.

    Parameters
    ----------
    key : str
        Its id in the page.
    title : str
    x : (n,) array
        Unix seconds with `time`.
    series : list
        Of `points` and `line`, each with n values. Those without one finite value are left out.
    unit : str
        At the y axis.
    log : bool
        Logarithmic y; values that are not positive are left out.
    names : str, optional
        Key of the list of names of the points.
    sync : str, optional
        Plots of one such key show their cursors together.
    **more
        `bands` (list of `band`), `y_range` (low, high), `height` (pixels).

    Returns
    -------
    dict of what JSON knows; None where no series has a value.
    """
    shown = []
    for one in series:
        values = np.asarray(one["y"], float)
        values = np.where(values > 0, values, np.nan) if log else values
        if np.isfinite(values).any():
            shown.append(one | {"y": plain(values)})
    if not shown:
        return None
    spec = {"id": key, "title": title, "x": plain(x, digits=14), "series": shown, "yLabel": unit}
    spec |= {"time": time, "xLabel": x_label, "log": log}
    optional = {"names": names, "sync": sync, "bands": more.get("bands"), "height": more.get("height")}
    if "y_range" in more:
        optional["yRange"] = [float(value) for value in more["y_range"]]
    return spec | {key: value for key, value in optional.items() if value is not None}


def merge(*blocks):
    """One x for series with their own: ((x, {label: values}), ...) -> x, {label: values with NaN elsewhere}."""
    x = np.concatenate([np.asarray(block, float) for block, _ in blocks])
    order = np.argsort(x, kind="stable")
    merged, start = {}, 0
    for block, series in blocks:
        for label, values in series.items():
            whole = np.full(x.size, np.nan)
            whole[start : start + len(block)] = values
            merged[label] = whole[order]
        start += len(block)
    return x[order], merged


def plain(values, *, digits=_DIGITS):
    """A list of so many digits, null for what is not finite."""
    rounded = (float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in np.asarray(values, float))
    return [int(value) if value is not None and value.is_integer() else value for value in rounded]
