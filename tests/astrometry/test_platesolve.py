"""solve-field: its failures by programs that stand in for it, its answers where it is installed."""

import dataclasses
import os
import shutil
import stat
import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from made_sky import list_sources, make_field

from ngcmos.astrometry.detection import find_sources, subtract_background
from ngcmos.astrometry.distortion import to_pixels
from ngcmos.astrometry.platesolve import find_solve_field, solve_with_astrometry_net
from ngcmos.astrometry.solve import solve_frame, solve_from_guess
from ngcmos.astrometry.spots import ReferenceStars, Spots
from ngcmos.astrometry.triangles import Search, match_triangles
from ngcmos.astrometry.wcs_header import wcs_cards
from ngcmos.config import load_camera
from ngcmos.errors import ToolError, UnsolvedError

POINTING = (31.3121, 46.7691)
SHAPE = (500, 650)

needs_solve_field = pytest.mark.skipif(
    not shutil.which("solve-field"), reason="astrometry.net's solve-field is not installed"
)


def ask(folder, program, *, x=(10.0, 20.0), y=(30.0, 40.0), flux=(1.0, 5.0), **options):
    return solve_with_astrometry_net(
        Spots(np.array(x), np.array(y), np.array(flux)),
        Search(POINTING, 2.0, 5.2, (4.8, 5.6), SHAPE),
        folder=folder,
        program=str(program),
        **options,
    )


def match(field, sources, sky):
    stars = ReferenceStars(*sky, np.ones(len(sky[0]), bool))
    search = Search(field.pointing, 0.2, 4.05, (3.9, 4.3), field.shape)
    return next(match_triangles(Spots(*sources), stars, search)).solution


def stand_in(folder, script):
    path = folder / "solve field"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "a folder; with $(odd) name"
    folder.mkdir()
    return folder


def test_missing_program(work):
    assert find_solve_field("no-such-solver") == ""
    with pytest.raises(ToolError, match="no-such-solver: not installed"):
        ask(work, "no-such-solver")


def test_failing_program(work, tmp_path):
    program = stand_in(tmp_path, "echo index files are missing >&2; exit 3")
    with pytest.raises(ToolError, match="exit code 3, it said: index files are missing"):
        ask(work, program)


def test_program_without_a_solution(work, tmp_path):
    with pytest.raises(UnsolvedError, match="no solution among 2 sources; it said: Did not solve"):
        ask(work, stand_in(tmp_path, "echo Did not solve"))


def test_program_that_never_ends(work, tmp_path):
    pid_file = tmp_path / "pid"
    program = stand_in(tmp_path, f"sleep 600 & echo $! > '{pid_file}'; wait")
    with pytest.raises(ToolError, match=r"no answer after 0\.5 s"):
        ask(work, program, timeout_s=0.5, grace_s=0.0)
    child = int(pid_file.read_text())
    for _ in range(50):
        if not is_alive(child):
            break
        time.sleep(0.1)
    assert not is_alive(child)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as status:  # noqa: PTH123 - /proc is no place for paths
        return status.read().rsplit(")", 1)[1].split()[0] != "Z"


