"""Counts that cannot be right are named, and those of usual cameras are not."""

import numpy as np
import pytest

from ngcmos.photometry.counts import believable_counts, tell_colour, tell_counts

SHAPE = (300, 300)
BIAS, SKY = 100.0, 300.0


def frame(*, peak=60000.0, stars=40, sky=SKY, sigma=1.2, seed=1):
    """Counts of stars of all brightnesses up to a peak, with their noise; not rounded."""
    rng = np.random.default_rng(seed)
    light = np.full(SHAPE, float(sky))
    y, x = np.indices(SHAPE)
    for at_x, at_y, height in zip(*rng.uniform(8, 292, (2, stars)), peak * rng.random(stars) ** 3, strict=True):
        light += height * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * sigma**2))
    at_x, at_y = 150.2, 149.7
    light += peak * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * sigma**2))
    return BIAS + rng.poisson(light) + rng.normal(0, 1.5, SHAPE)


def fault(raw, saturation=65535):
    return believable_counts(raw, BIAS, saturation).fault


USUAL = {
    "16 bit, saturated": np.clip(frame(peak=3e5), 0, 65535).astype(np.uint16),
    "16 bit, not saturated": frame(peak=40000).astype(np.uint16),
    "faint stars alone": frame(peak=500).astype(np.uint16),
    "no stars": frame(peak=1, stars=0).astype(np.uint16),
    "wide stars": frame(peak=5000, sigma=4.0).astype(np.uint16),
    "all bright": np.clip(frame(sky=52000, peak=8000), 0, 65535).astype(np.uint16),
    "a dead and a hot pixel": np.where(np.arange(90000).reshape(SHAPE) % 30011 == 0, 0, frame(peak=9000)),
    "hot pixels": np.where(np.arange(90000).reshape(SHAPE) % 9001 == 0, 65000, frame(peak=9000)).astype(np.uint16),
    "bleeding columns": np.where(np.arange(300) % 97 == 0, 65535, frame(peak=9000)).astype(np.uint16),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_counts_are_believed(name):
    assert fault(USUAL[name]) == ""


@pytest.mark.parametrize(("bits", "step"), [(12, 1), (14, 1), (12, 16), (8, 1)])
def test_cameras_of_few_bits_are_believed_by_their_own_profile(bits, step):
    """The same sky counted in coarse steps; saturation is the highest count that there is."""
    top = (2**bits - 1) * step
    raw = np.clip(frame(peak=3e5) * (top / 65535) // step * step, 0, top).astype(np.uint16)
    assert believable_counts(raw, None, top).fault == ""
    faint = np.clip(frame(peak=2e4) * (top / 65535) // step * step, 0, top).astype(np.uint16)
    assert believable_counts(faint, None, top).fault == ""


def test_unsigned_counts_written_as_signed_are_wrapped():
    raw = frame(peak=60000).astype(np.uint16).view(np.int16)
    judged = believable_counts(raw, BIAS, 65535)
    assert judged.fault == "bright counts are negative, wrapped around it seems"
    assert raw.min() < judged.low < 0 < raw[149, 20]


def test_signed_counts_written_as_unsigned_are_wrapped():
    """Half of a sky of zero is below it."""
    raw = np.rint(frame(peak=20000, sky=0) - BIAS).astype(np.int16).view(np.uint16)
    judged = believable_counts(raw, None, 65535)
    assert "dark counts lie above 49152" in judged.fault
    assert 20000 < judged.high < 65500


@pytest.mark.parametrize(("share", "wrapped"), [(0.0009, False), (0.0011, True)])
def test_a_thousandth_of_the_pixels_must_lie_at_the_top_to_be_wrapped(share, wrapped):
    raw = np.full((200, 200), 300, np.uint16)
    high = np.random.default_rng(1).permutation(10000) < round(share * 10000)
    raw[::2, ::2][high.reshape(100, 100)] = 65000  # every second pixel of both axes is looked at
    assert ("dark counts lie above 49152" in fault(raw)) == wrapped


@pytest.mark.parametrize("top", [32767, 4095, 65520])
def test_counts_cut_off_below_saturation_are_named(top):
    raw = np.clip(frame(peak=3e5), 0, top).astype(np.uint16)
    judged = believable_counts(raw, BIAS, 65535)
    assert (judged.fault, judged.high) == (f"counts stop at {top}, saturation is 65535", top)


def test_a_frame_below_its_bias_is_believed_in_nothing():
    judged = believable_counts(np.full(SHAPE, 40, np.uint16), BIAS, 65535)
    assert (judged.fault, judged.low) == ("the sky lies below the bias of 100 ADU", np.inf)
    sky_alone = frame(sky=0, peak=900)
    assert fault(sky_alone.astype(np.uint16)) == fault((sky_alone - 10).astype(np.uint16)) == ""
    assert fault((sky_alone - 30).astype(np.uint16)) != ""
    assert believable_counts((sky_alone - 30).astype(np.uint16), None, 65535).fault == ""


@pytest.mark.parametrize(
    ("rows", "told"), [(1, ""), (2, "1% of the pixels hold 0"), (120, "40% of the pixels hold 0")]
)
def test_rows_that_were_not_read_out_are_named(rows, told):
    raw = frame(peak=9000).astype(np.uint16)
    raw[:rows] = 0
    judged = believable_counts(raw, BIAS, 65535)
    assert judged.fault == (f"{told}, not read out it seems" if told else "")
    assert (0 < judged.low <= 1) == bool(told)


def test_noise_around_zero_is_no_wrapped_count():
    assert believable_counts((frame(peak=3000, sky=0) - BIAS).astype(np.float32), None, 65535).fault == ""


def test_a_field_is_one_line():
    assert tell_counts(["", ""]) == tell_counts([]) == ""
    told = tell_counts(["a", "", "b", "a"])
    assert told == "a (in 2 of 4 frames); b (in 1 of 4 frames); stars with such counts are flagged saturated"


def test_a_colour_camera_is_told():
    assert tell_colour(["", "None", "mono"]) == ""
    assert tell_colour(["RGGB", "RGGB", ""]).startswith("BAYERPAT is RGGB in 2 of 3 frames: a colour camera")
