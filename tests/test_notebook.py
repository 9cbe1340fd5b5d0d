"""What notebooks read, held against the table itself, and the example notebook."""

import json
import shutil
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.timeseries import TimeSeries
from running import BARE, ROOT, run_stage

import ngcmos
from ngcmos.config import load_camera, load_config
from ngcmos.errors import NightError, ProductError, UsageError, WorkError
from ngcmos.names import Quality
from ngcmos.night.folder import open_night
from ngcmos.night.products import relative_path
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import process_cmos, relative_photometry, simple_wrapper
from ngcmos.tables.table import read_frames, read_stars


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Base folder of a measured night of two fields, where a demo night would lie."""
    base = tmp_path_factory.mktemp("notebook") / "demo-night"
    options = {"size": 320, "density": 2.0, "frames": 5, "cadence_s": 120.0, "fields": 2, "calibrations": 3}
    night = simulate_night(base, load_camera(), **options)
    config = load_config(camera=str(night.camera_file), config=str(night.directories_file))
    for stage in (simple_wrapper, process_cmos):
        assert run_stage(stage, config, open_night(config, night.folder)).exit_code == 0
    assert run_stage(relative_photometry, config, open_night(config, night.folder)).exit_code == 0
    return base


@pytest.fixture
def folder(base):
    """The night folder."""
    return base / "nights" / "20240705"


@pytest.fixture
def table(folder):
    """Path of the second field's table."""
    return sorted(folder.glob("phot_*.fits"))[1]


def test_light_curve_is_the_star_s_rows(folder, table):
    stars = read_stars(table)
    star = stars[stars["target"]][0]
    curve = ngcmos.read_light_curve(folder, tic_id=int(star["tic_id"]), aper=4)
    rows = Table.read(table, hdu="PHOT")
    rows = rows[rows["tic_id"] == star["tic_id"]]
    assert isinstance(curve, TimeSeries)
    assert (curve.time.scale, curve["flux"].unit.to_string()) == ("tdb", "adu")
    np.testing.assert_allclose(curve.time.jd, rows["jd_bary"], rtol=0, atol=1e-9)
    assert curve["flux"].value.tolist() == rows["flux_4"].tolist()
    assert curve["flux_err"].value.tolist() == rows["fluxerr_4"].tolist()
    assert read_frames(table)["frame_id"][curve["frame"]].tolist() == rows["frame_id"].tolist()
    assert (curve.meta["FIELD"], curve.meta["TIC_ID"]) == (table.stem.removeprefix("phot_"), star["tic_id"])


def test_all_columns_are_numbers(folder, table):
    curve = ngcmos.read_light_curve(folder, tic_id=int(read_stars(table)["tic_id"][0]))
    assert {curve[name].dtype.kind for name in curve.colnames[1:]} <= {"f", "i"}


def test_flux_against_comparison_stars_is_there_where_it_was_made(folder, table):
    made = relative_path(folder, table.stem.removeprefix("phot_"))
    stars = Table.read(made, hdu="STARS")
    star = stars[stars["points"] == 5][7]
    curve = ngcmos.read_light_curve(folder, tic_id=int(star["tic_id"]))
    rows = Table.read(made, hdu="REL_PHOT", mask_invalid=False)
    rows = rows[rows["TIC_ID"] == star["tic_id"]]
    assert curve["relative_flux"].tolist() == rows["Relative_Flux"].tolist()
    assert curve["relative_flux_err"].tolist() == rows["Relative_Flux_err"].tolist()
    words = Table.read(made, hdu="FRAMES")["quality"].astype(str)[: len(curve)]
    assert curve["quality"].tolist() == [Quality(word).bit for word in words]
    assert "0 good, 1 cloud, 2 jump" in curve.meta["QUALITY"]
    assert curve["frame"].tolist() == rows["frame"].tolist()


def test_star_that_was_not_compared_has_no_such_column(folder, table):
    stars = read_stars(table)
    faint = stars["tic_id"][(stars["Tmag"] > 15) & ~stars["target"]][0]
    assert "relative_flux" not in ngcmos.read_light_curve(folder, tic_id=int(faint)).colnames


def test_curves_of_an_earlier_table_do_not_count(folder, table, tmp_path):
    copy = tmp_path / "night"
    shutil.copytree(folder, copy)
    with fits.open(copy / table.name, mode="update") as units:
        units["PHOT"].header["CATSUM"] = "another"
    curve = ngcmos.read_light_curve(copy, tic_id=int(read_stars(table)["tic_id"][0]))
    assert "relative_flux" not in curve.colnames


