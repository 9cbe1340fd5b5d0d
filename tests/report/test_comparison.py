"""Two tables of a night: one of them is changed by hand, and the change is demanded back."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import run_script

from ngcmos.errors import ProductError, WorkError
from ngcmos.lightcurves.summary import keep_summary
from ngcmos.night.products import summary_path
from ngcmos.report.comparison import compare_tables, compare_with_before, draw_changes, in_lines, tables_of


@pytest.fixture(scope="module")
def table(transit_night):
    [path] = transit_night[1].glob("phot_*.fits")
    return path


@pytest.fixture(scope="module")
def changed(table, tmp_path_factory):
    """Stars of 12 to 13 mag are 5 mmag brighter, errors halved, the last frame and the faintest star gone."""
    path = tmp_path_factory.mktemp("changed") / table.name
    with fits.open(table) as units:
        stars, frames = len(units["STARS"].data), len(units["FRAMES"].data)
        rows = np.array(units["PHOT"].data.view(np.ndarray)).reshape(frames, stars)
        bright = (rows["Tmag"] >= 12) & (rows["Tmag"] < 13)
        rows["flux_5"][bright] *= 10**0.002
        rows["fluxerr_5"] /= 2
        kept = rows[:-1, :-1].reshape(-1)
        header = units["PHOT"].header
        header["NSTARS"], header["NFRAMES"] = stars - 1, frames - 1
        for key in ("CHECKSUM", "DATASUM"):
            header.remove(key, ignore_missing=True)
        out = [units[0], fits.BinTableHDU(kept, header)]
        for name in ("STARS", "FRAMES"):
            part = Table.read(table, hdu=name, mask_invalid=False)[:-1]
            part.remove_column("checksum")  # as in older tables: these rows are not what was written
            part.meta.clear()
            out.append(fits.table_to_hdu(part))
            out[-1].name = name
        fits.HDUList(out).writeto(path)
    return path


def test_a_table_is_alike_itself(table):
    change = compare_tables("f", table, table)
    assert change.is_alike and change.made_otherwise == () and "alike" in in_lines(change)[0]
    assert all(one.offset == 0 and one.scatter[0] == one.scatter[1] for one in change.bins)


def test_what_was_changed_is_found(table, changed):
    change = compare_tables("f", table, changed)
    offsets = {one.tmag: one.offset for one in change.bins}
    assert offsets.pop(12) == pytest.approx(-5, abs=0.01) and max(map(abs, offsets.values())) < 0.01
    assert all(one.errors[1] / one.errors[0] == pytest.approx(0.5, abs=0.01) for one in change.bins)
    assert len(change.stars_lost) == len(change.frames_lost) == 1
    assert change.stars_gained == change.frames_gained == ()
    assert not change.is_alike


def test_scatter_is_that_of_the_noise(table):
    """Errors of this night are honest, so scatter and errors of faint stars agree to a fifth."""
    for one in compare_tables("f", table, table).bins:
        if one.tmag >= 13 and one.stars >= 20:
            assert one.scatter[0] == pytest.approx(one.errors[0], rel=0.2)


def test_the_page_tells_it(table, changed):
    text = draw_changes(table, changed, [compare_tables("NG", table, changed)])
    assert "NG: different" in text and "1 frames only in A" in text and "-5.000" in text


def test_tables_without_a_common_aperture_are_refused(table):
    with pytest.raises(WorkError, match="no common aperture of 9 px"):
        compare_tables("f", table, table, 9.0)


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(WorkError, match="no photometry"):
        tables_of(tmp_path)


def test_exit_codes_of_the_command(table, changed, tmp_path):
    same = shutil.copy(table, tmp_path / "other.fits")
    assert "alike" in run_script("compare_runs", table, same).stdout
    done = run_script("compare_runs", table, changed, "--output", tmp_path / "a.html", code=4)
    assert "DIFFERENT" in done.stdout and "different" in (tmp_path / "a.html").read_text()
    assert np.all([name in done.stdout for name in ("offset", "frames only in A")])


@pytest.fixture
def made_anew(table, changed, tmp_path):
    """The changed table in place of the first one, of which the summary was kept."""
    path = tmp_path / table.name
    shutil.copyfile(table, path)
    keep_summary(path)
    shutil.copyfile(changed, path)
    return path


def test_table_is_compared_with_what_it_was_before(made_anew, table, changed):
    """As with the table that is gone, but for the last frame, which only one of them has."""
    change, known = compare_with_before("f", made_anew), compare_tables("f", table, changed)
    assert (change.stars_lost, change.frames_lost) == (known.stars_lost, known.frames_lost)
    for one, other in zip(change.bins, known.bins, strict=True):
        assert one.offset == pytest.approx(other.offset, abs=0.3 * one.errors[0])
        assert one.errors == pytest.approx(other.errors, rel=0.01)
        if one.stars > 5:
            assert one.scatter == pytest.approx(other.scatter, rel=0.15)


def test_summary_holds_what_the_table_does(table, tmp_path):
    path = shutil.copyfile(table, tmp_path / table.name)
    keep_summary(path)
    change = compare_with_before("f", path)
    assert change.is_alike and max(abs(one.offset) for one in change.bins) < 0.001
    assert change.made_otherwise == () and change.stars_gained == change.frames_gained == ()


def test_damaged_summary_is_said(made_anew):
    summary_path(made_anew).write_text('{"tic_id": [1]}')
    with pytest.raises(ProductError, match="no summary of a photometry table"):
        compare_with_before("f", made_anew)


def test_script_compares_a_night_with_itself_before(made_anew):
    said = run_script("compare_runs", made_anew.parent, code=4).stdout
    assert "DIFFERENT" in said and "1 frames only in A" in said
    summary_path(made_anew).unlink()
    assert "no table there was made anew" in run_script("compare_runs", made_anew.parent, code=1).stderr
