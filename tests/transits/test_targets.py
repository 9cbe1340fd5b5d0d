import numpy as np
import pytest

from ngcmos.errors import ConfigError
from ngcmos.transits.targets import Target, doubts_of_match, find_star, read_targets


def listed(tmp_path, text):
    path = tmp_path / "targets.csv"
    path.write_text(text, encoding="utf-8")
    return read_targets(path)


def only(tmp_path, text):
    targets, complaints = listed(tmp_path, text)
    assert not complaints and len(targets) == 1
    return targets[0]


def test_a_row_with_our_own_names(tmp_path):
    target = only(
        tmp_path,
        "name,tic_id,gaia_id,period_d,period_err_d,t0_bjd,t0_err_d,duration_h,duration_err_h,depth\n"
        "HAT-P-32 b,292152376,347767378203578368,2.1500082,1.3e-7,2455867.402743,4.9e-5,3.12,0.05,0.0225\n",
    )
    assert (target.name, target.tic_id, target.gaia_id) == ("HAT-P-32 b", 292152376, 347767378203578368)
    one = target.ephemeris
    assert (one.period_d, one.t0_bjd, one.period_err_d, one.t0_err_d) == (
        2.1500082,
        2455867.402743,
        1.3e-7,
        4.9e-5,
    )
    assert (one.duration_d, one.duration_err_d, one.depth) == (3.12 / 24, 0.05 / 24, 0.0225)


def test_the_table_of_planets_of_the_exoplanet_archive(tmp_path):
    target = only(
        tmp_path,
        "# This file was produced by the NASA Exoplanet Archive\n#\n"
        "pl_name,hostname,default_flag,tic_id,gaia_id,rastr,ra,dec,pl_orbper,pl_orbpererr1,pl_orbpererr2,pl_tranmid,"
        "pl_tranmiderr1,pl_trandur,pl_trandep\n"
        "WASP-4 b,WASP-4,1,TIC 402026209,Gaia DR2 6535499658122055552,23h34m15s,353.5630,-42.0619,1.3382,1e-7,"
        "-1e-7,2455804.51,2e-5,2.16,2.4\n"
        "WASP-4 b,WASP-4,0,TIC 402026209,Gaia DR2 6535499658122055552,23h34m15s,353.5630,-42.0619,1.33,1e-5,-1e-5,"
        "2454697.79,2e-5,2.1,2.3\n",
    )
    assert (target.tic_id, target.gaia_id) == (402026209, 6535499658122055552)
    assert target.ra_deg == 353.5630 and target.ephemeris.depth == pytest.approx(0.024)
    assert target.ephemeris.period_d == 1.3382


def test_the_archives_candidates_have_their_depths_in_ppm(tmp_path):
    text = (
        "tid,toi,pl_tranmid,pl_orbper,pl_trandurh,pl_trandep\n231663901,101.01,2458326.0089,1.4303,1.639,18960\n"
    )
    target = only(tmp_path, text)
    assert target.ephemeris.depth == pytest.approx(0.01896)
    assert target.ephemeris.duration_d == pytest.approx(1.639 / 24)


def test_the_table_of_exofop(tmp_path):
    target = only(
        tmp_path,
        "TIC ID,TOI,RA,Dec,Epoch (BJD),Epoch (BJD) err,Period (days),Period (days) err,Duration (hours),"
        "Duration (hours) err,Depth (mmag),Depth (ppm)\n"
        "231663901,101.01,21:14:56.88,-55:52:18.72,2458326.00888,0.00006,1.43037,0.000001,1.639,0.01,20.8,18960\n",
    )
    assert target.ra_deg == pytest.approx(318.737) and target.dec_deg == pytest.approx(-55.8718667)
    assert target.ephemeris.depth == pytest.approx(0.01896)


def test_the_list_of_exoclock(tmp_path):
    target = only(
        tmp_path,
        "name,ra_j2000,dec_j2000,ephem_mid_time,ephem_mid_time_e1,ephem_period,ephem_period_e1,duration_hours\n"
        "WASP-43b,10:19:38.0088,-09:48:22.68,2457423.449697,0.000022,0.813474037,0.000000019,1.23\n",
    )
    assert target.ephemeris.t0_bjd == 2457423.449697
    assert target.dec_deg == pytest.approx(-9.80630)


