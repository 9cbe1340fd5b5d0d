#!/usr/bin/env python3
"""Find the catalog of each field and solve every frame against it: WCS cards, catalogs, DS9 regions.

Example:  python scripts/simple_wrapper.py --night 20240705 --catalog tic.fits
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument(
        "--defocus", type=float, default=0.0, metavar="MM", help="defocus of the telescope (%(default)s)"
    )
    parser.add_argument(
        "--force3rd", action="store_true", help="fit the distortion to third order however few the stars"
    )
    parser.add_argument("--save_matched_cat", action="store_true", help="keep the matched stars of each frame")
    parser.add_argument(
        "--catalog",
        action="append",
        default=[],
        metavar="FILE",
        help="TIC extract instead of the network (repeatable)",
    )
    parser.add_argument("--only", choices=["catalog", "solve"], help="do this part alone")
    parser.add_argument("--overwrite", action="store_true", help="solve frames that are solved already")


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages.simple_wrapper import Part, SolveOptions, run

    chosen = SolveOptions(
        defocus_mm=options.defocus,
        force3rd=options.force3rd,
        save_matched_cat=options.save_matched_cat,
        catalogs=options.catalog,
        only=Part(options.only) if options.only else None,
        overwrite=options.overwrite,
    )
    return run(job, chosen)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.SIMPLE_WRAPPER, __doc__, work, add_options=add_options))
