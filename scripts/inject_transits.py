#!/usr/bin/env python3
"""Put transits into the pixels of a copy of a solved night, to see whether they are found again.

The copy is a base folder of its own; the night is only read. injected.fits in the copy tells what was put where.

Example:  python scripts/inject_transits.py copy --night 20240705 --count 20 --depth 0.002 0.02
          python scripts/process_cmos.py --config copy/directories.json --night 20240705
          python scripts/relative_photometry.py --config copy/directories.json --night 20240705
"""

import sys

from ngcmos import cli


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument("target", help="folder to write; new or empty")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="stars of each field (%(default)s)")
    parser.add_argument(
        "--depth", type=float, nargs=2, default=(0.002, 0.02), metavar="D", help="range of the depths (0.002 0.02)"
    )
    parser.add_argument("--tmag_max", type=float, default=13.0, metavar="T", help="faintest star (%(default)s)")
    parser.add_argument("--tic_id", type=int, action="append", metavar="ID", help="only this star (repeatable)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same transits (%(default)s)")


def work(config, night, options):
    """Write the copy."""
    from ngcmos.night.outcome import Outcome
    from ngcmos.simulate.injection import TRUTH, Wanted, inject_night

    injected = inject_night(
        config,
        night,
        options.target,
        Wanted(options.count, tuple(options.depth), options.seed, options.tmag_max, options.tic_id),
    )
    outcome = Outcome("inject_transits")
    for one in injected:
        cli.log.info("%s: TIC %d: depth %.4f", one.field, one.tic_id, one.signal.amplitude)
    outcome.done.append(TRUTH)
    return outcome


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, work, add_options=add_options, lock=False))