def test_the_newer_list_of_exoclock(tmp_path):
    target = only(
        tmp_path,
        "name,ra_j2000,dec_j2000,depth_r_mmag,duration_hours,t0_bjd_tdb,t0_unc,period_days,period_unc\n"
        "HAT-P-32b,02:04:10.28,+46:41:16.2,22.0,3.1,2455867.402743,0.000049,2.15000820,0.00000013\n",
    )
    known = target.ephemeris
    assert (known.period_d, known.period_err_d) == (2.15000820, 0.00000013)
    assert (known.t0_bjd, known.t0_err_d) == (2455867.402743, 0.000049)
    assert known.depth == pytest.approx(0.020059, abs=1e-6)  # 10 ** (-0.4 * 0.022) is 0.979941


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_spreadsheets_separate_by_other_signs_and_write_a_decimal_comma(tmp_path, separator):
    rows = ("tic_id", "name", "period_d", "t0_bjd", "depth"), ("12", "b, again", "2,15", "2455867,4027", "0,01")
    target = only(tmp_path, "\n".join(separator.join(row) for row in rows) + "\n")
    assert (target.tic_id, target.name) == (12, "b, again")
    known = target.ephemeris
    assert (known.period_d, known.t0_bjd, known.depth) == (2.15, 2455867.4027, 0.01)


@pytest.mark.parametrize(
    ("cells", "lacking"), [("2.15,", "t0_bjd"), (",2455867.4", "period_d"), ("0,2455867.4", "period_d")]
)
def test_half_an_ephemeris_is_told_and_the_star_is_kept(tmp_path, cells, lacking):
    targets, complaints = listed(tmp_path, f"tic_id,period_d,t0_bjd\n12,{cells}\n")
    assert repr(targets) == repr([Target("TIC 12", tic_id=12)])
    assert len(complaints) == 1 and f"no {lacking}" in complaints[0] and "line 2" in complaints[0]


def test_small_negative_declinations_keep_their_sign(tmp_path):
    assert only(tmp_path, "ra,dec\n10:00:00,-00:30:00\n").dec_deg == -0.5


def test_a_star_without_ephemeris_is_only_kept(tmp_path):
    target = only(tmp_path, "gaia_id\n347767378203578368\n")
    assert repr(target) == repr(Target("Gaia 347767378203578368", gaia_id=347767378203578368))


def test_a_star_that_is_listed_twice_is_one(tmp_path):
    """Also where neither its place nor its transits are known."""
    targets, complaints = listed(
        tmp_path, "tic_id,period_d,t0_bjd\n12,,\n12,,\n13,2.15,2455867.4\n13,2.15,2455867.4\n"
    )
    assert [target.tic_id for target in targets] == [12, 13] and not complaints


def test_spreadsheets_put_a_mark_before_the_first_column(tmp_path):
    path = tmp_path / "targets.csv"
    path.write_bytes("\ufefftic_id\n12\n".encode())
    assert read_targets(path)[0][0].tic_id == 12


def test_no_file_is_no_target(tmp_path):
    assert read_targets(tmp_path / "targets.csv") == ([], [])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2.92152e8,,,", "tic_id is '2.92152e8', expected a whole number"),
        ("12,2.15,1354.1,", "add 2457000"),
        ("12,2.15,55866.9,", "add 2400000.5"),
        ("12,2.15,24558674,", "expected the whole BJD"),
        ("12,-1,2455867.4,", "the period is -1"),
        ("12,two,2455867.4,", "period_d is 'two', expected a number"),
        ("12,2.15,2455867.4,90", "duration_h is 90, expected hours"),
        (",2.15,2455867.4,", "names no star"),
    ],
)
def test_a_row_that_makes_no_sense_is_told_and_left_out(tmp_path, row, said):
    targets, complaints = listed(tmp_path, f"tic_id,period_d,t0_bjd,duration_h\n{row}\n13,,,\n")
    assert [target.tic_id for target in targets] == [13]
    assert len(complaints) == 1 and said in complaints[0] and "line 2" in complaints[0]


