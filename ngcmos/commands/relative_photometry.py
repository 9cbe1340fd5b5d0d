"""Light curves of all stars against comparison stars chosen for each: rel_phot_{field}.fits.

Lists of stars are text files, a Gaia or TIC id a line. They are kept in the night and count until changed.

Example:  ngcmos relative_photometry --night 20240705 --tmag_max 13
          ngcmos relative_photometry --night 20240705 --aper 5 --dmb 0.5 --dmf 1.5 --crop_size 1000
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.running import stage_command
from ngcmos.errors import UsageError, WorkError
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.job import Job

_WINDOWS = {
    "--dmb": "comparison stars at most so much brighter",
    "--dmf": "comparison stars at most so much fainter",
    "--dcolor": "comparison stars at most so far off in BP - RP",
}


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("--tmag_max", type=float, metavar="T", help="faintest star (default: the profile's)")
    parser.add_argument("--aper", type=float, metavar="R", help="one radius in pixels (default: each star's best)")
    for option, said in _WINDOWS.items():
        parser.add_argument(option, type=float, default=float("inf"), metavar="MAG", help=said)
    parser.add_argument(
        "--crop_size", type=float, default=float("inf"), metavar="PX", help="side of the square they lie in"
    )
    parser.add_argument("--comp_stars", metavar="FILE", help="compare with the stars of this list alone")
    parser.add_argument("--exclude", metavar="FILE", help="compare with no star of this list")
    parser.add_argument("--bin_size", type=int, default=0, metavar="N", help="add curves in bins of N frames")
    parser.add_argument(
        "--exposure",
        type=float,
        metavar="S",
        help="not needed: exposures are those of the frames; checked if given",
    )
    parser.add_argument("--overwrite", action="store_true", help="make curves anew that are made already")


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.lightcurves.choice import Choice
    from ngcmos.stages import relative_photometry

    choice = Choice(
        brighter_mag=options.dmb,
        fainter_mag=options.dmf,
        colour_mag=options.dcolor,
        box_px=options.crop_size,
    )
    wanted = relative_photometry.CurveOptions(
        tmag_max=options.tmag_max,
        radius_px=options.aper,
        bin_frames=options.bin_size,
        exptime_s=options.exposure,
        choice=choice,
    )
    lists = {"comp_stars": _listed(options.comp_stars), "exclude": _listed(options.exclude)}
    return relative_photometry.run(job, wanted, **lists, overwrite=options.overwrite)


def _listed(name: str | None) -> tuple[int, ...] | None:
    from ngcmos.night.starlists import read_star_list

    if name is None:
        return None
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"{path}: no such file, expected a list of stars")
    try:
        return read_star_list(path)
    except WorkError as error:
        raise UsageError(str(error)) from error


main = stage_command(Stage.RELATIVE_PHOTOMETRY, __doc__, work, add_options=add_options)
