"""The base folder of a simulation: where everything lies, and how it is made empty and its settings written."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from ngcmos.config import Camera
from ngcmos.errors import UsageError, WriteError
from ngcmos.simulate.detector import LOW_GAIN_SLOPE
from ngcmos.simulate.profile import write_camera
from ngcmos.simulate.truth import FOLDER as TRUTH
from ngcmos.simulate.truth import Truth

MARKER = "simulation.json"
CALIBRATION, NIGHTS, OUT = "calibration", "nights", "out"


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedNight:
    """What `simulate_night` made.

    Attributes
    ----------
    base, folder : Path
        The base folder and the night folder in it.
    camera : ngcmos.config.Camera
        The simulated camera; `camera_file` is its profile.
    camera_file, directories_file, catalog_file : Path
    truth_folder : Path
        Where the truth of this night is written.
    truths : list of Truth
        One a field, in the order of observation.
    """

    base: Path
    folder: Path
    camera: Camera
    camera_file: Path
    directories_file: Path
    catalog_file: Path
    truth_folder: Path
    truths: list[Truth]


def name_parts(base: Path, camera: Camera, date: str, telescope: int = 0) -> SimulatedNight:
    """The night before anything of it is written; its camera knows the catalog and the slope of the chip.

    Another telescope's camera has another name.
    """
    catalog_file = base / "tic.fits"
    detector = camera.detector
    if detector.gain_step_adu:
        detector = dataclasses.replace(detector, high_range_slope=LOW_GAIN_SLOPE)
    local = dataclasses.replace(camera.catalog, local=(str(catalog_file),))
    name = f"{camera.name} {telescope}" if telescope else camera.name
    camera = dataclasses.replace(camera, name=name, catalog=local, detector=detector)
    return SimulatedNight(
        base=base,
        folder=base / NIGHTS / date,
        camera=camera,
        camera_file=base / "camera.toml",
        directories_file=base / "directories.json",
        catalog_file=catalog_file,
        truth_folder=base / TRUTH,
        truths=[],
    )


def prepare_folder(night: SimulatedNight, *, overwrite: bool) -> None:
    """An empty base folder; an earlier simulation is taken away where that was asked for.

    Raises
    ------
    UsageError
        The folder holds something else, or a simulation that is to stay.
    WriteError
    """
    base = night.base
    try:
        if base.exists() and (not base.is_dir() or any(base.iterdir())):
            _take_away(night, overwrite=overwrite)
        for name in (CALIBRATION, OUT, TRUTH):
            (base / name).mkdir(parents=True)
        night.folder.mkdir(parents=True)
    except OSError as error:
        raise WriteError(f"{base}: cannot be prepared ({error})") from None


def _take_away(night: SimulatedNight, *, overwrite: bool) -> None:
    if not (night.base / MARKER).is_file():
        raise UsageError(f"{night.base}: is in use and holds no simulation, expected an empty or a new folder")
    if not overwrite:
        raise UsageError(f"{night.base}: holds a simulation, expected an empty or a new folder, or --overwrite")
    for name in (CALIBRATION, NIGHTS, OUT, TRUTH):
        if (night.base / name).exists():
            shutil.rmtree(night.base / name)
    night.catalog_file.unlink(missing_ok=True)


def write_settings(night: SimulatedNight, options: dict[str, Any]) -> None:
    """The marker with the options of the simulation, directories.json and the camera profile."""
    (night.base / MARKER).write_text(json.dumps(options, indent=1, default=str), encoding="utf-8")
    lists = {
        "calibration_paths": [CALIBRATION],
        "base_paths": [NIGHTS],
        "out_paths": [OUT],
        "cameras": [night.camera_file.name],
    }
    night.directories_file.write_text(json.dumps(lists, indent=1), encoding="utf-8")
    write_camera(night.camera_file, night.camera)
