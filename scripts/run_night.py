#!/usr/bin/env python3
"""Run the whole chain over a night, each stage only where something is missing.

QC_Donuts, QC_control, simple_wrapper, check_cmos, adding_headers, create_flats, process_cmos, night_report, in
this order. A stage that fails does not stop those that can still work; the exit code tells, and the table at the
end.

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


def work(config, night, options):
    """Run the chain over the night."""
    from ngcmos import chain

    return chain.run(
        config,
        night.folder,
        catalogs=options.catalog,
        only=options.only,
        skip=options.skip,
        workers=options.workers,
        quiet=options.quiet,
        commands=cli.commands_again(options, night.folder),
    )


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, work, add_options=add_options))
