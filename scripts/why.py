#!/usr/bin/env python3
"""Tell why: the story of a frame stage by stage, or all frames of a field or a night that were not measured.

A frame is named by its file's name, by a part of it that no other has (its time stamp), or by its path; a night by
its date or folder. Without anything it is the whole night. Nothing is changed, so this works while another run is
at the night.

Example:  python scripts/why.py 20240706072737751 --night 20240705
          python scripts/why.py NG2320-1302 --night 20240705
          python scripts/why.py 20240705
"""

import signal
import sys

from ngcmos import cli


def work(options):
    """Write the story to the standard output; the exit code."""
    from ngcmos.report import why

    text = why.run(
        options.wanted,
        camera=options.camera,
        config=options.config,
        directory=options.directory,
        night=options.night,
    )
    sys.stdout.write(text)
    return 0


def main(argv=None):
    """Run the script; the exit code."""
    parser = cli.parser_of(__doc__)
    parser.add_argument(
        "wanted", nargs="?", default="", metavar="FRAME|FIELD|NIGHT", help="what to tell of (default: the night)"
    )
    options = parser.parse_args(argv)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a word
    sys.stdout.reconfigure(errors="replace")  # whatever a terminal or cron cannot show
    return cli.guarded(lambda: work(options), options)


if __name__ == "__main__":
    sys.exit(main())