def test_damaged_curves_are_told(folder, table, tmp_path):
    copy = tmp_path / "night"
    shutil.copytree(folder, copy)
    damaged = relative_path(copy, table.stem.removeprefix("phot_"))
    damaged.write_bytes(damaged.read_bytes()[:20000])
    with pytest.raises(ProductError, match=f"{damaged.name}: damaged or of another kind"):
        ngcmos.read_light_curve(copy, tic_id=int(read_stars(table)["tic_id"][0]))


def test_gaia_id_finds_the_same_star(folder, table):
    stars = read_stars(table)
    star = stars[stars["gaia_id"] > 0][3]
    curve = ngcmos.read_light_curve(str(folder), gaia_id=int(star["gaia_id"]))
    assert (curve.meta["TIC_ID"], curve.meta["APERTURE"]) == (star["tic_id"], 5)


def test_night_can_be_its_date(base, table):
    tic_id = int(read_stars(table)["tic_id"][0])
    curve = ngcmos.read_light_curve("20240705", tic_id=tic_id, config=base / "directories.json")
    assert len(curve) == 5


def test_photometry_is_the_whole_table(folder, table):
    rows = ngcmos.read_photometry(folder, table.stem.removeprefix("phot_"))
    assert len(rows) == 5 * len(read_stars(table))
    assert rows["frame_id"].dtype.kind == "U"


def test_field_must_be_named_where_there_are_several(folder, table):
    with pytest.raises(UsageError, match=f"several fields, expected one of NG.*{table.stem[5:]}"):
        ngcmos.read_photometry(folder)


def test_field_that_is_not_there_is_told(folder):
    with pytest.raises(NightError, match="no photometry of NG9999-0000, expected one of NG"):
        ngcmos.read_photometry(folder, "NG9999-0000")


def test_star_that_is_not_there_is_told(folder):
    with pytest.raises(WorkError, match="no star with tic_id 5"):
        ngcmos.read_light_curve(folder, tic_id=5)


def test_damaged_table_is_told_where_no_other_holds_the_star(folder, table, tmp_path):
    copy = tmp_path / "night"
    copy.mkdir()
    for path in folder.glob("phot_*"):
        shutil.copy(path, copy)
    tic_id = int(read_stars(table)["tic_id"][0])
    (copy / table.name).write_bytes(table.read_bytes()[:-2880])
    with pytest.raises(ProductError, match=table.name):
        ngcmos.read_light_curve(copy, tic_id=tic_id)


@pytest.mark.parametrize("ids", [{}, {"gaia_id": 1, "tic_id": 2}])
def test_one_id_is_needed(folder, ids):
    with pytest.raises(UsageError, match="expected one of gaia_id and tic_id"):
        ngcmos.read_light_curve(folder, **ids)


def test_radius_that_was_not_measured_is_told(folder, table):
    with pytest.raises(UsageError, match="no aperture of 9 px, expected one of 2, 3, 4, 5, 6"):
        ngcmos.read_light_curve(folder, tic_id=int(read_stars(table)["tic_id"][0]), aper=9)


@pytest.mark.parametrize("night", ["/nonexistent/20240705", "nowhere"])
def test_night_that_is_not_there_is_told(night):
    with pytest.raises(NightError, match="is not a folder"):
        ngcmos.read_light_curve(night, tic_id=1)


def test_night_without_photometry_is_told(tmp_path):
    with pytest.raises(NightError, match=r"no phot_\*.fits, expected one a field; run process_cmos first"):
        ngcmos.read_photometry(tmp_path)


def test_import_of_the_package_alone_loads_nothing():
    code = "import sys, ngcmos; print([name for name in ('numpy', 'astropy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=BARE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'read_nothing'"):
        ngcmos.read_nothing  # noqa: B018 - asking is the test


def test_example_notebook_runs(base, tmp_path):
    """Its code cells one after the other in docs/, as a notebook would, without a display."""
    content = json.loads((ROOT / "docs" / "light_curve.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    code = "\n".join([*cells, "assert abs(flux - 1).max() < 0.1 and len(flux) == 5"])
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # found already: looking for them is told
    env = BARE | {"MPLBACKEND": "agg", "HOME": str(tmp_path)} | fonts
    (base.parent / "docs").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=base.parent / "docs",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
