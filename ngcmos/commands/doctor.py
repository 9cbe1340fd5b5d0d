"""Say what cron will meet tonight: machine, packages, folders, room, clock, masters, catalogs, network.

Each finding is one line: good, remark or BAD, then what, then the remedy. The exit code is 0 only where nothing is
BAD. Start it as cron starts the chain: the same Python, the same --config and --camera. Nothing is changed.

With --frame it says instead what the camera profile reads out of a frame, and what contradicts it.

Example:  ngcmos doctor --config /ngts/cmos/directories.json
          ngcmos doctor --camera my_camera.toml --frame light_0001.fits
"""

import collections
import functools
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.running import Command, answer

if TYPE_CHECKING:
    from ngcmos.doctor.finding import Findings


def work(options: Namespace, checkout: Path | None = None) -> int:
    """Write the findings to the standard output as they are made; the exit code."""
    from ngcmos.doctor import doctor
    from ngcmos.names import Health

    counts: collections.Counter[str] = collections.Counter()
    for finding in (
        of_frame(options)
        if options.frame
        else doctor.run(
            camera=options.camera,
            config=options.config,
            directory=options.directory,
            night=options.night,
            checkout=checkout,
        )
    ):
        counts[finding.verdict] += 1
        if finding.verdict == Health.BAD or not options.quiet:
            answer(f"{finding}\n")
    if counts[Health.BAD] or not options.quiet:
        subject = "This frame" if options.frame else "Tonight"
        verdict = "would NOT work" if counts[Health.BAD] else "would work"
        answer(f"{subject} {verdict}: {counts[Health.BAD]} BAD, {counts[Health.REMARK]} remarks\n")
    return 1 if counts[Health.BAD] else 0


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("--frame", metavar="FILE", help="hold the camera profile against this frame instead")


def of_frame(options: Namespace) -> "Findings":
    """Findings about the profile and one frame."""
    from ngcmos.config import load_camera
    from ngcmos.doctor.frame import check_frame

    return check_frame(Path(options.frame), load_camera(options.camera))


def main(argv: Sequence[str] | None = None, *, prog: str | None = None, checkout: Path | None = None) -> int:
    """Run it; its exit code. `checkout` is where its script lies, if that started it."""
    return Command(__doc__, functools.partial(work, checkout=checkout), add_options=add_options)(argv, prog=prog)
