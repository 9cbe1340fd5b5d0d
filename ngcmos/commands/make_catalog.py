"""Make a local star catalog of tables of Gaia or Tycho-2, in place of the TIC of VizieR.

Read are downloads of the Gaia archive (CSV, ECSV, VOTable, FITS), VizieR's Gaia and Tycho-2 tables, and index
files of astrometry.net that hold their stars' columns. Places are brought to J2000, Tmag comes from the published
relation with G, BP and RP. The result is what --catalog and `catalog.local` take.

Example:  ngcmos make_catalog gaia.csv --output stars.fits
          ngcmos run_night --night 20240705 --catalog stars.fits
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ngcmos.commands.running import Command, log


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("tables", nargs="+", metavar="TABLE", help="tables of Gaia or Tycho-2")
    parser.add_argument("--output", required=True, metavar="FILE", help="the catalog: .fits")
    parser.add_argument("--tmag_max", type=float, metavar="T", help="leave fainter stars out")
    parser.add_argument("--overwrite", action="store_true", help="replace a catalog of that name")


def work(options: Namespace) -> int:
    """Write the catalog; the exit code."""
    import numpy as np
    from astropy.table import vstack

    from ngcmos.astrometry.downloads import rows_of
    from ngcmos.errors import CatalogError, UsageError
    from ngcmos.night.products import write_table

    target = Path(options.output)
    if target.suffix != ".fits":
        raise UsageError(f"--output is {target}, expected a name that ends in .fits")
    if target.exists() and not options.overwrite:
        raise UsageError(f"{target}: is there already; give another --output, or --overwrite")
    if target.exists() and not is_table(target):
        raise UsageError(f"{target}: is no table of stars, and is not replaced; give another --output")
    rows = vstack([rows_of(Path(table)) for table in options.tables])
    bright = np.ma.filled(np.ma.asarray(rows["Tmag"]), np.nan) <= (options.tmag_max or np.inf)
    if not bright.any():
        raise CatalogError(f"{', '.join(options.tables)}: no star with a magnitude, expected some")
    write_table(target, rows[bright])
    log.info("wrote %s: %d of %d stars", target, bright.sum(), len(rows))
    return 0


def is_table(path: Path) -> bool:
    """Whether a FITS file is a table as catalogs are: no image that could be a frame, and readable."""
    from astropy.io import fits

    try:
        with fits.open(path) as units:
            return not any(unit.is_image and unit.header["NAXIS"] for unit in units)
    except (OSError, KeyError):
        return False


main = Command(__doc__, work, add_options=add_options, night=False, camera=False)
