#!/usr/bin/env python3
"""Write a night with known truth: raw frames, calibrations, catalog; a base folder ready to run."""

import argparse
import sys

from ngcmos.config import DEFAULT_CAMERA, load_camera
from ngcmos.errors import NgcmosError
from ngcmos.simulate.faults import FAULTS
from ngcmos.simulate.night import simulate_night


def parse(argv):
    """The options of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="folder to write; new or empty")
    parser.add_argument("--frames", type=int, default=20, help="good frames of each field")
    parser.add_argument("--size", type=int, help="rows and columns of the chip (default: as the profile says)")
    parser.add_argument("--fields", type=int, default=1, help="fields, one after the other")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same night")
    parser.add_argument("--date", default="20240705", help="evening of the night, YYYYMMDD")
    parser.add_argument("--cadence", type=float, default=13.0, help="seconds from frame to frame")
    parser.add_argument("--exptime", type=float, default=10.0, help="seconds")
    parser.add_argument("--camera", default=DEFAULT_CAMERA, help="name of a camera profile, or its file")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a broken frame in the first field (repeatable): all, {', '.join(FAULTS)}",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier simulation")
    return parser.parse_args(argv)


def main(argv=None):
    """Run the script; the exit code."""
    options = parse(argv)
    try:
        simulate_night(
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
    except NgcmosError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
