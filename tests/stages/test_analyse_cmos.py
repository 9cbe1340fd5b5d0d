"""One star of a simulated night: its transit, its picture, its table, and what is said where it is not there."""

import logging
import re
import shutil
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import let_rest, night_options, run_script
from table_sums import renew_sums

from ngcmos.errors import UsageError, WorkError
from ngcmos.lightcurves.series import BinLength
from ngcmos.night.folder import open_night, set_aside
from ngcmos.night.lock import hold_night
from ngcmos.report import star as analyse_cmos
from ngcmos.report.wanted import Wanted
from ngcmos.simulate.signals import extinction_factor
from ngcmos.tables.table import read_stars
from ngcmos.tables.writer import columns, write_photometry

RADIUS_PX = 5.0
VERMILION = (213, 94, 0)


@pytest.fixture
def analyse(solved_night):
    """Function that analyses a star of the solved night, or of another folder, quiet about the config."""
    config, folder, _ = solved_night

    def run(target=folder, **options):
        return analyse_cmos.run(config, open_night(config, target), Wanted(**options))

    return run


@pytest.fixture
def copied(solved_night, tmp_path):
    """A copy of the solved night that a test may change."""
    _, folder, _ = solved_night
    return shutil.copytree(folder, tmp_path / folder.name)


@pytest.fixture
def target(solved_night):
    """(gaia_id, tic_id) of the first field's target."""
    truth = solved_night[2][0]
    return int(truth.stars["gaia_id"][0]), truth.target


def csv_of(analyse, tmp_path, **options):
    path = tmp_path / "series.csv"
    analyse(output=tmp_path / "star.png", csv=path, **options)
    return Table.read(path, format="ascii.csv", comment="#")


def test_planted_transit_appears_in_the_series(analyse, solved_night, target, tmp_path):
    truth = solved_night[2][0]
    series = csv_of(analyse, tmp_path, gaia_id=target[0])
    light = series["flux"] / truth.scintillation[:, 0] / truth.frames["transparency"]
    light /= [extinction_factor(airmass) for airmass in truth.frames["airmass"]]
    star = truth.stars[0]
    phase = np.abs(series["jd_bary"] - star["epoch_bjd"]) / star["duration_d"]
    depth = 1 - light[phase < 0.35].mean() / light[phase > 0.5].mean()
    assert star["amplitude"] == 0.01
    assert depth == pytest.approx(0.01, abs=0.003)


def test_series_tells_whose_it_is(analyse, target, tmp_path):
    path = tmp_path / "series.csv"
    analyse(gaia_id=target[0], radius_px=5.0, output=tmp_path / "star.png", csv=path)
    lines = dict(line[2:].split(": ", 1) for line in path.read_text().splitlines() if line.startswith("# "))
    assert lines["star"].startswith(f"Gaia {target[0]}, TIC {target[1]}, Tmag ")
    assert list(lines) == ["star", "place", "field", "aperture", "units", "time", "made by"]
    assert lines["aperture"] == "5 px" and "profile ngts_cmos, fingerprint " in lines["made by"]


def test_series_is_where_and_when_the_star_was(analyse, solved_night, target, tmp_path):
    truth = solved_night[2][0]
    series = csv_of(analyse, tmp_path, tic_id=target[1])
    assert series["x"] == pytest.approx(truth.x[:, 0] + 1, abs=0.1)
    assert series["y"] == pytest.approx(truth.y[:, 0] + 1, abs=0.1)
    assert np.abs(series["jd_bary"] - truth.bjd[:, 0]).max() * 86400 < 0.01
    assert series["frame_id"].tolist() == truth.frames["file"].tolist()


def test_csv_equals_the_table(analyse, solved_night, target, tmp_path):
    _, folder, truths = solved_night
    series = csv_of(analyse, tmp_path, gaia_id=target[0], radius_px=3.0)
    rows = fits.getdata(folder / f"phot_{truths[0].field}.fits", "PHOT")
    rows = rows[rows["gaia_id"] == target[0]]
    for name in set(series.colnames) - {"quality", "exptime_s"}:  # of FRAMES
        column = f"{name}_3" if name in ("flux", "fluxerr", "max_pixel_value") else name
        assert np.array_equal(series[name], rows[column]), name


def test_csv_holds_nan_for_frames_without_a_flux(analyse, solved_night, tmp_path):
    stars = read_stars(solved_night[1] / f"phot_{solved_night[2][0].field}.fits")
    off = next(s for s in stars["tic_id"] if not np.isfinite(flux_of(solved_night, s)).any())
    series = csv_of(analyse, tmp_path, tic_id=int(off), bin_length=BinLength(frames=3))
    assert np.isnan(series["flux"]).all()
    assert (tmp_path / "star.png").stat().st_size > 10_000


