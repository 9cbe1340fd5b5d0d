"""The code that is said to make a product is all the code that makes it: what its rooms import is in them too."""

import grimp
import pytest

from ngcmos.night.fingerprint import SHARED
from ngcmos.report import season_page
from ngcmos.season import read, update
from ngcmos.stages import noise_model, relative_photometry
from ngcmos.steps import measuring, shifts, solution

# what only carries values from place to place, and files, which enter by their own sums
CARRIERS = ("ngcmos.night", "ngcmos.config", "ngcmos.profile", "ngcmos.errors", "ngcmos.names", "ngcmos.arrays")
TABLES = ("ngcmos.tables.table", "ngcmos.tables.sums")  # the table enters by its checksum
SEASON_FILES = (
    "archive",
    "health",
    "season",
    "build",
    "known",
    "reader",
    "reductions",
    "scale",
    "seen",
    "source",
    "standing",
    "summary",
)
PRODUCTS = {
    "solution": (solution.ROOMS, ()),
    # the masters enter by their checksums, and pairs of stars are only carried
    "rows": (measuring.ROOMS, ("ngcmos.calibration.masters", "ngcmos.astrometry.spots", *TABLES)),
    "shifts": (shifts.ROOMS, ()),
    # the lists of stars enter by their text, the known ones by their ids
    "relative": (relative_photometry.ROOMS, (*TABLES, "ngcmos.steps.star_lists", "ngcmos.steps.known")),
    "noise": (noise_model.ROOMS, (*TABLES, "ngcmos.qc.shifts")),
    # the known stars enter by their digest
    "night of a season": (read.ROOMS, (*TABLES, "ngcmos.astrometry.known")),
    # nights enter by their marks, what of them was reduced otherwise by its text; memory aids change nothing
    "season": (update.ROOMS, tuple(f"ngcmos.season.{name}" for name in SEASON_FILES)),
    # the season enters by its mark, and the summaries of its nights
    "page": (season_page.ROOMS, ("ngcmos.season", "ngcmos.report.summary", "ngcmos.report.calibration")),
}


@pytest.fixture(scope="module")
def imports():
    return grimp.build_graph("ngcmos", exclude_type_checking_imports=True)


def is_within(module, rooms):
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("product", PRODUCTS)
def test_rooms_hold_what_they_import(imports, product):
    rooms, otherwise = PRODUCTS[product]
    known = (*rooms, *SHARED, *CARRIERS, *otherwise)
    made_by = [module for module in imports.modules if is_within(module, rooms)]
    missing = {
        f"{module} imports {other}"
        for module in made_by
        for other in imports.find_modules_directly_imported_by(module)
        if other != "ngcmos" and not is_within(other, known)
    }
    assert made_by
    assert not missing


def test_shared_arithmetic_imports_nothing_that_computes(imports):
    for module in SHARED:
        assert all(is_within(other, (*SHARED, *CARRIERS)) for other in imports.find_upstream_modules(module))
