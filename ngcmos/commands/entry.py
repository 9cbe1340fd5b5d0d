"""`ngcmos NAME [options]`, and `python -m ngcmos NAME [options]`."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import ngcmos
from ngcmos.commands.listing import NAMES, command_of, listed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that is named; its exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    if not given or given[0] not in NAMES:
        _answer(given)
    return command_of(given[0])(given[1:], prog=f"ngcmos {given[0]}")


def _answer(given: list[str]) -> NoReturn:
    """Tell what was asked for (--help, --version), or that it is no command, and end."""
    parser = argparse.ArgumentParser(
        prog="ngcmos",
        usage="ngcmos COMMAND [options]",
        description="\n".join(["From a night of raw CMOS frames to light curves.", "", *listed()]),
        epilog="What a command does and its options: ngcmos COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ngcmos {ngcmos.__version__}")
    parser.add_argument("command", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.parse_args(given[:1])
    parser.error(f"no command {given[0]}, expected one of {', '.join(NAMES)}")
