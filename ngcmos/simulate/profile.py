"""The camera profile of a simulated night: a smaller chip of the same camera, and a profile as TOML."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ngcmos.config import Camera
from ngcmos.errors import UsageError

SMALLEST_PX = 64
CATALOG_MARGIN = 1.32


def simulated_camera(camera: Camera, size: int | None) -> Camera:
    """The camera as it is simulated: without overscan, with a chip of another size where one is given."""
    whole = dataclasses.replace(camera, calibration=dataclasses.replace(camera.calibration, overscan="", trim=""))
    return whole if size is None else resize_camera(whole, size)


def resize_camera(camera: Camera, size: int) -> Camera:
    """The camera with a chip of `size` x `size` pixels; what counts in pixels of the chip shrinks with it.

    Raises
    ------
    UsageError
        The size is too small for a field of stars.
    """
    if size < SMALLEST_PX:
        raise UsageError(f"size is {size}, expected at least {SMALLEST_PX} pixels")
    old = camera.detector
    share = min(1.0, size / min(old.shape))
    donuts = dataclasses.replace(
        camera.donuts,
        overscan_px=round(camera.donuts.overscan_px * share),
        prescan_px=round(camera.donuts.prescan_px * share),
        border_px=round(camera.donuts.border_px * share),
        tiles=max(4, round(camera.donuts.tiles * share)),
    )
    objects = max(10, round(camera.detection.min_objects * size**2 / (old.rows * old.columns)))
    mesh = max(16, min(camera.detection.mesh_px, size // 8))
    width_deg = size * old.scale_arcsec / 3600
    return dataclasses.replace(
        camera,
        detector=dataclasses.replace(old, rows=size, columns=size),
        donuts=donuts,
        detection=dataclasses.replace(camera.detection, min_objects=objects, mesh_px=mesh),
        catalog=dataclasses.replace(
            camera.catalog, box_deg=min(camera.catalog.box_deg, CATALOG_MARGIN * width_deg)
        ),
        photometry=dataclasses.replace(
            camera.photometry, mesh_px=max(16, min(camera.photometry.mesh_px, size // 8))
        ),
    )


def write_camera(path: Path, camera: Camera) -> None:
    """Write the profile as TOML that `ngcmos.config.load_camera` reads."""
    path.write_text(camera_toml(camera), encoding="utf-8")


def camera_toml(camera: Camera) -> str:
    """The profile as TOML text."""
    lines = [f"format = {camera.format}", f"name = {_toml_value(camera.name)}"]
    for field in dataclasses.fields(camera):
        table = getattr(camera, field.name)
        if dataclasses.is_dataclass(table) and not isinstance(table, type):
            lines += ["", f"[{field.name}]"]
            lines += [f"{key} = {_toml_value(value)}" for key, value in dataclasses.asdict(table).items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a basic string of TOML
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)
