"""Say what cron will meet tonight: machine, packages, folders, room, clock, masters, catalogs, network.

Each finding is one line: good, remark or BAD, then what, then the remedy. The exit code is 0 only where nothing is
BAD. Start it as cron starts the chain: the same Python, the same --config and --camera. Nothing is changed.

Example:  ngcmos doctor --config /ngts/cmos/directories.json
"""

import collections
import functools
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ngcmos.commands.running import Command, write_for_pipes


def work(options: Namespace, checkout: Path | None = None) -> int:
    """Write the findings to the standard output as they are made; the exit code."""
    from ngcmos.doctor import doctor
    from ngcmos.names import Health

    write_for_pipes()
    counts: collections.Counter[str] = collections.Counter()
    for finding in doctor.run(
        camera=options.camera,
        config=options.config,
        directory=options.directory,
        night=options.night,
        checkout=checkout,
    ):
        counts[finding.verdict] += 1
        if finding.verdict == Health.BAD or not options.quiet:
            sys.stdout.write(f"{finding}\n")
            sys.stdout.flush()
    if counts[Health.BAD] or not options.quiet:
        verdict = "would NOT work" if counts[Health.BAD] else "would work"
        sys.stdout.write(f"Tonight {verdict}: {counts[Health.BAD]} BAD, {counts[Health.REMARK]} remarks\n")
    return 1 if counts[Health.BAD] else 0


def main(argv: Sequence[str] | None = None, *, prog: str | None = None, checkout: Path | None = None) -> int:
    """Run it; its exit code. `checkout` is where its script lies, if that started it."""
    return Command(__doc__, functools.partial(work, checkout=checkout))(argv, prog=prog)
