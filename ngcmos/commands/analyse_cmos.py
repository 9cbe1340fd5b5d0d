"""Show one star through the night, or over all nights: flux, sky, position and its place on the first frame.

The picture is light_curve_{gaia_id}_aperture_{R}.png in the night, or what --output names. A star of several
fields gets a picture of each: the first field, by name, has that name, the field is put behind it for the others.
Nothing is changed, so this works while another run is at the night.

With --nights it is shown over the nights of its season: side by side, folded by what the season has found or by
--period, and its periodogram; light_curve_{gaia_id}.png lies beside the season.

Example:  ngcmos analyse_cmos --night 20240705 --gaia_id 2395685455587424512 --bin 10min
          ngcmos analyse_cmos --nights all --gaia_id 2395685455587424512 --csv star.csv
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.parser import no_frame
from ngcmos.commands.running import NightCommand
from ngcmos.config import Config
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.lightcurves.series import BinLength
    from ngcmos.night.folder import Night


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    star = parser.add_mutually_exclusive_group(required=True)
    star.add_argument("--gaia_id", type=_id, metavar="ID", help="the star by its Gaia id")
    star.add_argument("--tic_id", type=_id, metavar="ID", help="the star by its TIC id")
    parser.add_argument(
        "--bin", type=_bin, metavar="N", help="bins of N frames, or of minutes as 10min; gaps are not bridged"
    )
    parser.add_argument(
        "--aper",
        type=float,
        metavar="R",
        help="radius in pixels, one of the table's (default: 5, else the middle one)",
    )
    parser.add_argument("--output", type=no_frame, metavar="FILE", help="the picture: .png, .pdf or .svg")
    parser.add_argument("--csv", type=no_frame, metavar="FILE", help="write the series as a table too: .csv")
    parser.add_argument("--show", action="store_true", help="open a window where there is a display")
    parser.add_argument(
        "--nights", metavar="NIGHTS", help="over the season: all, from and to as 20240701:20240930, or a list"
    )
    parser.add_argument(
        "--field", metavar="FIELD", help="the season of this field (default: all that have the star)"
    )
    parser.add_argument("--period", type=float, metavar="D", help="fold by so many days (with --nights)")
    parser.add_argument("--epoch", type=float, metavar="BJD", help="where the phase is 0 (with --period)")


def _id(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ArgumentTypeError(f"{text} is no id, expected a positive number")
    return value


def _bin(text: str) -> "BinLength":
    from ngcmos.lightcurves.series import parse_bin

    try:
        return parse_bin(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def work(config: Config, night: "Night", options: Namespace) -> Outcome:
    """Draw the star."""
    from ngcmos.report import star as analyse_cmos
    from ngcmos.report.wanted import Wanted

    wanted = Wanted(
        gaia_id=options.gaia_id,
        tic_id=options.tic_id,
        bin_length=options.bin,
        radius_px=options.aper,
        output=options.output,
        csv=options.csv,
        show=options.show,
    )
    return analyse_cmos.run(config, night, wanted)


def of_nights(options: Namespace) -> int:
    """Draw the star over its season; the exit code."""
    import logging

    from ngcmos.chain.nights import choose_nights
    from ngcmos.config import load_config
    from ngcmos.errors import UsageError
    from ngcmos.report.season_star import WantedOfSeason, run

    given = [name for name in ("night", "directory", "aper", "show") if getattr(options, name)]
    if given:
        raise UsageError(
            f"--{given[0]} does not go with --nights: the season has an aperture and nights of its own"
        )
    config = load_config(camera=options.camera, config=options.config)
    wanted = WantedOfSeason(
        gaia_id=options.gaia_id,
        tic_id=options.tic_id,
        nights=None if options.nights == "all" else choose_nights(config, options.nights),
        field=options.field,
        period_d=options.period,
        epoch_bjd=options.epoch,
        bin_length=options.bin,
        output=options.output,
        csv=options.csv,
    )
    outcome = run(config, wanted)
    logging.getLogger("ngcmos").info("%s", outcome.summary())
    return outcome.exit_code


main = NightCommand(__doc__, work, add_options=add_options, lock=False, of_nights=of_nights)
