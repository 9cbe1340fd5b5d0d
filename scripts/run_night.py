#!/usr/bin/env python3
"""Run the whole chain over a night, each stage only where something is missing.

QC_Donuts, QC_control, simple_wrapper, check_cmos, adding_headers, create_flats, process_cmos, relative_photometry,
noise_model, night_report, in this order. A stage that fails does not stop those that can still work; the exit code
tells, and the table at the end.

With --follow, started in the evening, it works on each frame as it comes, and does the rest at sunrise.

Example:  python scripts/run_night.py --night 20240705 --skip QC_control
"""

import sys

from ngcmos import cli


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument(
        "--catalog",
        action="append",
        default=[],
        metavar="FILE",
        help="TIC extract instead of the network (repeatable)",
    )
    parser.add_argument("--only", action="append", default=[], metavar="STAGE", help="run this stage (repeatable)")
    parser.add_argument(
        "--skip", action="append", default=[], metavar="STAGE", help="leave this one out (repeatable)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="solve, measure and compare anew what was done before"
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="begin tonight's (or the named) night now, frame by frame; ends by itself after sunrise",
    )


def choose_folder(config, options):
    """The night folder; with --follow that of tonight, waited for."""
    if options.follow:
        from ngcmos.chain.follow import wait_for_folder as find
    else:
        from ngcmos.night.folder import find_folder as find
    return find(config, directory=options.directory, night=options.night)


def work(config, night, options):
    """Run the chain over the night, first frame by frame where that is asked for."""
    from ngcmos.chain import night as chain

    if options.follow:
        from ngcmos.chain import follow

        follow.run(config, night, catalogs=options.catalog, quiet=options.quiet)
    chosen = chain.RunOptions(
        catalogs=options.catalog,
        only=options.only,
        skip=options.skip,
        overwrite=options.overwrite,
        commands=cli.commands_again(options, night.folder),
    )
    return chain.run(config, night.folder, chosen, workers=options.workers, quiet=options.quiet)


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, work, add_options=add_options, choose_folder=choose_folder))
