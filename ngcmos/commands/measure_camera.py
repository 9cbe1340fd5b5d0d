"""Measure a detector by its own bias, dark and flat frames: gain, read noise, dark current, gain step, saturation.

Numbers with their errors for each read mode, held against the profile and against the measurement before: what
differs or drifted is said. Pairs of flats of nearly one light give gain and read noise (photon transfer); for the
gain step of an HDR camera and the slope above it, some of them must lie on either side of it.

Example:  ngcmos measure_camera --config /ngts/cmos/directories.json
          ngcmos measure_camera calibration flats --camera my_camera.toml --output measured
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.running import Command, answer, log
from ngcmos.qc.plots import write_figure

if TYPE_CHECKING:
    from ngcmos.config import Camera
    from ngcmos.draft.detector import Detected, Range


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument(
        "folders", nargs="*", metavar="DIR", help="bias, dark and flat frames (default: calibration and the night)"
    )
    parser.add_argument("--output", metavar="DIR", help="folder of numbers and figure (default: detector in OUT)")


def work(options: Namespace) -> int:
    """Measure, write, tell; the exit code."""
    import datetime

    from ngcmos.config import load_camera
    from ngcmos.draft import detector
    from ngcmos.night.products import write_text

    folders, target = _places(options)
    camera = load_camera(options.camera)
    frames = detector.frames_of(folders, camera.headers)
    detected = detector.measure_all(frames, _range_of(camera))
    date = f"{datetime.datetime.now(datetime.UTC):%Y%m%d}"
    before = detector.earlier_of(target, camera.name, date)
    lines = [line for one in detected for line in detector.lines_of(one, camera, before.get(one.mode))]
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"detector_{camera.name}_{date}.json"
    write_text(path, detector.text_of(detected, camera.name, date))
    _draw(detected, path.with_suffix(".png"), f"{camera.name}, {date}: {len(frames)} frames")
    shown = detector.says_more(lines) if options.quiet else lines
    answer("".join(f"{line}\n" for line in shown))
    log.info("wrote %s and its figure", path)
    return 0


def _range_of(camera: "Camera") -> "Range":
    """Raw counts that the profile calls saturated, and those below its gain step."""
    from ngcmos.draft.detector import Range

    detector = camera.detector
    low_adu = detector.gain_step_adu - detector.gain_step_half_width_adu
    return Range(detector.saturation_adu, low_adu) if detector.gain_step_adu else Range(detector.saturation_adu)


def _places(options: Namespace) -> tuple[list[Path], Path]:
    """(folders of frames, folder of what is written); directories.json tells those that are not given."""
    from ngcmos.config import load_config
    from ngcmos.errors import NightError, UsageError
    from ngcmos.night.folder import find_folder

    folders = list(map(Path, options.folders))
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder, expected one of bias, dark and flat frames")
    if folders and options.output:
        return folders, Path(options.output)
    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    if not folders:
        folders = [config.directories.calibration]
        try:
            folders.append(find_folder(config, directory=options.directory, night=options.night))
        except NightError as error:
            log.info("flats are looked for beside the bias frames alone: %s", error)
    return folders, Path(options.output) if options.output else config.directories.out / "detector"


def _draw(detected: "list[Detected]", path: Path, title: str) -> None:
    from ngcmos.night.products import write_then_rename
    from ngcmos.qc.detector_plot import TransferPanel, plot_transfer

    panels = []
    for one in detected:
        gain, noise_e, step = (one.numbers[key].value for key in ("gain_e_adu", "read_noise_e", "gain_step_adu"))
        curve = one.points.signal, one.points.variance
        panels.append(
            TransferPanel(one.mode, *curve, gain, noise_e / gain, step, one.linear_signal, one.linear_deviation)
        )
    with write_then_rename(path) as temporary:
        write_figure(plot_transfer(panels, title=title), temporary, dpi=110)


main = Command(__doc__, work, add_options=add_options)
