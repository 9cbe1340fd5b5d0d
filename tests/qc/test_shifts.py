"""Shifts of a known sky come back with the right sign; frames without one are refused with their reason."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.config import load_camera
from ngcmos.errors import FrameError
from ngcmos.names import ShiftVerdict
from ngcmos.qc.evidence import Evidence
from ngcmos.qc.shifts import (
    MeasuredShift,
    Shift,
    build_reference,
    format_json,
    judge_shift,
    least_match,
    measure_shift,
    refuse_shift,
    summarise,
)


@pytest.fixture(scope="module")
def reference(sky, settings):
    return build_reference(sky.expose(), 10.0, settings, name="first.fits")


@pytest.fixture(scope="module")
def of_thousand(make_sky, settings):
    """A reference of 1024 px that shows a thousand stars."""
    seen = build_reference(make_sky(shape=(1024, 1024)).expose(), 10.0, settings)
    return dataclasses.replace(seen, peaks=np.resize(seen.peaks, (1000, seen.peaks.shape[1])))


@pytest.mark.parametrize(
    ("moved", "found", "tolerance"),
    [
        ((0.3, -0.2), (-0.27, 0.18), 0.05),
        ((1.7, 0.9), (-1.727, -0.914), 0.05),
        ((-60.0, 12.0), (60.0, -12.0), 0.03),
    ],
)
def test_sign_is_that_of_donuts(sky, reference, moved, found, tolerance):
    shift = measure_shift(reference, sky.expose(*moved, noise=3), 10.0)
    assert (shift.x, shift.y) == pytest.approx(found, abs=tolerance)


@pytest.mark.parametrize("size", [0.05, 0.2, 1.0, 4.0, 17.5, 50.0, 100.0])
def test_shift_of_stars_comes_back(make_sky, settings, size):
    sky = make_sky(shape=(1024, 1024), stars=1400)
    reference = build_reference(sky.expose(), 10.0, settings)
    shift = measure_shift(reference, sky.expose(size, -size, noise=9), 10.0)
    assert (shift.x, shift.y) == pytest.approx((-size, size), abs=0.03 + 0.15 * min(size, 0.5))


def test_small_shift_is_ok_without_a_reason(sky, reference):
    shift = measure_shift(reference, sky.expose(0.2, 0.1, noise=4), 10.0)
    assert (shift.verdict, shift.reason, shift.known) == (ShiftVerdict.OK, "", True)


def test_large_shift_is_called_large(sky, reference):
    assert measure_shift(reference, sky.expose(0.9, 0.0, noise=4), 10.0).verdict == ShiftVerdict.LARGE


TRUSTED = Evidence(match=0.5, share=0.6, residual_px=0.1)


@pytest.mark.parametrize(
    ("found", "share", "changes", "verdict"),
    [
        ((0.49, -0.49), 1.0, {}, ShiftVerdict.OK),
        ((0.5, 0.0), 1.0, {}, ShiftVerdict.LARGE),
        ((0.0, -0.5), 1.0, {}, ShiftVerdict.LARGE),
        ((0.1, 0.0), 0.051, {}, ShiftVerdict.OK),
        ((0.1, 0.0), 0.049, {}, ShiftVerdict.CLOUD),
        ((0.1, 0.0), 1.0, {"match": 0.3}, ShiftVerdict.OK),  # 7 over the root of 896 px is 0.234, less than 0.25
        ((0.1, 0.0), 1.0, {"match": 0.24}, ShiftVerdict.BEYOND_REACH),
        ((0.1, 0.0), 0.31, {"match": 0.24}, ShiftVerdict.BEYOND_REACH),
        ((0.1, 0.0), 0.29, {"match": 0.24}, ShiftVerdict.CLOUD),
        ((0.1, 0.0), 1.0, {"share": 0.26}, ShiftVerdict.OK),
        ((0.1, 0.0), 1.0, {"share": 0.25}, ShiftVerdict.OK),
        ((0.1, 0.0), 1.0, {"share": 0.24}, ShiftVerdict.FIXED_PATTERN),
        ((0.1, 0.0), 1.0, {"residual_px": 0.39}, ShiftVerdict.OK),
        ((0.1, 0.0), 1.0, {"residual_px": 0.41}, ShiftVerdict.FIXED_PATTERN),
        ((50.0, 0.0), 1.0, {"residual_px": 1.39}, ShiftVerdict.LARGE),  # the field turns: 0.4 + 0.02 of the shift
        ((50.0, 0.0), 1.0, {"residual_px": 1.41}, ShiftVerdict.FIXED_PATTERN),
    ],
)
def test_shift_is_believed_within_its_limits(of_thousand, found, share, changes, verdict):
    shift = judge_shift(found, int(1000 * share), dataclasses.replace(TRUSTED, **changes), of_thousand)
    assert shift.verdict == verdict
    assert shift.known == (verdict in (ShiftVerdict.OK, ShiftVerdict.LARGE))


def test_longer_exposure_does_not_move_stars(sky, reference):
    longer = (sky.expose(0.2, -0.1, noise=5).astype(float) * 3).round().clip(0, 65535).astype(np.uint16)
    shift = measure_shift(reference, longer, 30.0)
    assert (shift.x, shift.y) == pytest.approx((-0.2, 0.1), abs=0.06)


def test_defocused_frame_still_matches(sky, reference):
    shift = measure_shift(reference, sky.expose(4.0, -2.0, noise=6, fwhm=5.0), 10.0)
    assert (shift.x, shift.y) == pytest.approx((-4.0, 2.0), abs=0.2)


def test_thin_cloud_still_matches(sky, reference):
    shift = measure_shift(reference, sky.expose(4.0, -2.0, noise=6, transparency=0.3), 10.0)
    assert (shift.x, shift.y) == pytest.approx((-4.0, 2.0), abs=0.1)


def test_satellite_trail_does_not_move_the_field(sky, reference):
    image = sky.expose(0.3, -0.2, noise=7)
    along = np.arange(768)
    for width in range(-1, 2):
        image[along, np.clip((0.6 * along).astype(int) + 100 + width, 0, 767)] += 3000
    shift = measure_shift(reference, image, 10.0)
    assert (shift.x, shift.y) == pytest.approx((-0.3, 0.2), abs=0.1)


def starless(sky, noise=8):
    return sky.expose(noise=noise, transparency=0.0)


def blank(value):
    return np.full((768, 768), value, np.uint16)


def with_one_star(sky):
    image = starless(sky, noise=12)
    image[380:383, 400:403] += 3000
    return image


@pytest.mark.parametrize(
    ("spoil", "verdict", "reason"),
    [
        (starless, ShiftVerdict.STARLESS, "0 stars seen"),
        (with_one_star, ShiftVerdict.STARLESS, "1 stars seen"),
        (lambda sky: blank(0), ShiftVerdict.CONSTANT, "all pixels are 0"),
        (lambda sky: blank(65535), ShiftVerdict.CONSTANT, "all pixels are 65535"),
        (lambda sky: sky.expose(noise=9, transparency=0.03), ShiftVerdict.CLOUD, "stars seen"),
        (lambda sky: type(sky)(seed=77).expose(noise=10), ShiftVerdict.BEYOND_REACH, "another field"),
        (lambda sky: sky.expose(400.0, 100.0, noise=11), ShiftVerdict.BEYOND_REACH, "moved too far"),
        (lambda sky: sky.expose(noise=11)[::-1], ShiftVerdict.BEYOND_REACH, "moved too far"),
    ],
    ids=["starless", "one star", "zero", "saturated", "cloud", "other field", "too far", "upside down"],
)
def test_frame_that_cannot_be_followed_has_no_shift(sky, reference, spoil, verdict, reason):
    shift = measure_shift(reference, spoil(sky), 10.0)
    assert (shift.x, shift.y, shift.verdict) == (None, None, verdict)
    assert reason in shift.reason


@pytest.mark.parametrize(("x", "least"), [(0.0, 0.28), (-560.0, 0.88), (607.0, 1.0)])
def test_small_overlap_must_match_better(reference, x, least):
    # a region of 608 x 640 px: 7 over the root of what is left in x
    assert least_match(reference, x, 0.0) >= least


def test_large_frame_needs_a_quarter(make_sky, settings):
    large = build_reference(make_sky(shape=(2048, 2048)).expose(), 10.0, settings)
    assert least_match(large, 0.0, 0.0) == 0.25


@pytest.mark.parametrize("moved", [(5.0, -3.0), (0.0, 1.0), (-60.0, 12.0)])
def test_field_outshone_by_hot_pixels_has_no_shift(make_sky, settings, moved):
    sky = make_sky(stars=60)
    sky.hot[2][:] *= 20
    sky.flux[:] *= 0.3
    shift = measure_shift(build_reference(sky.expose(), 10.0, settings), sky.expose(*moved, noise=2), 10.0)
    assert (shift.x, shift.verdict) == (None, ShiftVerdict.FIXED_PATTERN)
    assert "outshine" in shift.reason


def test_drift_beyond_donuts_is_right_or_refused(make_sky, settings):
    sky = make_sky(shape=(1024, 1024), stars=2500, margin=700)
    reference = build_reference(sky.expose(), 10.0, settings)
    for drift in (150.0, 200.0, 260.0, 400.0, 600.0):
        shift = measure_shift(reference, sky.expose(drift, 0.0, noise=2), 10.0)
        assert not shift.known or shift.x == pytest.approx(-drift, abs=0.1)


def test_pixels_that_are_not_numbers_give_no_shift(sky, reference):
    image = sky.expose(noise=3).astype(np.float32)
    image[300:500, 300:500] = np.nan
    assert not measure_shift(reference, image, 10.0).known


def test_quality_falls_with_the_light(sky, reference):
    clear, veiled = (measure_shift(reference, sky.expose(noise=6, transparency=t), 10.0) for t in (1.0, 0.2))
    assert 0 < veiled.quality < clear.quality <= 1


def test_image_stays_as_it_was(sky, reference):
    image = sky.expose(1.0, 0.0, noise=6)
    before = image.copy()
    measure_shift(reference, image, 10.0)
    assert (image == before).all()


def test_pickled_reference_measures_the_same(sky, reference):
    image = sky.expose(1.0, 0.0, noise=6)
    assert measure_shift(pickle.loads(pickle.dumps(reference)), image, 10.0) == measure_shift(
        reference, image, 10.0
    )


def test_other_shape_is_refused(sky, reference):
    with pytest.raises(FrameError, match=r"b\.fits: shape \(768, 700\), expected \(768, 768\) as first\.fits"):
        measure_shift(reference, sky.expose()[:, :700], 10.0, name="b.fits")


def test_reference_without_stars_is_refused(sky, settings):
    with pytest.raises(FrameError, match=r"a\.fits: 0 stars seen, expected 5 or more"):
        build_reference(starless(sky), 10.0, settings, name="a.fits")


def test_as_many_stars_as_the_profile_wants_are_enough(sky, settings, reference):
    frame = sky.expose(0.3, 0.2, noise=4)
    seen = measure_shift(reference, frame, 10.0).stars
    for least, known in ((seen, True), (seen + 1, False)):
        strict = dataclasses.replace(reference, settings=dataclasses.replace(settings, min_stars=least))
        assert measure_shift(strict, frame, 10.0).known == known
    enough = dataclasses.replace(settings, min_stars=reference.stars)
    assert build_reference(sky.expose(), 10.0, enough).stars == reference.stars
    with pytest.raises(FrameError, match=f"{reference.stars} stars seen, expected {reference.stars + 1} or more"):
        build_reference(sky.expose(), 10.0, dataclasses.replace(settings, min_stars=reference.stars + 1))


def test_constant_reference_is_refused(settings):
    with pytest.raises(FrameError, match="0 stars seen"):
        build_reference(blank(500), 10.0, settings)


def test_image_too_small_for_the_settings_is_refused(settings):
    with pytest.raises(FrameError, match="expected more than 296 px a side"):
        build_reference(np.zeros((200, 768), np.uint16), 10.0, settings, name="a.fits")


@pytest.mark.real
def test_real_frames_drift_without_a_gap(real_data):
    camera = load_camera("microobservatory")
    frames = [fits.getdata(path) for path in sorted((real_data / "hatp32" / "20171219").glob("NG*.fits"))]
    reference = build_reference(frames[0], 60.0, camera.donuts)
    shifts = [measure_shift(reference, frame, 60.0) for frame in frames[1:]]
    assert all(shift.known and shift.quality > 0.6 for shift in shifts)


@pytest.mark.real
def test_real_frame_mirrored_is_refused(real_data):
    camera = load_camera("microobservatory")
    frame = fits.getdata(min((real_data / "hatp32" / "20171219").glob("NG*.fits")))
    reference = build_reference(frame, 60.0, camera.donuts)
    assert [measure_shift(reference, mirrored, 60.0).known for mirrored in (frame[::-1], frame[:, ::-1])] == [
        False
    ] * 2


REFERENCES = "a.fits", None
LARGE = Shift(-0.7, 0.5, 0.9, 880, ShiftVerdict.LARGE, "moved by 0.5 px or more")
UNREADABLE = refuse_shift(ShiftVerdict.UNREADABLE, "d.fits: empty, expected a FITS file")
SHIFTS = [
    MeasuredShift("b.fits", "2024-07-06T01:00:00.000", Shift(0.1, -0.2, 0.95, 900, ShiftVerdict.OK, "")),
    MeasuredShift("c.fits", "2024-07-06T01:01:00.000", LARGE),
    MeasuredShift("d.fits", None, UNREADABLE),
    MeasuredShift("e.fits", "2024-07-06T01:03:00.000", refuse_shift(ShiftVerdict.STARLESS, "0 stars seen")),
]


def test_json_keeps_the_keys_of_old():
    text = format_json(summarise(SHIFTS, REFERENCES, "20240705"))
    kept = {key: value for key, value in json.loads(text).items() if key in OLD}
    assert kept == OLD


def test_json_says_what_counts_as_large_elsewhere():
    said = summarise(SHIFTS, REFERENCES, "20240705", large_px=20.0)
    assert said["The name of the images with shifts greater than 20 pixels is"] == ["c.fits"]
    assert "The number of images with shifts greater than +/-20 pixels is" in said


@pytest.mark.parametrize(("key", "value"), [("min_match", 0.999999), ("residual_px", 1e-6)])
def test_shift_is_believed_as_the_profile_says(sky, settings, reference, key, value):
    frame = sky.expose(0.3, 0.2, noise=4)
    assert measure_shift(reference, frame, 10.0).known
    strict = build_reference(sky.expose(), 10.0, dataclasses.replace(settings, **{key: value}))
    assert not measure_shift(strict, frame, 10.0).known


OLD = {
    "Reference Image": "a.fits",
    "The number of images with shifts greater than +/-0.5 pixels is": {
        "Total Images": 4,
        "Number of Images with Large Shifts": 1,
    },
    "The name of the images with shifts greater than 0.5 pixels is": ["c.fits"],
    "And shifts of this/them": {"X Shifts": [-0.7], "Y Shifts": [0.5]},
    "X Shifts and Y Shifts": [[0.1, -0.2], [-0.7, 0.5], [None, None], [None, None]],
}


def test_json_tells_each_frame_with_its_reason():
    frames = summarise(SHIFTS, REFERENCES, "20240705")["Frames"]
    assert [(frame["name"], frame["verdict"], frame["reason"]) for frame in frames[2:]] == [
        ("d.fits", ShiftVerdict.UNREADABLE, "d.fits: empty, expected a FITS file"),
        ("e.fits", ShiftVerdict.STARLESS, "0 stars seen"),
    ]


def test_reference_is_never_among_the_measured():
    own = MeasuredShift("a.fits", "2024-07-06T00:59:00.000", Shift(0.0, 0.0, 1.0, 900, ShiftVerdict.OK, ""))
    assert summarise([own, *SHIFTS], REFERENCES, "20240705") == summarise(SHIFTS, ("a.fits", None), "20240705")


def test_nan_never_reaches_the_json():
    broken = MeasuredShift("b.fits", None, Shift(float("nan"), 0.0, 0.9, 900, ShiftVerdict.OK, ""))
    with pytest.raises(ValueError, match="JSON compliant"):
        format_json(summarise([broken], REFERENCES, "20240705"))


def test_measured_shift_can_be_written_as_json(sky, reference):
    shift = measure_shift(reference, sky.expose(0.2, 0.1, noise=4), 10.0)
    text = format_json(summarise([MeasuredShift("b.fits", None, shift)], REFERENCES, "20240705"))
    assert json.loads(text)["X Shifts and Y Shifts"] == [[shift.x, shift.y]]
