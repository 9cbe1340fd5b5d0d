"""Run the chain over many nights, in processes of this machine or on a running Dask cluster.

Each night is done as run_night.py does it, by one process; --workers nights at once. A night in trouble does not
stop the others, one whose process dies is tried again, and a second run does only what is missing.

Example:  ngcmos run_nights --nights 20240701:20240731 --skip QC_control
"""

from argparse import ArgumentParser, Namespace

from ngcmos.commands.parser import add_chain_options, center_of
from ngcmos.commands.running import Command


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument(
        "--nights",
        required=True,
        metavar="NIGHTS",
        help="from and to as 20240701:20240731 (those that are there), or a list as 20240701,20240705",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler that does the nights, as tcp://head:8786"
    )
    add_chain_options(parser)


def work(options: Namespace) -> int:
    """Run the chain over the nights; the exit code."""
    from pathlib import Path

    from ngcmos.chain import nights
    from ngcmos.chain.night import RunOptions
    from ngcmos.config import load_config

    config = load_config(camera=options.camera, config=options.config)
    chosen = RunOptions(
        catalogs=[Path(file).absolute() for file in options.catalog],
        center=center_of(options),
        only=options.only,
        skip=options.skip,
        overwrite=options.overwrite,
    )
    dates = nights.choose_nights(config, options.nights)
    reports = nights.run(config, dates, chosen, workers=options.workers, scheduler=options.scheduler)
    return 1 if any(report.exit_code for report in reports) else 0


main = Command(__doc__, work, add_options=add_options, night=False, nights=True)