def test_program_that_cannot_be_started(work, tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(ToolError, match="could not be started"):
        ask(work, path)


def test_damaged_answer(work, tmp_path):
    program = stand_in(tmp_path, "echo nonsense > sources.wcs")
    with pytest.raises(ToolError, match=r"its sources\.wcs is not readable"):
        ask(work, program)


def test_program_gets_a_sorted_list_of_one_based_pixels_and_its_limits(work, tmp_path):
    program = stand_in(tmp_path, 'for part in "$@"; do echo "$part" >> arguments; done')
    with pytest.raises(UnsolvedError):
        ask(work, program)
    sources = Table.read(work / "sources.xyls")
    assert sources["X"].tolist() == [21.0, 11.0]
    assert sources["Y"].tolist() == [41.0, 31.0]
    given = (work / "arguments").read_text().splitlines()
    for option, value in (
        ("--scale-low", "4.8"),
        ("--scale-high", "5.6"),
        ("--width", "650"),
        ("--height", "500"),
        ("--ra", "31.3121"),
        ("--radius", "2.0"),
    ):
        assert given[given.index(option) + 1] == value
    assert given[-1] == str(work / "sources.xyls")


def test_answer_becomes_a_solution(work, tmp_path):
    field = make_field(np.random.default_rng(50), density=0.1)
    x, y, flux = list_sources(np.random.default_rng(51), field)
    truth = match(field, (x, y, flux), (field.ra, field.dec, field.mag))
    cards = fits.Header([(key, value) for key, value, _ in wcs_cards(truth, field.shape)])
    fits.PrimaryHDU(header=cards).writeto(tmp_path / "answer.fits")
    found = ask(work, stand_in(tmp_path, f"cp '{tmp_path}/answer.fits' sources.wcs"))
    np.testing.assert_allclose(
        to_pixels(found, field.ra, field.dec), to_pixels(truth, field.ra, field.dec), atol=1e-6
    )
    assert found.rung == "solve-field"


@pytest.fixture(scope="module")
def real_sky(real_data):
    """Catalog of the real field: ra, dec, mag; positions of J2000 are good enough here."""
    table = Table.read(real_data / "hatp32" / "tic82_hatp32.fits")
    return tuple(np.array(table[name]) for name in ("RAJ2000", "DEJ2000", "Tmag"))


@pytest.mark.external
@pytest.mark.real
@needs_solve_field
def test_triangles_agree_with_solve_field_on_real_bright_stars(real_sky, tmp_path):
    ra, dec, mag = (column[real_sky[2] < 12.0] for column in real_sky)
    rng = np.random.default_rng(52)
    field = make_field(rng, shape=(1400, 1400), parity=1)
    field.wcs.wcs.crval = POINTING
    field.wcs.wcs.set()
    x, y = field.pixels(ra, dec)
    seen = (x > 0) & (x < 1399) & (y > 0) & (y < 1399)
    x, y, flux = x[seen], y[seen], 10 ** (-0.4 * mag[seen])
    theirs = solve_with_astrometry_net(
        Spots(x, y, flux), Search(POINTING, 2.0, 4.05, (3.9, 4.3), field.shape), folder=tmp_path
    )
    ours = match(dataclasses.replace(field, pointing=POINTING), (x, y, flux), (ra, dec, mag))
    apart = np.hypot(*np.subtract(to_pixels(ours, ra[seen], dec[seen]), to_pixels(theirs, ra[seen], dec[seen])))
    assert np.median(apart) < 3.0  # theirs has no distortion
    assert np.max(np.hypot(*np.subtract(to_pixels(ours, ra[seen], dec[seen]), (x, y)))) < 0.5


@pytest.mark.external
@pytest.mark.real
@needs_solve_field
def test_real_frame_is_solved_alike_by_both(real_data, real_sky, tmp_path):
    camera = load_camera("microobservatory")
    image, header = fits.getdata(*frames(real_data)[:1], header=True)
    stars = ReferenceStars(*real_sky, usable=np.ones(len(real_sky[0]), dtype=bool))
    sources = find_sources(subtract_background(image, mesh_px=32), camera.detection)
    pointing = (header["TELRAD"], header["TELDECD"])
    detector = camera.detector
    search = Search(pointing, 2.0, detector.scale_arcsec, detector.scale_limits_arcsec, image.shape)
    guess = solve_with_astrometry_net(sources, search, folder=tmp_path)
    by_guess = solve_from_guess(image, stars, camera, guess, rung="solve-field")
    alone = solve_frame(image, stars, camera, pointing=pointing)
    x, y = to_pixels(alone, stars.ra, stars.dec)
    on_chip = (x > 0) & (x < 650) & (y > 0) & (y < 500)
    apart = np.hypot(*np.subtract(to_pixels(by_guess, stars.ra, stars.dec), (x, y)))[on_chip]
    assert apart.max() < 0.05


def frames(real_data):
    return sorted((real_data / "hatp32" / "20171219").glob("NG*.fits"))
