"""A night of links to an archive of frames packed in every way: the numbers of plain frames, no byte changed."""

import bz2
import gzip
import hashlib
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import night_options, run_script

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night

LATER = ["QC_control", "relative_photometry", "noise_model", "season", "night_report"]  # than what is compared
UP_TO_TABLES = [f"--skip={stage}" for stage in LATER]
FLUXES = ["flux_3.0", "fluxerr_3.0", "flux_w_sky_5.0", "max_pixel_value_5.0", "x", "y", "sky", "airmass", "zp"]


def pack(plain, archive, number):
    """A frame in the archive in one of six forms; its path."""
    target = archive / (plain.name + ("", ".gz", ".bz2", ".fz", "", "")[number % 6])
    data, header = fits.getdata(plain), fits.getheader(plain)
    if number % 6 == 1:
        target.write_bytes(gzip.compress(plain.read_bytes(), 1))
    elif number % 6 == 2:
        target.write_bytes(bz2.compress(plain.read_bytes(), 1))
    elif number % 6 == 3:
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, header)]).writeto(target)
    elif number % 6 == 4:
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, header)]).writeto(target)
    elif number % 6 == 5:
        fits.PrimaryHDU(data[np.newaxis], header).writeto(target)
    else:
        shutil.copyfile(plain, target)
    target.chmod(0o444)
    return target


def checksums(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """(table of the plain night, table of the linked one, archive before and after, linked night)."""
    top = tmp_path_factory.mktemp("archive")
    simulated = simulate_night(top / "base", load_camera(), size=320, density=2.0, frames=7, calibrations=3)
    field = simulated.truths[0].field
    archive, linked = top / "archive", top / "base" / "nights" / "20240706"
    archive.mkdir()
    linked.mkdir()
    for number, path in enumerate(sorted(simulated.folder.glob("NG*.fits"))):
        packed = pack(path, archive, number)
        (linked / packed.name).symlink_to(packed)
    for path in simulated.folder.glob("*flat*"):
        shutil.copy(path, linked)
    before = checksums(archive)
    for date in ("20240705", "20240706"):
        run_script("run_night", *night_options(top / "base", date=date), *UP_TO_TABLES)
    tables = [Table.read(folder / f"phot_{field}.fits", hdu="PHOT") for folder in (simulated.folder, linked)]
    return *tables, before, checksums(archive), linked


def test_numbers_are_those_of_plain_frames(nights):
    plain, linked, *_ = nights
    assert len(plain) == len(linked)
    names = [name for name in plain.colnames if name in FLUXES or name.startswith("flux")]
    assert len(names) > 20
    for name in names:
        np.testing.assert_allclose(linked[name], plain[name], rtol=1e-6, equal_nan=True, err_msg=name)


def test_archive_is_neither_changed_nor_copied(nights):
    *_, before, after, linked = nights
    assert before == after
    frames = [path for path in linked.iterdir() if path.name.startswith("NG") and path.suffix != ".head"]
    frames = [path for path in frames if "catalog" not in path.name and path.suffix != ".reg"]
    assert len(frames) == 7
    assert all(path.is_symlink() for path in frames)


def test_second_run_finds_all_done(nights):
    linked = nights[-1]
    done = run_script("run_night", *night_options(linked.parents[1], date=linked.name), *UP_TO_TABLES)
    assert "simple_wrapper             0        7        0" in " ".join(done.stderr.splitlines())
    assert "process_cmos               0        7        0" in done.stderr
