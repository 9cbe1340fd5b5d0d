"""Which planted transits were found? `completeness.json` of a simulated season as the table of docs/precision.md.

``python tests/precision_planted.py SEASON`` after ``season.py --completeness`` over its nights.
"""

import argparse
import itertools
from pathlib import Path

from precision_sky import write_table

from ngcmos.season.archive import SeasonFolder
from ngcmos.season.injection import NAME, read_completeness


def rows(one):
    """Table rows: shares in per cent, a row a bin of magnitude."""
    for (low, high), found, tried in zip(itertools.pairwise(one.magnitudes), one.found, one.tried, strict=True):
        told = [f"{100 * some / many:.0f} %" if many else "" for some, many in zip(found, tried, strict=True)]
        yield f"{low:g}-{high:g} | {' | '.join(told)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("season", type=Path)
    [path] = (parser.parse_args().season / "nights" / "seasons").glob(f"*/{NAME}")
    one = read_completeness(SeasonFolder(path.parent))
    write_table(" | ".join(["Tmag", *(f"{100 * depth:g} % deep" for depth in one.depths)]), rows(one))


if __name__ == "__main__":
    main()
