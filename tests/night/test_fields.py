"""A field is frames of one place and one setup; every file of a night is accounted for."""

import dataclasses

import pytest

from ngcmos.night.accounting import Kind, left_out, sum_up
from ngcmos.night.fields import differing, say_misfits
from ngcmos.night.folder import open_night, science_files

NAME = "NG2320-1302_TIC-1_S43-2024070607{:02d}37751.fits"


@pytest.fixture
def night(small_config, write_raw):
    """Function that opens a night of frames, a dict of cards each."""
    folder = small_config.directories.base / "20240705"
    folder.mkdir()

    def make(*cards, names=None, config=small_config):
        for number, own in enumerate(cards):
            write_raw(folder / (names[number] if names else NAME.format(number)), **own)
        return open_night(config, folder, settle=False)

    make.folder = folder
    return make


def counts(opened):
    return {field: len(paths) for field, paths in opened.fields.items()}


def test_frames_of_the_profiles_filter_keep_the_name(night):
    assert counts(night({}, {"FILTER": "NGTS"}, {"FILTER": " ngts "})) == {"NG2320-1302": 3}


def test_another_filter_is_a_field_of_its_own(night):
    opened = night({}, {"FILTER": "B"}, {"FILTER": "r' band"}, {"FILTER": "B"})
    assert counts(opened) == {"NG2320-1302": 1, "NG2320-1302_B": 2, "NG2320-1302_r__band": 1}


def test_without_a_filter_in_the_profile_that_of_most_keeps_the_name(night, small_config):
    camera = small_config.camera
    camera = dataclasses.replace(camera, detector=dataclasses.replace(camera.detector, filter="unknown"))
    config = dataclasses.replace(small_config, camera=camera)
    opened = night({"FILTER": "R"}, {"FILTER": "V"}, {"FILTER": "V"}, config=config)
    assert counts(opened) == {"NG2320-1302": 2, "NG2320-1302_R": 1}


def test_places_apart_under_one_name_are_named_by_their_object(night):
    names = [f"TIC-1234567{n}-2024070607{n}037751.fits" for n in (8, 9)]
    places = [{"OBJECT": "TIC-12345678", "TELRAD": 10.0}, {"OBJECT": "TIC-12345679", "TELRAD": 30.0}]
    assert counts(night(*places, names=names)) == {"TIC-12345678": 1, "TIC-12345679": 1}


def test_one_place_under_two_objects_is_one_field(night):
    assert counts(night({"OBJECT": "NG2320-1302_A"}, {"OBJECT": "NG2320-1302_B"})) == {"NG2320-1302": 2}


def test_a_target_spelled_in_several_ways_is_one_field(night, small_config):
    camera = small_config.camera
    camera = dataclasses.replace(camera, files=dataclasses.replace(camera.files, field_length=0))
    config = dataclasses.replace(small_config, camera=camera)
    names = ["WASP-12", "WASP 12", "wasp12", "WASP_12", "WASP-121", "J1-23", "J12-3", "J1_23"]
    opened = night(*({"OBJECT": name} for name in names), config=config)
    assert counts(opened) == {"WASP-12": 4, "WASP-121": 1, "J1-23": 1, "J12-3": 1, "J1_23": 1}


def test_one_place_across_the_zero_of_right_ascension_is_one_field(night):
    """The plain mean of 359.99 and 0.01 degrees lies on the other side of the sky."""
    first = [{"OBJECT": "NG2320-1302_A", "TELRAD": ra} for ra in (359.99, 0.01)]
    assert counts(night(*first, {"OBJECT": "NG2320-1302_B", "TELRAD": 359.99})) == {"NG2320-1302": 3}


@pytest.mark.parametrize("card", ["GAIN", "OFFSET", "XBINNING", "XORGSUBF"])
def test_another_setup_stands_apart(night, card):
    opened = night({card: 100}, {card: 100}, {card: 200}, {})
    assert counts(opened) == {"NG2320-1302": 3}
    [(path, reason)] = opened.misfits["NG2320-1302"].items()
    assert path.name == NAME.format(2)
    assert reason == f"another setup: {card} 200, expected {card} 100 as in most of its field"


