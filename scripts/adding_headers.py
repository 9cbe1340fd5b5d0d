#!/usr/bin/env python3
"""Write AIRMASS and FILTER (where absent), BJD and HJD into the header of every frame of a night.

Example:  python scripts/adding_headers.py --night 20240705
"""

import sys

from ngcmos import cli


def work(config, night, options):
    """Run the stage over the night."""
    from ngcmos.stages import adding_headers

    return adding_headers.run(config, night, workers=options.workers, quiet=options.quiet)


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, work))
