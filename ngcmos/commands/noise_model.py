"""Scatter of all stars against magnitude with every noise term, each frame and in bins of 30 minutes.

With --timescale: scatter against the length of bins, from one exposure to an hour, for bins of magnitude or one
star; writes rms_timescale_{field}.json and .png. --compare DIR draws those of another night into the figure.

Writes rms_mags_phot_{field}_1.json, rms_mags_phot_{field}_30min.json and noise_model_{field}.png into the night.

Example:  ngcmos noise_model --night 20240705 --aper 5
          ngcmos noise_model --night 20240705 --timescale
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.running import stage_command
from ngcmos.errors import UsageError
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.job import Job


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("--aper", type=float, metavar="R", help="one radius in pixels (default: each star's best)")
    parser.add_argument("--tmag_max", type=float, metavar="T", help="faintest star (default: the profile's)")
    parser.add_argument("--bin", type=float, default=30.0, metavar="MIN", help="minutes of a bin (default: 30)")
    parser.add_argument("--overwrite", action="store_true", help="make files anew that are made already")
    parser.add_argument("--timescale", action="store_true", help="scatter against the length of bins instead")
    parser.add_argument("--gaia_id", type=int, metavar="ID", help="with --timescale: of this star")
    parser.add_argument(
        "--compare", type=Path, metavar="DIR", help="with --timescale: beside that of another night"
    )


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    if options.timescale:
        return _work_timescale(job, options)
    if options.gaia_id is not None or options.compare is not None:
        raise UsageError("--gaia_id and --compare belong to --timescale, expected it too")
    from ngcmos.stages.noise_model import NoiseOptions, run

    chosen = NoiseOptions(radius_px=options.aper, tmag_max=options.tmag_max, bin_minutes=options.bin)
    return run(job, chosen, overwrite=options.overwrite)


def _work_timescale(job: "Job", options: Namespace) -> Outcome:
    from ngcmos.report.timescale import TimescaleOptions, run

    chosen = TimescaleOptions(
        gaia_id=options.gaia_id, compare=options.compare, radius_px=options.aper, tmag_max=options.tmag_max
    )
    return run(job, chosen)


main = stage_command(Stage.NOISE_MODEL, __doc__, work, add_options=add_options)
