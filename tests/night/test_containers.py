"""The same image, however its file is packed: pixels and cards as astropy reads them, damage told by name."""

import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.errors import FrameError
from ngcmos.night.frames import read_frame
from ngcmos.night.images import read_image

STEM = "NG2320-1302_TIC-188620407_S43-20240706072737751"
SHAPE = (48, 64)
CARDS = {
    "DATE-OBS": "2024-07-06T07:27:37.751",
    "EXPTIME": 10.0,
    "READMODE": "HDR",
    "OBJECT": STEM[:11],
    "BZERO": 32768,
}


def counts(seed=1):
    """Stars on a noisy sky, over all of 16 bits."""
    rng = np.random.default_rng(seed)
    data = rng.normal(600.0, 20.0, SHAPE)
    data[rng.integers(0, SHAPE[0], 20), rng.integers(0, SHAPE[1], 20)] += rng.uniform(100, 64000, 20)
    return data.clip(0, 65535).astype(np.uint16)


def header(**more):
    return fits.Header({**CARDS, **more})


def plain(path, data):
    fits.PrimaryHDU(data, header()).writeto(path)


def packed(pack):
    def write(path, data):
        plain(path.with_suffix(".raw"), data)
        path.write_bytes(pack(path.with_suffix(".raw").read_bytes()))

    return write


def tiled(path, data):
    units = [fits.PrimaryHDU(), fits.CompImageHDU(data, header(), compression_type="RICE_1")]
    fits.HDUList(units).writeto(path)


def tiled_by_itself(path, data):
    """The cards of the exposure stand in the first unit, as some archives have it."""
    bare = fits.CompImageHDU(data, compression_type="GZIP_2")
    fits.HDUList([fits.PrimaryHDU(header=header()), bare]).writeto(path)


def extension(path, data):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(999))])
    fits.HDUList([fits.PrimaryHDU(), table, fits.ImageHDU(data, header())]).writeto(path)


def inherited(path, data):
    fits.HDUList([fits.PrimaryHDU(header=header(ORIGIN="first")), fits.ImageHDU(data)]).writeto(path)


def unusual(path, data):
    """Cards that only astropy reads, in both units."""
    first, second = header(), fits.Header({"HIERARCH ESO TEL ALT": 45.0})
    first["HIERARCH ESO DET NAME"] = "chip"
    fits.HDUList([fits.PrimaryHDU(header=first), fits.ImageHDU(data, second)]).writeto(path)


def cube(path, data):
    fits.PrimaryHDU(data[np.newaxis], header()).writeto(path)


def nul_behind_end(path, data):
    plain(path, data)
    content = path.read_bytes()
    at = content.index(b"END".ljust(80))
    path.write_bytes(content[:at] + b"END".ljust(2880 - at % 2880, b"\0") + content[at // 2880 * 2880 + 2880 :])


def nul_behind_data(path, data):
    plain(path, data)
    path.write_bytes(path.read_bytes() + bytes(5000))


def cut_behind_data(path, data):
    """The last block is not filled up."""
    plain(path, data)
    with fits.open(path) as units:
        end = units[0].fileinfo()["datLoc"] + data.nbytes
    path.write_bytes(path.read_bytes()[:end])


KINDS = {
    "gzip": (".fits.gz", packed(gzip.compress)),
    "bzip2": (".fits.bz2", packed(bz2.compress)),
    "gzip in two parts": (".fit.gz", packed(lambda raw: gzip.compress(raw[:5000]) + gzip.compress(raw[5000:]))),
    "bzip2 and more": (".fts.bz2", packed(lambda raw: bz2.compress(raw) + bytes(30))),
    "gzip without saying so": (".fits", packed(gzip.compress)),
    "tiles": (".fits.fz", tiled),
    "tiles, cards above": (".fits.fz", tiled_by_itself),
    "extension": (".FITS", extension),
    "extension, cards above": (".fit", inherited),
    "unusual cards": (".fits", unusual),
    "cube of one plane": (".fts", cube),
    "NUL behind END": (".fits", nul_behind_end),
    "NUL behind the data": (".fts", nul_behind_data),
    "cut behind the data": (".fits", cut_behind_data),
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    ending, write = KINDS[request.param]
    path = tmp_path / (STEM + ending)
    write(path, counts())
    return path


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
def test_pixels_and_cards_are_those_of_the_plain_file(kind, small_camera):
    frame = read_frame(kind, small_camera)
    assert frame.data.dtype == np.uint16
    assert frame.data.dtype.isnative
    assert frame.data.flags.writeable
    np.testing.assert_array_equal(frame.data, counts())
    assert (frame.exptime, frame.start.isot, frame.field) == (10.0, CARDS["DATE-OBS"], STEM[:11])
    assert (frame.header["NAXIS1"], frame.header["NAXIS2"]) == SHAPE[::-1]


def test_header_alone_is_the_same(kind, small_camera):
    facts = read_frame(kind, small_camera, pixels=False)
    assert dict(facts.header) == dict(read_frame(kind, small_camera).header)


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("name", ["gzip", "bzip2", "tiles", "extension", "gzip in two parts"])
def test_file_that_is_cut_off_is_refused_by_name(tmp_path, small_camera, name, pixels):
    ending, write = KINDS[name]
    path = tmp_path / (STEM + ending)
    write(path, counts())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 3000] if "extension" in name else content[: len(content) * 3 // 4])
    with pytest.raises(FrameError, match=rf"{path.name}: (truncated|tiles of the image damaged)"):
        read_frame(path, small_camera, pixels=pixels)


@pytest.mark.parametrize("name", ["gzip", "bzip2"])
def test_damage_inside_is_found(tmp_path, small_camera, name):
    ending, write = KINDS[name]
    path = tmp_path / (STEM + ending)
    write(path, counts())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(FrameError, match="truncated or damaged, not to be unpacked"):
        read_frame(path, small_camera)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([fits.PrimaryHDU()], "no image in any of its 1 units, expected a 2-D image"),
        ([fits.PrimaryHDU(), fits.BinTableHDU()], "no image in any of its 2 units"),
        ([fits.PrimaryHDU(np.zeros((3, 48, 64)))], r"its sides are \[64, 48, 3\], expected a 2-D image"),
        ([fits.PrimaryHDU(np.zeros(64))], r"its sides are \[64\], expected a 2-D image"),
    ],
)
def test_file_without_one_image(tmp_path, units, message):
    fits.HDUList(units).writeto(tmp_path / "a.fits")
    with pytest.raises(FrameError, match=message):
        read_image(tmp_path / "a.fits")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_tiles_of_other_kinds_of_pixels(tmp_path, dtype):
    data = np.arange(48 * 64).reshape(48, 64).astype(dtype)
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type="GZIP_1", quantize_level=0)]
    ).writeto(tmp_path / "a.fits.fz")
    found, _ = read_image(tmp_path / "a.fits.fz")
    np.testing.assert_array_equal(found, data)
