#!/usr/bin/env python3
"""Say what cron will meet tonight: machine, packages, folders, room, clock, masters, catalogs, network.

Each finding is one line: good, remark or BAD, then what, then the remedy. The exit code is 0 only where nothing is
BAD. Start it as cron starts the chain: the same Python, the same --config and --camera. Nothing is changed.

Example:  python scripts/doctor.py --config /ngts/cmos/directories.json
"""

import collections
import signal
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

try:
    from ngcmos import cli
except ImportError as error:  # the wrong Python is the first thing to be told
    version = sys.version.split()[0]
    python = CHECKOUT / ".venv" / "bin" / "python"
    sys.exit(f"BAD     Python {version}, {sys.executable}: {error} -> make install, then {python} {__file__}")


def work(options):
    """Write the findings to the standard output as they are made; the exit code."""
    from ngcmos.doctor import doctor
    from ngcmos.names import Health

    counts = collections.Counter()
    for finding in doctor.run(
        camera=options.camera,
        config=options.config,
        directory=options.directory,
        night=options.night,
        checkout=CHECKOUT,
    ):
        counts[finding.verdict] += 1
        if finding.verdict == Health.BAD or not options.quiet:
            sys.stdout.write(f"{finding}\n")
            sys.stdout.flush()
    if counts[Health.BAD] or not options.quiet:
        verdict = "would NOT work" if counts[Health.BAD] else "would work"
        sys.stdout.write(f"Tonight {verdict}: {counts[Health.BAD]} BAD, {counts[Health.REMARK]} remarks\n")
    return 1 if counts[Health.BAD] else 0


def main(argv=None):
    """Run the script; the exit code."""
    options = cli.parser_of(__doc__).parse_args(argv)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a word
    sys.stdout.reconfigure(errors="replace")  # whatever a terminal or cron cannot show
    return cli.guarded(lambda: work(options), options)


if __name__ == "__main__":
    sys.exit(main())
