"""A base folder on disk: where everything lies, what the headers say, what is refused."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, Angle, EarthLocation, SkyCoord, get_body
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from ngcmos.config import load_camera, load_config
from ngcmos.errors import UsageError, WriteError
from ngcmos.night.folder import science_files
from ngcmos.simulate.detector import LOW_GAIN_SLOPE
from ngcmos.simulate.night import place_faults, simulate_night

TINY = {"size": 64, "frames": 2, "calibrations": 1}


def first_header(night, truth=0):
    return fits.getheader(night.folder / night.truths[truth].frames["file"][0])


def test_directories_are_those_of_the_base_folder(double):
    directories = load_config(config=double.directories_file, camera=str(double.camera_file)).directories
    assert (directories.base, directories.calibration, directories.out) == (
        double.base / "nights",
        double.base / "calibration",
        double.base / "out",
    )


def test_camera_file_describes_the_camera(double):
    assert load_camera(double.camera_file) == double.camera


def test_camera_names_the_catalog(double):
    assert double.camera.catalog.local == (str(double.catalog_file),)


def test_science_frames_are_those_of_the_truth(double):
    told = [name for truth in double.truths for name in truth.frames["file"]]
    assert sorted(path.name for path in science_files(double.folder)) == sorted(told)


def test_names_are_object_and_time(double):
    header = first_header(double)
    stamp = "".join(sign for sign in header["DATE-OBS"] if sign.isdigit())
    assert double.truths[0].frames["file"][0] == f"{header['OBJECT']}-{stamp}.fits"


def test_names_begin_with_the_field(double):
    for truth in double.truths:
        assert len(truth.field) == 11
        assert all(name.startswith(truth.field + "_TIC-") for name in truth.frames["file"])


def test_object_names_a_star_of_the_catalog(double):
    for number, truth in enumerate(double.truths):
        named = int(first_header(double, number)["OBJECT"].split("TIC-")[1].split("_")[0])
        assert named == truth.target
        assert named in Table.read(double.catalog_file)["TIC"]


def test_only_the_last_of_several_targets_is_blended(double):
    assert [bool(truth.stars["blended"][0]) for truth in double.truths] == [False, True]


def test_catalog_lies_outside_of_the_night(double):
    assert double.catalog_file.parent == double.base


def test_catalog_on_disk_keeps_ids_and_masks(double):
    catalog = Table.read(double.catalog_file)
    assert catalog["GAIA"].dtype.kind == catalog["TIC"].dtype.kind == "i"
    assert catalog["GAIA"].mask.mean() == pytest.approx(0.05, abs=0.02)
    assert catalog["pmRA"].mask.mean() == pytest.approx(0.47, abs=0.05)


def test_gaia_ids_of_truth_and_catalog_agree(double):
    catalog = Table.read(double.catalog_file)
    by_tic = dict(zip(catalog["TIC"].tolist(), catalog["GAIA"].filled(0).tolist(), strict=True))
    for truth in double.truths:
        assert [by_tic[tic] for tic in truth.stars["tic_id"].tolist()] == truth.stars["gaia_id"].tolist()


def test_files_are_as_old_as_their_observation(double):
    for path in [*double.folder.iterdir(), *(double.base / "calibration").iterdir()]:
        told = Time(fits.getheader(path)["DATE-OBS"], scale="utc").unix
        assert path.stat().st_mtime == pytest.approx(told, abs=1e-3)


def test_pixels_are_unsigned_16_bit(double):
    header = first_header(double)
    assert (header["BITPIX"], header["BZERO"]) == (16, 32768)
    assert fits.getdata(double.folder / double.truths[0].frames["file"][0]).dtype == np.uint16


def test_header_has_no_filter_and_no_airmass(double):
    assert not {"FILTER", "AIRMASS"} & set(first_header(double))


def test_readmode_is_that_of_the_profile(double):
    everything = [*double.folder.iterdir(), *(double.base / "calibration").iterdir()]
    assert all("HDR" in fits.getheader(path)["READMODE"] for path in everything)


def test_both_pairs_of_pointing_cards_agree(double):
    header = first_header(double)
    ra, dec = Angle(header["TELRA"], unit="hourangle").deg, Angle(header["TELDEC"], unit="deg").deg
    assert (ra, dec) == pytest.approx((header["TELRAD"], header["TELDECD"]), abs=1e-4)


def test_altitude_in_the_header_is_that_of_the_sky(double):
    header = first_header(double)
    site = double.camera.site
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    sky = SkyCoord(header["TELRAD"], header["TELDECD"], unit="deg")
    altaz = sky.transform_to(AltAz(obstime=Time(header["DATE-OBS"], scale="utc"), location=place))
    error_deg = 0.02 * 128 * 4.05 / 3600
    assert header["ALTITUDE"] == pytest.approx(altaz.alt.deg, abs=error_deg + 1e-4)


def test_mid_exposure_is_half_an_exposure_after_the_start(double):
    header = first_header(double)
    middle = Time(header["DATE-OBS"], scale="utc") + header["EXPTIME"] / 2 * u.s
    assert double.truths[0].frames["jd_mid"][0] == pytest.approx(middle.jd, abs=1e-9)


@pytest.mark.parametrize("kind", ["evening", "morning"])
def test_flats_are_bright_and_not_saturated(rich, kind):
    for path in rich.folder.glob(f"{kind}-flat-*.fits"):
        data = fits.getdata(path)
        assert 10000 < np.median(data) < 40000
        assert data.max() < 65535


def test_flats_are_taken_before_and_after_the_frames(rich):
    stamps = {
        kind: sorted(path.stem[-17:] for path in rich.folder.glob(f"{kind}*"))
        for kind in ("evening", "NG", "morning")
    }
    assert stamps["evening"][-1] < stamps["NG"][0] <= stamps["NG"][-1] < stamps["morning"][0]


@pytest.mark.parametrize("kind", ["evening", "morning"])
def test_flats_are_taken_in_twilight(rich, kind):
    site = rich.camera.site
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    for path in rich.folder.glob(f"{kind}*"):
        time = Time(fits.getheader(path)["DATE-OBS"], scale="utc")
        sun = get_body("sun", time).transform_to(AltAz(obstime=time, location=place)).alt.deg
        assert -12 < sun < -5


def test_other_cameras_can_be_simulated(tmp_path):
    night = simulate_night(
        tmp_path / "b", load_camera("microobservatory"), frames=1, calibrations=1, exptime_s=60.0, cadence_s=62.0
    )
    data = fits.getdata(night.folder / night.truths[0].frames["file"][0])
    assert data.shape == (500, 650)
    assert data.max() == 4095
    assert np.median(data[:9]) < np.median(data[9:])


def pixels_of(night):
    return np.array([fits.getdata(night.folder / name) for name in night.truths[0].frames["file"]])


def test_same_seed_same_night(tmp_path, camera):
    first, second = (simulate_night(tmp_path / name, camera, **TINY) for name in "ab")
    names = [sorted(path.name for path in night.folder.iterdir()) for night in (first, second)]
    assert names[0] == names[1]
    assert (pixels_of(first) == pixels_of(second)).all()


def test_other_seed_other_night(tmp_path, camera):
    first, second = (simulate_night(tmp_path / str(seed), camera, seed=seed, **TINY) for seed in (1, 2))
    assert (pixels_of(first) != pixels_of(second)).mean() > 0.5


def test_frames_differ_from_one_another(double):
    first, second = pixels_of(double)[:2]
    assert (first != second).mean() > 0.5


def test_a_folder_in_use_is_refused(tmp_path, camera):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match=f"{tmp_path}: is in use and holds no simulation"):
        simulate_night(tmp_path, camera, overwrite=True, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, camera):
    (tmp_path / "base").touch()
    with pytest.raises(UsageError, match="is in use"):
        simulate_night(tmp_path / "base", camera, **TINY)


def test_an_earlier_simulation_is_refused(double, camera):
    with pytest.raises(UsageError, match="holds a simulation, expected an empty or a new folder, or --overwrite"):
        simulate_night(double.base, camera, **TINY)
    assert len(science_files(double.folder)) == 4


def test_an_earlier_simulation_gives_way_when_asked(tmp_path, camera):
    simulate_night(tmp_path, camera, **TINY)
    again = simulate_night(tmp_path, camera, overwrite=True, **TINY | {"frames": 1})
    assert len(science_files(again.folder)) == 1


def test_nothing_is_written_for_senseless_options(tmp_path, camera):
    with pytest.raises(UsageError, match="frames is 0"):
        simulate_night(tmp_path / "base", camera, frames=0)
    assert not (tmp_path / "base").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, camera):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot be prepared"):
        simulate_night(tmp_path / "file" / "base", camera, **TINY)


def test_profile_tells_the_slope_of_the_simulated_chip(double, camera):
    assert load_camera(double.camera_file).detector.high_range_slope == LOW_GAIN_SLOPE
    assert camera.detector.high_range_slope == 1.0


def test_faults_never_come_first_and_never_twice():
    placed = place_faults(["a", "b", "c"], 2)
    assert placed[0] == ""
    assert sorted(placed) == ["", "", "a", "b", "c"]
