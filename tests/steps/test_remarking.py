"""Frames of a table that cannot be what they say are told in one line."""

import numpy as np
from astropy.table import Table

from ngcmos.config import load_camera
from ngcmos.steps.remarking import tell_exposures, tell_focus, tell_light, tell_quiet, tell_repeated, tell_step

CAMERA = load_camera()


def rows(count=30, **columns):
    """FRAMES of a good night, with some columns otherwise."""
    rng = np.random.default_rng(4)
    usual = {"sky": 240, "sky_rms": 15, "fwhm_px": 2.0, "elongation": 1.05}
    good = {name: value * rng.normal(1, 0.003, count) for name, value in usual.items()}
    good |= {"zp": rng.normal(20.8, 0.01, count), "exptime_s": np.full(count, 10.0)}
    return Table({"frame_id": [f"a-{number}.fits" for number in range(count)]} | good | columns)


def test_pixels_that_come_again_are_told():
    frames = rows()
    assert tell_repeated(frames) == ""
    for name in ("sky", "sky_rms", "fwhm_px", "elongation"):
        frames[name][20:23] = frames[name][3] * (1 + 1e-7 * np.arange(3))
    assert tell_repeated(frames).startswith(
        "3 of 30 frames hold the pixels of another one, as a-20.fits those of a-3"
    )
    frames["fwhm_px"][20:23] += 0.01 * np.arange(1, 4)
    assert tell_repeated(frames) == ""


def test_frames_without_a_shape_are_not_alike():
    nothing = np.full(30, np.nan)
    assert tell_repeated(rows(fwhm_px=nothing, elongation=nothing, sky=np.full(30, 240.0))) == ""


def test_exposure_times_that_the_light_contradicts_are_told():
    exptime_s = np.where(np.arange(30) < 20, 10.0, 5.0)
    zp = rows()["zp"]
    assert tell_exposures(rows(exptime_s=exptime_s)) == ""  # as bright a second
    as_bright = zp + np.where(exptime_s == 5, 2.5 * np.log10(2), 0)
    assert tell_exposures(rows(exptime_s=exptime_s, zp=as_bright)).startswith(
        "10 frames of 5 s show as much light as those of 10 s"
    )
    assert tell_exposures(rows(exptime_s=exptime_s, zp=zp - 0.75)) == ""
    assert tell_exposures(rows(exptime_s=exptime_s, zp=np.full(30, np.nan))) == ""


def test_more_light_than_the_mirror_gathers_is_told():
    """At Tmag 0 a mirror of 0.2 m gathers 21.6 mag above 1 ADU/s."""
    zp = np.append(np.full(9, 21.6 + 1.6), np.nan)
    assert tell_light(zp, CAMERA) == tell_light(np.full(3, np.nan), CAMERA) == ""
    told = tell_light(zp + 3, CAMERA)
    assert told.startswith("stars give 72 times the light that a mirror of 0.2 m gathers: is EXPTIME in seconds")


def test_frames_out_of_focus_are_told():
    fwhm_px = np.array([2.0, 2.1, 1.9, np.nan, 3.9, 4.2, 5.06, 2.0, 2.0])
    told = "stars were up to 5.1 px wide in 2 of 9 frames, usually 2.0: out of focus? Apertures lose light there"
    assert tell_focus(fwhm_px) == told
    assert tell_focus(np.array([2.0, 2.1, 1.9, 6.0])) == ""  # a gust
    assert tell_focus(fwhm_px[:5]) == tell_focus(np.full(3, np.nan)) == tell_focus(np.zeros(0)) == ""


def test_stars_and_sky_that_change_alike_are_no_cloud():
    late = np.arange(30) >= 17
    frames = rows()
    frames["zp"] = frames["zp"] + np.where(late, 0.75, 0)
    assert tell_step(frames) == ""  # a cloud that went away
    frames["sky"] = frames["sky"] * np.where(late, 2.0, 1)
    assert tell_step(frames).startswith("stars and sky are 2.01 times as bright from a-17.fits on: another gain")
    frames["exptime_s"] = np.where(late, 5.0, 10.0)
    assert tell_step(frames) == ""
    assert tell_step(rows()) == tell_step(rows(5)) == tell_step(rows(zp=np.full(30, np.nan))) == ""


def test_a_sky_quieter_than_its_photons_is_told():
    """240 ADU of sky, 14 of dark and the read noise scatter by 15.2 ADU."""
    assert tell_quiet(rows(sky_rms=np.full(30, 12.0)), CAMERA) == ""
    frames = rows(sky_rms=np.where(np.arange(30) < 25, 15.0, 15.1 / np.sqrt(3)))
    told = tell_quiet(frames, CAMERA)
    assert told.startswith("the sky of 5 of 30 frames scatters by 0.5") and "are they stacked" in told