def test_depths_in_percent_are_told(tmp_path):
    _, complaints = listed(tmp_path, "tic_id,period_d,t0_bjd,depth\n12,1,2455867.4,2.3\n")
    assert "expected a share of the flux" in complaints[0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("12,b,2.15,2455867.4,0.13,0.01", "its transits last 0.13 h, expected about 2.3 h"),
        ("12,b,2.15,2455867.4,45,0.01", "its transits last 45.00 h"),
        ("12,b,2.15,2455867.4,3.1,0.9", "its depth is 90%"),
    ],
)
def test_a_row_that_may_be_in_other_units_is_told_and_kept(tmp_path, row, said):
    targets, [told] = listed(tmp_path, f"tic_id,name,period_d,t0_bjd,duration_h,depth\n{row}\n")
    assert targets[0].ephemeris.period_d == 2.15 and said in told and "line 2: b: " in told


def test_a_depth_below_zero_is_told(tmp_path):
    assert "depth is -0.01" in listed(tmp_path, "tic_id,depth\n12,-0.01\n")[1][0]


def test_parts_per_thousand(tmp_path):
    target = only(tmp_path, "tic_id,period_d,t0_bjd,depth_ppt\n12,2.15,2455867.4,22.5\n")
    assert target.ephemeris.depth == pytest.approx(0.0225)


def test_columns_of_transits_that_nobody_knows_are_told(tmp_path):
    _, [told] = listed(
        tmp_path, "tic_id,period_d,t0_bjd,duration_min,depth_mag,depth_err\n12,2.15,2455867.4,186,0.02,0\n"
    )
    assert "not read: duration_min, depth_mag;" in told


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("12,b,2.15", "13,b,2.15"), "line 3: b: a row before gives this name to another star"),
        (("12,b,2.15", "12,b,2.1501"), "line 3: b: a row before has another ephemeris"),
        (("12,b,2.15", "12,b,9.1"), ""),
    ],
)
def test_a_name_that_stands_twice(tmp_path, rows, said):
    text = "".join(f"{row},2455867.4\n" for row in rows)
    targets, complaints = listed(tmp_path, f"tic_id,name,period_d,t0_bjd\n{text}")
    assert len(targets) == 2 and len(complaints) == bool(said) and said in "".join(complaints)


def test_a_table_that_names_no_star_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="name no star"):
        listed(tmp_path, "planet,period\nb,2\n")


STARS = {"tic_id": [1, 2, 3], "gaia_id": [0, 20, 30], "ra_deg": [10.0, 10.01, 20.0], "dec_deg": [0.0, 0.0, 0.0]}


@pytest.mark.parametrize(
    ("target", "rows"),
    [
        (Target("", tic_id=2, gaia_id=30), [1]),
        (Target("", tic_id=9, gaia_id=30), [2]),
        (Target("", ra_deg=10.002, dec_deg=0.001), [0]),
        (Target("", ra_deg=10.005, dec_deg=0.0), []),
        (Target("", tic_id=9), []),
    ],
)
def test_stars_are_found_by_id_or_by_place(target, rows):
    assert find_star(target, **{name: np.array(values) for name, values in STARS.items()}).tolist() == rows


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("b", tic_id=2, gaia_id=20, ra_deg=10.01, dec_deg=0.0), ""),
        (Target("b", tic_id=2, gaia_id=99), ""),  # of another release
        (Target("b", tic_id=9, ra_deg=10.0, dec_deg=0.0), ""),
        (Target("b", tic_id=2, gaia_id=30), "b: its gaia_id is that of TIC 3; TIC 2 is taken"),
        (Target("b", tic_id=3, ra_deg=10.0, dec_deg=0.0), "away from the star of its id; TIC 3 is taken"),
        (Target("b", ra_deg=20.0002, dec_deg=0.0), 'TIC 3 0.7" away, TIC 4 1.1" away; TIC 3 is taken'),
        (Target("b", tic_id=9), ""),
    ],
)
def test_ids_and_places_of_different_stars_are_told(target, said):
    more = {"tic_id": 4, "gaia_id": 40, "ra_deg": 20.0005, "dec_deg": 0.0}
    told = doubts_of_match(target, **{name: np.array([*values, more[name]]) for name, values in STARS.items()})
    assert len(told) == bool(said) and said in "".join(told)
