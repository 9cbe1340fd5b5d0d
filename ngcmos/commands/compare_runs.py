"""Tell what another reduction has changed: two nights, or two photometry tables, star by star.

Per magnitude: offset, scatter and errors; stars and frames that came or went; what the tables were made of. Ends
with 0 where they are alike, with 4 where they differ: offsets of more than 1 mmag, scatter or errors by more than
2 %, other stars or frames.

With one night alone it is compared with what it was before --overwrite made it anew.

Example:  ngcmos compare_runs /ngts/cmos/20240705 /tmp/again/20240705 --output compared.html
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.parser import no_frame
from ngcmos.commands.running import Command, answer

if TYPE_CHECKING:
    from ngcmos.report.comparison import Change


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("a", metavar="A", help="a night folder, or a table phot_{field}.fits")
    parser.add_argument("b", metavar="B", nargs="?", help="the other one; none: A as it was before --overwrite")
    parser.add_argument("--aper", type=float, metavar="R", help="radius in px; 5 if not given")
    parser.add_argument("--output", type=no_frame, metavar="FILE", help="a page too: .html")


def work(options: argparse.Namespace) -> int:
    """Compare them; the exit code."""
    from ngcmos.errors import UsageError
    from ngcmos.night.products import write_text
    from ngcmos.report.comparison import DIFFERENT, draw_changes, in_lines

    if options.output and not options.output.endswith(".html"):
        raise UsageError(f"--output is {options.output}, expected a name that ends in .html")
    a = Path(options.a)
    changes, apart = _with_other(a, options) if options.b else _with_before(a, options)
    lines = [line for change in changes for line in in_lines(change)]
    lines += [f"only in one of them: {', '.join(apart)}"] if apart else []
    if options.output:
        write_text(
            Path(options.output),
            draw_changes(f"{a}" if options.b else f"{a} before", options.b or str(a), changes),
        )
    answer("".join(f"{line}\n" for line in lines))
    return 0 if not apart and all(change.is_alike for change in changes) else DIFFERENT


def _with_other(a: Path, options: argparse.Namespace) -> "tuple[list[Change], list[str]]":
    """(changes from A to B, fields that only one of them has)."""
    from ngcmos.errors import WorkError
    from ngcmos.report.comparison import compare_tables, tables_of

    b = Path(options.b)
    before, after = tables_of(a), tables_of(b)
    if len(before) == len(after) == 1:  # two tables may be of any names
        after = dict(zip(before, after.values(), strict=True))
    fields = [field for field in before if field in after]
    if not fields:
        raise WorkError(f"{a} and {b} have no field in common")
    changes = [compare_tables(field, before[field], after[field], options.aper) for field in fields]
    return changes, sorted(set(before) ^ set(after))


def _with_before(a: Path, options: argparse.Namespace) -> "tuple[list[Change], list[str]]":
    """(changes of A since it was made anew, nothing)."""
    from ngcmos.errors import UsageError, WorkError
    from ngcmos.night.products import summary_path
    from ngcmos.report.comparison import compare_with_before, tables_of

    if options.aper:
        raise UsageError("--aper: what a table was before is known in one aperture only, expected a second night")
    tables = {field: table for field, table in tables_of(a).items() if summary_path(table).exists()}
    if not tables:
        raise WorkError(
            f"{a}: no table there was made anew, expected two nights or one that was run with --overwrite"
        )
    return [compare_with_before(field, table) for field, table in tables.items()], []


main = Command(__doc__, work, add_options=add_options, night=False, camera=False)
