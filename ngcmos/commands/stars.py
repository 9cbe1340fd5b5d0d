"""List the stars of a night, or of a season: ids, place, Tmag, scatter, what varies and with which period.

A line a star, the brightest first, or the nearest to a place. Scatters are relative (0.01 = 1 %). Nothing is
changed, so this works while another run is at the night.

Example:  ngcmos stars --night 20240705 --near 350.12 -13.03
          ngcmos stars --nights all --variable --csv variables.csv
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from ngcmos.commands.parser import no_frame
from ngcmos.commands.running import Command, answer


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("--nights", choices=["all"], help="those of the seasons, instead of a night's")
    parser.add_argument("--field", metavar="FIELD", help="of this field alone (default: all)")
    parser.add_argument("--variable", action="store_true", help="those that vary")
    parser.add_argument(
        "--near", nargs=2, type=float, metavar=("RA", "DEC"), help="the nearest first; degrees, ICRS"
    )
    parser.add_argument("--most", type=_count, metavar="N", help="at most so many")
    parser.add_argument("--csv", type=no_frame, metavar="FILE", help="write the list as a table instead: .csv")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of stars, expected 1 or more")
    return int(text)


def work(options: Namespace) -> int:
    """Write the list; the exit code."""
    from pathlib import Path

    from ngcmos.config import load_config
    from ngcmos.errors import UsageError
    from ngcmos.night.folder import find_folder
    from ngcmos.night.products import write_then_rename
    from ngcmos.report.stars import Choice, in_lines, require_stars, stars_of_night, stars_of_season

    near = (options.near[0], options.near[1]) if options.near else None
    choice = Choice(options.field, options.variable, near, options.most)
    if options.csv and not options.csv.endswith(".csv"):
        raise UsageError(f"--csv is {options.csv}, expected a name that ends in .csv")
    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    if options.nights:
        table = require_stars(stars_of_season(config.directories.base, choice), "the seasons")
    else:
        folder = find_folder(config, directory=options.directory, night=options.night)
        table = require_stars(stars_of_night(folder, choice), folder.name)
    if options.csv:
        with write_then_rename(Path(options.csv)) as temporary:
            table.write(temporary, format="ascii.csv")
        return 0
    answer("".join(f"{line}\n" for line in in_lines(table)))
    return 0


main = Command(__doc__, work, add_options=add_options)
