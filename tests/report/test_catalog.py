"""What the page tells of a star catalog."""

import datetime

import numpy as np
import pytest
from astropy.table import Table

from ngcmos.night.products import catalog_path, write_table
from ngcmos.report.catalog import read_catalog_facts, say_catalog

TODAY = datetime.date(2024, 7, 6)


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({}, "Catalog: 3 stars."),
        (
            {"SOURCE": "/n/tic.fits", "FETCHED": "", "COVERED": 1.0},
            "3 stars of /n/tic.fits; it covers 100.0% of the",
        ),
        (
            {"SOURCE": "IV/39/tic82", "FETCHED": "2024-05-06"},
            "3 stars of IV/39/tic82, had on 2024-05-06, 61 days ago.",
        ),
    ],
)
def test_source_age_and_coverage_are_told(tmp_path, meta, told):
    write_table(catalog_path(tmp_path, "NG1"), Table({"tic_id": np.arange(3)}, meta=meta))
    assert told in say_catalog(read_catalog_facts(tmp_path, "NG1"), TODAY)


def test_catalog_that_is_not_there_or_damaged_is_none(tmp_path):
    assert read_catalog_facts(tmp_path, "NG1") is None
    catalog_path(tmp_path, "NG1").write_bytes(b"SIMPLE")
    assert read_catalog_facts(tmp_path, "NG1") is None