def flux_of(solved_night, tic_id):
    rows = fits.getdata(solved_night[1] / f"phot_{solved_night[2][0].field}.fits", "PHOT")
    return rows["flux_5"][rows["tic_id"] == tic_id]


def picture(path):
    """Red, green, blue (rows from the top, columns, 3) of a PNG, 0 to 255."""
    from matplotlib.image import imread

    return np.round(imread(path)[..., :3] * 255).astype(int)


def test_aperture_lies_on_the_star(analyse, target, tmp_path):
    analyse(gaia_id=target[0], output=tmp_path / "star.png")
    image = picture(tmp_path / "star.png")
    rows, cols = np.nonzero(np.abs(image - VERMILION).max(axis=2) < 12)
    in_cut_out = (cols > 0.7 * image.shape[1]) & (rows < 0.65 * image.shape[0])
    top, bottom = np.percentile(rows[in_cut_out], [0, 100])
    left, right = np.percentile(cols[in_cut_out], [0, 100])
    scale = (right - left + bottom - top) / 2 / (2 * RADIUS_PX)
    y, x = (top + bottom) / 2, (left + right) / 2
    r, c = np.indices(image.shape[:2])
    near = np.hypot(r - y, c - x) < 4 * scale
    dark = np.where(near, 255 - image.sum(axis=2) / 3, 0)
    dark[dark < 40] = 0
    assert dark.sum() > 0
    found = (dark * c).sum() / dark.sum(), (dark * r).sum() / dark.sum()
    assert found == pytest.approx((x, y), abs=0.3 * scale)


def test_picture_is_named_after_the_star_and_is_no_science_frame(analyse, solved_night, copied, target):
    config, folder, _ = solved_night
    outcome = analyse(copied, gaia_id=target[0])
    assert [path.name for path in outcome.products] == [f"light_curve_{target[0]}_aperture_5.png"]
    assert outcome.products[0].parent == copied
    assert len(open_night(config, copied).frames) == len(open_night(config, folder).frames)


def test_picture_of_a_tic_star_says_so_in_its_name(analyse, copied, target):
    (path,) = analyse(copied, tic_id=target[1], radius_px=3).products
    assert path.name == f"light_curve_TIC_{target[1]}_aperture_3.png"


def test_nothing_else_is_written(analyse, copied, target):
    def state():
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in copied.rglob("*")}

    before = state()
    (path,) = analyse(copied, gaia_id=target[0], bin_length=BinLength(minutes=10)).products
    after = state()
    assert after.pop(path)
    assert after == before


