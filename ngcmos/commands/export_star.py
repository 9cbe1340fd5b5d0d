"""Write the light curve of a star for other houses: CSV, ECSV, AAVSO, ExoClock, ExoFOP.

The file lies in the night (for several nights in the first of them), or where --output says; ExoClock and ExoFOP
get notes beside it, ExoFOP a picture too. Reads phot_{field}.fits and rel_phot_{field}.fits; works while another
run is at the night.

Example:  ngcmos export_star --night 20240705 --gaia_id 2395685455587424512 --format aavso --obscode ABC
"""

import argparse
from pathlib import Path

from ngcmos.commands.parser import no_frame
from ngcmos.commands.running import Command
from ngcmos.commands.star import add_nights, add_star, folders_of, star_of

FORMATS = ("csv", "ecsv", "aavso", "aavso-exoplanet", "exoclock", "exofop")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command alone."""
    add_star(parser)
    add_nights(parser)
    parser.add_argument("--format", choices=FORMATS, default="csv", help="who reads it; csv if not given")
    parser.add_argument("--output", type=no_frame, metavar="FILE", help="another name for the file")
    parser.add_argument("--obscode", default="", metavar="CODE", help="the observer's code with the AAVSO")
    parser.add_argument("--name", default="", metavar="NAME", help="what the receiver calls the star")


def work(options: argparse.Namespace) -> int:
    """Write it; the exit code."""
    from ngcmos.config import load_config
    from ngcmos.report.export import Format, WantedExport, run

    output = Path(options.output) if options.output else None
    wanted = WantedExport(star_of(options), Format(options.format), output, options.obscode, options.name)
    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    return run(config, folders_of(config, options), wanted).exit_code


main = Command(__doc__, work, add_options=add_options)
