#!/usr/bin/env python3
"""Make master_flat.fits of a night from its evening (else morning) twilight flats.

Example:  python scripts/create_flats.py --night 20240705
"""

import sys

from ngcmos import cli


def work(config, night, options):
    """Run the stage over the night."""
    from ngcmos.stages import create_flats

    return create_flats.run(config, night)


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, work))
