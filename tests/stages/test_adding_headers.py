"""Cards of adding_headers, written by itself or along with the plate solution."""

import shutil

import pytest
from astropy.io import fits
from running import run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.night.folder import open_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import adding_headers, simple_wrapper


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A small raw night; one of its frames has no ALTITUDE."""
    base = tmp_path_factory.mktemp("headers") / "raw"
    options = {"density": 4, "frames": 3, "seed": 2, "faults": ["no-altitude"]}
    return simulate_night(base, load_camera(), size=256, **options)


def solve(raw, folder, **options):
    """(config, night) of a copy whose frames are solved."""
    shutil.copytree(raw.base, folder)
    config = load_config(camera=str(raw.base / "camera.toml"), config=folder / "directories.json")
    night = open_night(config, folder / "nights" / raw.folder.name, settle=False)
    run_stage(simple_wrapper, config, night, quiet=True, **options)
    return config, night


def inodes(night):
    return {path.name: path.stat().st_ino for path in night.frames}


def test_frames_solved_with_its_cards_are_not_written_again(raw, tmp_path):
    config, night = solve(raw, tmp_path / "once", time_cards=True)
    before = inodes(night)
    outcome = run_stage(adding_headers, config, night, quiet=True)
    assert inodes(night) == before
    assert len(outcome.done) == 4


def test_frames_solved_alone_are_written_again(raw, tmp_path):
    config, night = solve(raw, tmp_path / "twice")
    before = inodes(night)
    run_stage(adding_headers, config, night, quiet=True)
    assert [name for name, inode in inodes(night).items() if before[name] == inode] == []


def test_both_ways_end_in_the_same_files(raw, tmp_path):
    _, once = solve(raw, tmp_path / "once", time_cards=True)
    config, twice = solve(raw, tmp_path / "twice")
    run_stage(adding_headers, config, twice, quiet=True)
    assert [path.read_bytes() for path in once.frames] == [path.read_bytes() for path in twice.frames]
    assert all("BJD" in fits.getheader(path) for path in once.frames)
