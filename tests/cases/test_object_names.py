"""Names of targets as observers write them."""

import pytest
from astropy.table import Table
from spoilt_night import Case

from ngcmos.names import Stage
from ngcmos.simulate.troubles import rewrite, set_cards

OBJECTS = ["TIC-{}", "TIC {}", "TIC{}", "tic_{}", "TOI-9999 (TIC {})", "TIC 0{}", "WASP-12 b / TIC{}"]


@pytest.mark.parametrize("written", OBJECTS)
def test_target_is_known_however_it_is_written(copied: Case, written):
    copied.set_key("field_length = 0")
    for number, path in enumerate(copied.frames):
        rewrite(path, set_cards({"OBJECT": written.format(copied.truth.target)}))
        path.rename(path.with_name(f"frame-{number}.fits"))
    copied.reduce(Stage.SIMPLE_WRAPPER)
    [catalog] = copied.folder.glob("*catalog_input.fits")
    stars = Table.read(catalog)
    assert stars["tic_id"][stars["target"]].tolist() == [copied.truth.target]


@pytest.mark.parametrize("written", ["Wasp 43", "wasp/43", "WASP_43 b"])
def test_a_field_named_by_its_object_is_not_held_against_it(copied: Case, written, caplog):
    copied.set_key("field_length = 0")
    for number, path in enumerate(copied.frames):
        rewrite(path, set_cards({"OBJECT": written}))
        path.rename(path.with_name(f"frame-{number}.fits"))
    copied.reduce(Stage.SIMPLE_WRAPPER)
    assert "expected one that begins with" not in caplog.text
