#!/usr/bin/env python3
"""Run the chain over many nights, in processes of this machine or on a running Dask cluster.

Each night is done as run_night.py does it, by one process; --workers nights at once. A night in trouble does not
stop the others, one whose process dies is tried again, and a second run does only what is missing.

Example:  python scripts/run_nights.py --nights 20240701:20240731 --skip QC_control
"""

import sys

from ngcmos import cli


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument(
        "--nights",
        required=True,
        metavar="NIGHTS",
        help="from and to as 20240701:20240731 (those that are there), or a list as 20240701,20240705",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler that does the nights, as tcp://head:8786"
    )
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


def work(options):
    """Run the chain over the nights; the exit code."""
    from pathlib import Path

    from ngcmos.chain import nights
    from ngcmos.chain.night import RunOptions
    from ngcmos.config import load_config

    config = load_config(camera=options.camera, config=options.config)
    chosen = RunOptions(
        catalogs=[Path(file).absolute() for file in options.catalog],
        only=options.only,
        skip=options.skip,
        overwrite=options.overwrite,
    )
    dates = nights.choose_nights(config, options.nights)
    reports = nights.run(config, dates, chosen, workers=options.workers, scheduler=options.scheduler)
    return 1 if any(report.exit_code for report in reports) else 0


def main(argv=None):
    """Run the script; the exit code."""
    parser = cli.parser_of(__doc__, night=False, nights=True)
    add_options(parser)
    options = parser.parse_args(argv)
    return cli.guarded(lambda: work(options), options)


if __name__ == "__main__":
    sys.exit(main())