def test_gain_in_electrons_is_a_setup_too(night):
    opened = night({"EGAIN": 1.1}, {"EGAIN": 0.5}, {"EGAIN": 1.1})
    assert counts(opened) == {"NG2320-1302": 2} and len(opened.misfits["NG2320-1302"]) == 1


def test_several_other_setups_are_counted_each_for_itself(night):
    opened = night({"GAIN": 1}, {"GAIN": 2}, {"GAIN": 1}, {"GAIN": 3}, {"GAIN": 3}, {"GAIN": 1})
    told = say_misfits(opened.misfits["NG2320-1302"].values(), 6)
    assert told.startswith("1 of 6 frames have GAIN 2, expected GAIN 1 as in most of its field; ")
    assert "; 2 of 6 frames have GAIN 3, expected GAIN 1" in told and told.endswith("; they are not measured")
    assert say_misfits([], 6) == ""


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        (["M67-20240709235959751.fits", "M67-20240710000012751.fits"], {"M67": 2}),
        (["M67-2-20240709235959751.fits", "M67-20240710000012751.fits"], {"M67": 1, "M67-2": 1}),
        (["M67_0001.fits", "M67_0002.fits.gz"], {"M67": 2}),
        (["NG2320-1302.fits", "NG2320-1302_TIC-1_S43-20240710000012751.fits"], {"NG2320-1302": 2}),
    ],
)
def test_a_name_shorter_than_a_field_s_is_the_field(night, names, fields):
    """Not so much of its time stamp as makes it long enough: that is another one after midnight."""
    for name in names:
        (night.folder / name).touch()
    assert counts(night()) == fields


def test_a_read_mode_that_only_tells_more_is_the_same(night):
    """A frame of another program, as a bias that says HDR; not another depth."""
    modes = ["HDR 16-bit", "HDR 16-bit", "HDR", "HDR 12-bit", None]
    opened = night(*({"READMODE": mode} for mode in modes))
    [reason] = opened.misfits["NG2320-1302"].values()
    assert reason.startswith("another setup: READMODE HDR 12-bit, expected READMODE HDR 16-bit")


@pytest.mark.parametrize(("one", "other"), [("10", "100"), ("HDR 16", "HDR 16-bit"), ("16-bit", "HDR 16-bit")])
def test_values_that_only_look_alike_differ(one, other):
    assert differing((("GAIN", one),), (("GAIN", other),)) == ["GAIN"]
    assert differing((("GAIN", other),), (("GAIN", one),)) == ["GAIN"]


def test_exposure_times_may_differ(night):
    opened = night({"EXPTIME": 10.0}, {"EXPTIME": 20.0})
    assert counts(opened) == {"NG2320-1302": 2} and not opened.misfits


def test_headers_are_read_once(night, small_config, monkeypatch):
    first = night({"FILTER": "B"}, {})
    monkeypatch.setattr("ngcmos.night.fields.read_image", lambda *_args, **_options: pytest.fail("read again"))
    again = open_night(small_config, night.folder, settle=False, known=first)
    assert again == first and counts(again) == {"NG2320-1302": 1, "NG2320-1302_B": 1}