@pytest.mark.parametrize(("ending", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")])
def test_ending_chooses_the_kind_of_picture(analyse, target, tmp_path, ending, start):
    analyse(gaia_id=target[0], output=tmp_path / f"star.{ending}")
    assert (tmp_path / f"star.{ending}").read_bytes().startswith(start)


def test_binned_points_are_drawn(analyse, target, tmp_path):
    for name, length in [("plain", None), ("frames", BinLength(frames=4)), ("minutes", BinLength(minutes=8))]:
        analyse(gaia_id=target[0], output=tmp_path / f"{name}.svg", bin_length=length)
    texts = {name: (tmp_path / f"{name}.svg").read_text() for name in ("plain", "frames", "minutes")}
    assert {name: "<!-- binned -->" in text for name, text in texts.items()} == {
        "plain": False,
        "frames": True,
        "minutes": True,
    }


def test_a_second_star_is_another_one(analyse, solved_night, tmp_path):
    truth = solved_night[2][1]
    row = next(
        i for i, s in enumerate(truth.stars) if i and not s["blended"] and 11 < s["Tmag"] < 13 and inside(truth, i)
    )
    series = csv_of(analyse, tmp_path, gaia_id=int(truth.stars["gaia_id"][row]))
    assert series["x"] == pytest.approx(truth.x[:, row] + 1, abs=0.1)


def inside(truth, row):
    return 30 < truth.x[0, row] < 290 and 30 < truth.y[0, row] < 290


def test_a_star_of_two_fields_gets_a_picture_of_each(analyse, solved_night, copied, target, tmp_path):
    field = solved_night[2][0].field
    shutil.copy(copied / f"phot_{field}.fits", copied / "phot_NG9999-9999.fits")
    outcome = analyse(copied, gaia_id=target[0], output=tmp_path / "star.png", csv=tmp_path / "star.csv")
    assert {path.name for path in outcome.products} == {
        "star.png",
        "star.csv",
        "star_NG9999-9999.png",
        "star_NG9999-9999.csv",
    }


def test_a_damaged_table_of_another_field_hides_no_star(analyse, solved_night, copied, target, tmp_path):
    other = copied / f"phot_{solved_night[2][1].field}.fits"
    other.write_bytes(other.read_bytes()[:100_000])
    outcome = analyse(copied, gaia_id=target[0], output=tmp_path / "star.png")
    assert (tmp_path / "star.png").exists()
    assert outcome.exit_code == 1
    assert other.name in outcome.troubles[0]


def test_first_image_is_found_where_it_was_set_aside(analyse, solved_night, copied, target, tmp_path):
    first = copied / solved_night[2][0].frames["file"][0]
    set_aside(first, "failed_donuts")
    analyse(copied, gaia_id=target[0], output=tmp_path / "star.svg")
    lines = re.findall("<!-- (.*) -->", (tmp_path / "star.svg").read_text())
    assert f"failed_donuts/{first.name}" in "".join(lines)
    assert "no image" not in lines


@pytest.mark.parametrize("damage", ["gone", "truncated"])
def test_everything_else_is_drawn_without_the_first_image(
    analyse, solved_night, copied, target, tmp_path, damage, caplog
):
    first = copied / solved_night[2][0].frames["file"][0]
    whole = first.read_bytes()
    first.unlink()
    if damage == "truncated":
        first.write_bytes(whole[:20_000])
    let_rest(copied)
    outcome = analyse(copied, gaia_id=target[0], output=tmp_path / "star.svg")
    text = (tmp_path / "star.svg").read_text()
    assert outcome.exit_code == 0
    assert "first frame not shown" in text
    assert "one frame (12 in all)" in text
    assert f"first frame not shown: {first.name}" in caplog.text


def test_relative_flux_is_drawn_where_there_is_some(analyse, solved_night, copied, target, tmp_path):
    truth = solved_night[2][0]
    relative = np.linspace(0.9, 1.1, 12)
    table = Table({"TIC_ID": np.repeat([target[1], 5], 12), "Tmag": np.full(24, 10.0)})
    table["Time_BJD"] = np.tile(truth.bjd[:, 0], 2)
    table["Relative_Flux"], table["Relative_Flux_err"] = np.tile(relative, 2), np.full(24, 0.003)
    table[1:].write(copied / f"rel_phot_{truth.field}.fits")
    series = csv_of(analyse, tmp_path, target=copied, gaia_id=target[0])
    assert np.isnan(series["relative_flux"][0])
    assert series["relative_flux"][1:] == pytest.approx(relative[1:])
    analyse(copied, gaia_id=target[0], output=tmp_path / "star.svg", bin_length=BinLength(frames=3))
    assert "<!-- relative flux -->" in (tmp_path / "star.svg").read_text()


def test_a_damaged_table_of_relative_fluxes_costs_only_its_panel(analyse, solved_night, copied, target, tmp_path):
    (copied / f"rel_phot_{solved_night[2][0].field}.fits").write_bytes(b"SIMPLE")
    outcome = analyse(copied, gaia_id=target[0], output=tmp_path / "star.png")
    assert (tmp_path / "star.png").exists()
    assert "rel_phot" in outcome.troubles[0]


def test_unknown_id_tells_the_tables_and_their_ids(analyse, solved_night, caplog):
    _, folder, truths = solved_night
    with pytest.raises(WorkError, match=r"^no star with gaia_id 123 in phot_NG\S+fits, phot_NG\S+fits$"):
        analyse(gaia_id=123)
    for truth in truths:
        ids = np.asarray(read_stars(folder / f"phot_{truth.field}.fits")["gaia_id"])
        span = f"{(ids > 0).sum()} stars with gaia_id from {ids[ids > 0].min()} to {ids.max()}"
        assert f"{truth.field}: the table has {span}; all stand in {truth.field}_catalog_input.fits" in caplog.text


def test_unknown_id_tells_the_target(analyse, solved_night, target, caplog):
    gaia_id, tic_id = target
    with pytest.raises(WorkError, match="no star with gaia_id 123 "):
        analyse(gaia_id=123)
    assert f"{solved_night[2][0].field}: its target is TIC {tic_id}, gaia_id {gaia_id}" in caplog.text


def test_an_id_beyond_64_bits_is_unknown_too(analyse):
    with pytest.raises(WorkError, match="no star with gaia_id 1000000000000000000000"):
        analyse(gaia_id=10**21)


def test_an_id_of_the_other_kind_is_recognised(analyse, target, caplog):
    with pytest.raises(WorkError, match=f"no star with gaia_id {target[1]}"):
        analyse(gaia_id=target[1])
    assert f"{target[1]} is a tic_id, expected --tic_id" in caplog.text


@pytest.fixture
def unmeasured(solved_night):
    """Function that gives a star of the first field's catalog that is not measured: (its row, measured stars)."""
    _, folder, truths = solved_night
    field = truths[0].field
    catalog = Table.read(folder / f"{field}_catalog.fits", mask_invalid=False)
    stars = read_stars(folder / f"phot_{field}.fits")
    catalog = catalog[~np.isin(catalog["tic_id"], stars["tic_id"])]
    return lambda choose: (catalog[np.flatnonzero(choose(catalog))[0]], stars)


@pytest.mark.parametrize(
    ("choose", "reason"),
    [
        (lambda c: ~c["blended"] & (c["Tmag"] > 16), r"Tmag 1\d\.\d\d, not brighter than 16"),
        (lambda c: ~c["blended"] & (c["Tmag"] < 15), "off the chip where the field usually is"),
    ],
    ids=["faint", "off the chip"],
)
def test_a_star_of_the_catalog_is_explained(analyse, unmeasured, caplog, choose, reason):
    row, _ = unmeasured(choose)
    with pytest.raises(WorkError, match=f"no star with tic_id {row['tic_id']}"):
        analyse(tic_id=int(row["tic_id"]))
    (line,) = [r.getMessage() for r in caplog.records if "is not measured" in r.getMessage()]
    assert re.search(f"TIC {row['tic_id']} of the catalog is not measured: {reason}$", line)


def test_nearest_measured_stars_are_named_by_distance(analyse, unmeasured, caplog):
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    row, stars = unmeasured(lambda c: ~c["blended"] & (c["Tmag"] > 16))
    here = SkyCoord(row["ra_deg_corr"], row["dec_deg_corr"], unit="deg")
    distance = here.separation(SkyCoord(stars["ra_deg_corr"], stars["dec_deg_corr"], unit="deg")).to_value(
        u.arcsec
    )
    near = np.argsort(distance)[:3]
    with pytest.raises(WorkError, match="no star"):
        analyse(tic_id=int(row["tic_id"]))
    expected = [f"{distance[n]:.1f} arcsec gaia_id {stars['gaia_id'][n]} TIC {stars['tic_id'][n]}" for n in near]
    assert f"nearest measured stars: {', '.join(expected)}" in caplog.text


def test_without_a_catalog_the_ids_are_told_all_the_same(analyse, solved_night, copied, caplog):
    for truth in solved_night[2]:
        (copied / f"{truth.field}_catalog.fits").unlink()
    with pytest.raises(WorkError, match="no star with tic_id 7"):
        analyse(copied, tic_id=7)
    assert caplog.text.count("stars with tic_id from") == 2


def test_stars_of_one_gaia_id_are_told_apart(analyse, solved_night, copied, caplog, tmp_path):
    field = solved_night[2][0].field
    path = copied / f"phot_{field}.fits"
    with fits.open(path, mode="update") as units:
        for name in ("PHOT", "STARS"):
            ids = units[name].data["gaia_id"]
            ids[ids == ids[4]] = ids[3]
        renew_sums(units)
    stars = read_stars(path)
    analyse(copied, gaia_id=int(stars["gaia_id"][3]), output=tmp_path / "star.png")
    assert f"TIC {stars['tic_id'][3]} is read; TIC {stars['tic_id'][4]} has gaia_id" in caplog.text


def test_a_night_without_a_table_says_what_to_run(analyse, copied):
    for path in copied.glob("phot_*.fits"):
        path.unlink()
    with pytest.raises(WorkError, match=r"no readable phot_\*.fits.* run process_cmos first"):
        analyse(copied, gaia_id=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected one of them"),
        ({"gaia_id": 1, "tic_id": 1}, "expected one of them"),
        ({"gaia_id": 0}, "gaia_id is 0, expected a positive number"),
        ({"gaia_id": 1, "output": "star.fits"}, r"--output is star.fits, .* ends in .png, .pdf, .svg"),
        ({"gaia_id": 1, "output": "star"}, r"--output is star, .* ends in .png, .pdf, .svg"),
        ({"gaia_id": 1, "csv": "star.fits"}, r"--csv is star.fits, .* ends in .csv"),
    ],
)
def test_wrong_options_are_refused_before_any_work(analyse, options, message):
    with pytest.raises(UsageError, match=message):
        analyse(**options)


@pytest.mark.parametrize("radius", [7.0, 2.5, float("nan")])
def test_a_radius_the_table_has_not_is_refused(analyse, copied, target, radius):
    with pytest.raises(UsageError, match=r"--aper is .*fits has the radii 2, 3, 4, 5, 6$"):
        analyse(copied, gaia_id=target[0], radius_px=radius)
    assert not list(copied.glob("light_curve*"))


FRAMES, STARS = 400, 1000


@pytest.fixture
def large_night(tmp_path):
    """A night with a table of 400 frames and 1000 stars, without images, and radii among which 5 is not."""
    folder = tmp_path / "20240705"
    folder.mkdir()
    radii, width = (2.0, 3.0, 8.0), 52
    stars = Table(
        {"gaia_id": 10**18 + np.arange(STARS), "tic_id": 1 + np.arange(STARS), "Tmag": np.full(STARS, 11.0)}
    )
    rows = np.zeros(STARS, [(name, kind) for name, kind, _ in columns(radii, width)])
    for name in stars.colnames:
        rows[name] = stars[name]
    stars["ra_deg_corr"], stars["dec_deg_corr"] = 350.0, -13.0
    with write_photometry(folder / "phot_NG2320-1302.fits", stars, radii=radii, name_width=width) as writer:
        for frame in range(FRAMES):
            name = f"NG2320-1302_TIC-1_S43-{20240706070000000 + frame}.fits"
            rows["frame_id"], rows["jd_bary"] = name.encode(), 2460497.6 + frame / 6000
            rows["flux_3"] = 1e4 + rows["tic_id"]
            rows["fluxerr_3"], rows["airmass"] = 10.0, 1.1
            writer.add(rows, {"frame_id": name})
    return folder


def test_one_star_is_read_without_the_table(analyse, large_night, tmp_path):
    options = {"gaia_id": 10**18 + 700, "output": tmp_path / "star.png", "csv": tmp_path / "star.csv"}
    analyse(large_night, **options)  # what is imported on the way does not count
    tracemalloc.start()
    analyse(large_night, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = (large_night / "phot_NG2320-1302.fits").stat().st_size
    assert peak < size / 3
    assert (
        Table.read(tmp_path / "star.csv", format="ascii.csv", comment="#")["flux"].tolist() == [1e4 + 701] * FRAMES
    )


def test_middle_radius_stands_in_for_5(analyse, large_night):
    (path,) = analyse(large_night, tic_id=5).products
    assert path.name == "light_curve_TIC_5_aperture_3.png"


def script_options(solved_night, folder):
    base = solved_night[0].directories.base.parent
    return [*night_options(base)[:-2], "--directory", folder]


def test_script_runs_bare_while_another_run_holds_the_night(solved_night, copied, target, tmp_path):
    options = script_options(solved_night, copied)
    with hold_night(copied):
        done = run_script("analyse_cmos", *options, "--gaia_id", target[0], "--bin", "10min", "--show")
    assert (copied / f"light_curve_{target[0]}_aperture_5.png").exists()
    assert "no window: no display" in done.stderr
    assert "Traceback" not in done.stderr


def test_script_tells_an_unknown_star_in_lines(solved_night, copied):
    done = run_script("analyse_cmos", *script_options(solved_night, copied), "--gaia_id", 123, code=1)
    assert "ERROR   no star with gaia_id 123" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "one of the arguments --gaia_id --tic_id is required"),
        (["--gaia_id", "1", "--tic_id", "1"], "not allowed with argument"),
        (["--gaia_id", "-1"], "-1 is no id, expected a positive number"),
        (["--gaia_id", "1.5e18"], "invalid _id value"),
        (["--gaia_id", "1", "--bin", "0"], "'0' is no length of a bin, expected a number of frames as 20"),
        (["--gaia_id", "1", "--bin", "-5"], "--bin"),
        (["--gaia_id", "1", "--bin", "soon"], "'soon' is no length of a bin"),
        (["--gaia_id", "1", "--output", "star.jpg"], "expected a name that ends in .png, .pdf, .svg"),
    ],
)
def test_script_refuses_wrong_options(solved_night, copied, options, message):
    done = run_script("analyse_cmos", *script_options(solved_night, copied), *options, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(autouse=True)
def heard(caplog, monkeypatch):
    """All lines of the log reach the test, whatever a script that ran in this process has set."""
    monkeypatch.setattr(logging.getLogger("ngcmos"), "propagate", True)
    caplog.set_level(logging.INFO, logger="ngcmos")
