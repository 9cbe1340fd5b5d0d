"""Draft the profile of a camera from its own frames: a night's, or a few of one field.

Says key by key where each value comes from, what it could not find, and how to find it. With --catalog a frame is
solved, which tells the scale and which stars are seen; with --calibration the detector is measured. The draft is a
profile that loads: read it, then let the doctor hold it against a frame.

Example:  ngcmos new_camera frames/*.fits --catalog stars.fits --set site.timezone=Europe/Paris \\
                                      --output my_camera.toml
          ngcmos doctor --camera my_camera.toml --frame frames/light_0001.fits
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.parser import add_catalog, add_center, center_of, no_frame
from ngcmos.commands.running import Command, log

if TYPE_CHECKING:
    from ngcmos.draft.found import Found


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("frames", nargs="+", metavar="FRAME", help="science frames of one field")
    add_catalog(parser)
    add_center(parser)
    parser.add_argument("--calibration", metavar="DIR", help="bias, dark and flats: the detector is measured")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a key that is known (repeatable)"
    )
    parser.add_argument(
        "--output", type=no_frame, metavar="FILE", help="the profile (default: by the camera's name)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a profile of that name")


def work(options: Namespace) -> int:
    """Write the draft and tell of it; the exit code."""
    from ngcmos.config import load_camera
    from ngcmos.draft.profile import Given, draft, name_of, told, toml_of, typed
    from ngcmos.draft.sheet import Sheet
    from ngcmos.errors import UsageError
    from ngcmos.night.images import read_image
    from ngcmos.night.products import write_text

    paths = sorted(map(Path, options.frames))
    name = name_of(Sheet.of(read_image(paths[0], pixels=False)[1]), paths[0])
    target = Path(options.output or f"{name}.toml")
    if target.suffix != ".toml":
        raise UsageError(f"--output is {target}, expected a name that ends in .toml")
    if target.exists() and not options.overwrite:
        raise UsageError(f"{target}: is there already; give another --output, or --overwrite")
    name = Path(options.output).stem if options.output else name
    given = Given(name, tuple(map(Path, options.catalog)), center_of(options), tuple(map(typed, options.set)))
    found = draft(paths, given, _measured(options.calibration) if options.calibration else ())
    write_text(target, toml_of(found, name, len(paths)))
    load_camera(target)
    sys.stdout.write("".join(f"{line}\n" for line in told(found)) if not options.quiet else "")
    log.info("wrote %s", target)
    return 0


def _measured(folder: str) -> "list[Found]":
    """What calibration frames tell of the detector, of their first read mode."""
    from ngcmos.draft.detector import Range, found_of, frames_of, measure_all
    from ngcmos.profile import HeaderNames

    frames = frames_of([Path(folder)], HeaderNames())
    saturation_adu = max(float(frame.data.max()) for frame in frames) + 1.0
    first, *others = measure_all(frames, Range(saturation_adu))
    for one in others:
        log.warning("%s: not in this profile, one of its own is needed", one.mode)
    return found_of(first)


main = Command(__doc__, work, add_options=add_options, night=False, camera=False)
