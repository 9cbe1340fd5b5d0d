"""Put transits into the pixels of a copy of a solved night, to see whether they are found again.

The copy is a base folder of its own; the night is only read. injected.fits in the copy tells what was put where.

Example:  ngcmos inject_transits copy --night 20240705 --count 20 --depth 0.002 0.02
          ngcmos process_cmos --config copy/directories.json --night 20240705
          ngcmos relative_photometry --config copy/directories.json --night 20240705
"""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.running import NightCommand, log
from ngcmos.config import Config
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.folder import Night


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("target", help="folder to write; new or empty")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="stars of each field (%(default)s)")
    parser.add_argument(
        "--depth", type=float, nargs=2, default=(0.002, 0.02), metavar="D", help="range of the depths (0.002 0.02)"
    )
    parser.add_argument("--tmag_max", type=float, default=13.0, metavar="T", help="faintest star (%(default)s)")
    parser.add_argument("--tic_id", type=int, action="append", metavar="ID", help="only this star (repeatable)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same transits (%(default)s)")


def work(config: Config, night: "Night", options: Namespace) -> Outcome:
    """Write the copy."""
    from ngcmos.simulate.injection import TRUTH, Wanted, inject_night

    injected = inject_night(
        config,
        night,
        options.target,
        Wanted(
            options.count,
            tuple(options.depth),
            options.seed,
            options.tmag_max,
            options.tic_id,
        ),
    )
    outcome = Outcome("inject_transits")
    for one in injected:
        log.info("%s: TIC %d: depth %.4f", one.field, one.tic_id, one.signal.amplitude)
    outcome.done.append(TRUTH)
    return outcome


main = NightCommand(__doc__, work, add_options=add_options, lock=False)