@pytest.mark.parametrize(
    ("name", "card", "science"),
    [
        ("biassed-star-20240706073137751.fits", {"IMAGETYP": "Light Frame"}, True),
        ("biassed-star-20240706073137751.fits", {}, False),
        ("flatland.fits", {"IMAGETYP": "LIGHT"}, True),
        ("flatland.fits", {"OBSTYPE": "OBJECT"}, True),
        ("frame-1.fits", {"IMAGETYP": "Flat Field"}, False),
        ("frame-1.fits", {"IMAGETYP": "Dark Frame"}, False),
        ("frame-1.fits", {}, True),
        ("phot_NG2320-1302.fits", {"IMAGETYP": "Light Frame"}, False),
        ("NG2320-1302_catalog_input.fits", {"IMAGETYP": "object"}, False),
        ("master_flat.fits", {"IMAGETYP": "object"}, False),
    ],
)
def test_what_is_a_science_frame(night, name, card, science):
    opened = night(card, names=[name])
    assert bool(opened.frames) == science
    if not science:
        [one] = opened.others
        unsure = {"biassed-star-20240706073137751.fits": Kind.NOT_LOOKED_AT}
        product = name.startswith(("phot", "NG", "master"))
        assert one.kind == unsure.get(name, Kind.PRODUCT if product else Kind.CALIBRATION)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("evening-flat-20240705230000000.fits", Kind.CALIBRATION),
        ("SkyFlat_V_001.fits.gz", Kind.CALIBRATION),
        ("darks_10s_3.fit", Kind.CALIBRATION),
        ("bias20240705.fts", Kind.CALIBRATION),
        ("masterdark_10s.fits", Kind.CALIBRATION),
        ("photon-1-20240706073137751.fits", Kind.NOT_LOOKED_AT),
        ("Flatiron-20240706073137751.fits", Kind.NOT_LOOKED_AT),
        ("webmaster-20240706073137751.fits", Kind.NOT_LOOKED_AT),
    ],
)
def test_a_name_that_only_holds_such_a_word_is_no_calibration_frame(night, name, kind):
    [one] = night({}, names=[name]).others
    assert one.kind == kind
    assert ("no IMAGETYP calls it a light frame" in one.reason) == (kind == Kind.NOT_LOOKED_AT)


EXPORTED = ("measurements.tbl", "lightcurve.png", "notes.txt")


@pytest.mark.parametrize("name", [f"TIC188620407-01_20240705_ngts-cmos_NGTS_{what}" for what in EXPORTED])
def test_what_is_exported_into_the_night_is_a_product(night, name):
    opened = night({})
    (opened.folder / name).touch()
    [one] = left_out([opened.folder / name], (), ())
    assert one.kind == Kind.PRODUCT


def test_frames_in_folders_inside_are_accounted_for(night):
    """But for those that are set aside, calibration and products."""
    lost = ["LIGHT/a-1.fits", "WASP-12/LIGHT/a-2.fits.fz", "20240704/NG2320-1302_TIC-1-20240704073137751.FITS"]
    known = ["flats/a.fits", "20240704/bias-1.fits", "20240704/phot_A.fits", "no_wcs/b.fits", "LIGHT/a.txt"]
    for name in (*lost, *known):
        (night.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (night.folder / name).touch()
    others = night({}).others
    assert sorted(str(one.path.relative_to(night.folder)) for one in others) == sorted(lost)
    assert {one.reason for one in others} == {
        f"the folder {name.rpartition('/')[0]}/ that it lies in" for name in lost
    }
    assert {one.kind for one in others} == {Kind.NOT_LOOKED_AT}


def test_every_file_is_accounted_for(night):
    for name in ("a.xisf", "notes", "evening-flat-1.fits", "ngcmos.log", "phot_a.fits", "light_curve_1.png"):
        (night.folder / name).touch()
    for name in ("notes.txt", "log.csv", "paper.pdf"):
        (night.folder / name).touch()
    (night.folder / "name \u00e9.fits").touch()
    opened = night({})
    assert len(opened.frames) + len(opened.others) == 11
    told = sum_up(opened.others, len(opened.frames))
    assert told.startswith("1 science frames, 1 calibration, 3 product, 6 not looked at (")
    reasons = {one.path.name: one.reason for one in opened.others if one.kind == Kind.NOT_LOOKED_AT}
    assert reasons["a.xisf"] == "its ending .xisf" and reasons["notes"] == "it has no ending"
    assert reasons["log.csv"] == "its ending .csv"


def test_frames_that_are_calibration_by_their_type_are_told_apart(night):
    opened = night({"IMAGETYP": "Dark Frame"}, {"IMAGETYP": "Dark Frame"}, {"IMAGETYP": "Light Frame"})
    (night.folder / "evening-flat-1.fits").touch()
    told = sum_up(night().others, len(opened.frames))
    assert told == "1 science frames, 3 calibration (2 for its IMAGETYP)"


def test_products_are_never_frames(night):
    names = ["rel_phot_A.fits", "A_catalog.fits.old1", "x_matched_catalog.fits", "master_flat_20240705.fits"]
    for name in names:
        (night.folder / name).touch()
    assert science_files(night.folder) == []
