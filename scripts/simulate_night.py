#!/usr/bin/env python3
"""Write a night with known truth: raw frames, calibrations and catalog in a base folder that is ready to run.

Example:  python scripts/simulate_night.py demo-night --size 512 --frames 20 --fields 2
          python scripts/run_night.py --config demo-night/directories.json --camera demo-night/camera.toml \\
                                      --night 20240705
          python -m ngcmos.simulate.compare demo-night

Faults (--fault, repeatable, or all) put broken frames among those of the first field: an empty file, a truncated
one, no EXPTIME, a cloud, a jump ... A name that is not known lists them.
"""

import sys

from ngcmos import cli


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument("base", help="folder to write; new or empty")
    parser.add_argument(
        "--frames", type=int, default=20, metavar="N", help="good frames of each field (%(default)s)"
    )
    parser.add_argument(
        "--size", type=int, metavar="PX", help="rows and columns of the chip (default: the profile's)"
    )
    parser.add_argument(
        "--fields", type=int, default=1, metavar="N", help="fields, one after the other (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same night (%(default)s)")
    parser.add_argument(
        "--date", default="20240705", metavar="YYYYMMDD", help="evening of the night (%(default)s)"
    )
    parser.add_argument(
        "--cadence", type=float, default=13.0, metavar="S", help="seconds from frame to frame (%(default)s)"
    )
    parser.add_argument(
        "--exptime", type=float, default=10.0, metavar="S", help="seconds of exposure (%(default)s)"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="a broken frame (repeatable), or all"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier simulation")


def work(options):
    """Simulate the night; the exit code."""
    from ngcmos.config import load_camera
    from ngcmos.simulate.night import simulate_night

    night = simulate_night(
        options.base,
        load_camera(options.camera),
        size=options.size,
        overwrite=options.overwrite,
        date=options.date,
        fields=options.fields,
        frames=options.frames,
        seed=options.seed,
        exptime_s=options.exptime,
        cadence_s=options.cadence,
        faults=options.fault,
    )
    cli.log.info("simulated %s, its truth in %s", night.folder, night.base / "truth")
    return 0


def main(argv=None):
    """Run the script; the exit code."""
    parser = cli.parser_of(__doc__, night=False)
    add_options(parser)
    options = parser.parse_args(argv)
    return cli.guarded(lambda: work(options), options)


if __name__ == "__main__":
    sys.exit(main())
