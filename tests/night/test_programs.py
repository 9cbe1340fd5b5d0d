"""Headers as programs and cameras write them, each read by a profile alone: time, exposure, target, pointing."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from ngcmos.night.frames import read_frame
from ngcmos.profile import HeaderNames

RA, DEC = 350.25, -13.5  # 23h21m
TARGET = "TIC-188620407"
TARGET = "TIC-188620407"
START = "2024-07-06T07:27:37.751"
IN_TEXT = {"OBJCTRA": "23 21 00", "OBJCTDEC": "-13 30 00"}
MJD = Time(START, scale="utc").mjd


@dataclasses.dataclass(frozen=True)
class Dialect:
    """Cards of a program, what a profile says of them, and the target; the exposure of 10 s began at START."""

    cards: dict
    headers: dict = dataclasses.field(default_factory=dict)
    target: str = TARGET
    pointing: tuple | None = (RA, DEC)
    ending: str = ".fits"
    pack: str = ""


DIALECTS = {
    "NGTS": Dialect({"DATE-OBS": START, "EXPTIME": 10.0, "TELRAD": RA, "TELDECD": DEC, "OBJECT": TARGET}),
    "NINA": Dialect(
        {"DATE-OBS": START, "DATE-LOC": "2024-07-06T03:27:37.751", "EXPOSURE": 10.0, "EXPTIME": 10.0}
        | {"RA": RA, "DEC": DEC, "OBJECT": TARGET, "IMAGETYP": "LIGHT", "OFFSET": 50, "EGAIN": 0.25}
        | IN_TEXT
    ),
    "NINA without a mount": Dialect(
        {
            "DATE-OBS": START,
            "EXPTIME": 10.0,
            "OBJCTRA": "00 00 00",
            "OBJCTDEC": "00 00 00",
            "OBJECT": TARGET,
        },
        {"center": [RA, DEC]},
    ),
    "SGPro": Dialect(
        {"DATE-OBS": START, "EXPOSURE": 10.0, "CENTALT": "45.0", "OBJECT": TARGET} | IN_TEXT,
        ending=".fit",
    ),
    "MaxIm DL": Dialect(
        {
            "DATE-OBS": START[:19],
            "EXPTIME": 10.0,
            "EXPOSURE": 10.0,
            "JD": MJD + 2400000.5,
            "OBJECT": TARGET,
        }
        | {"PEDESTAL": -100}
        | IN_TEXT,
        {"date_obs": ["JD", "DATE-OBS"]},
        ending=".fts",
    ),
    "APT": Dialect({"DATE-OBS": START, "EXPTIME": 10.0, "OBJECT": TARGET} | IN_TEXT, ending=".fit"),
    "SharpCap": Dialect({"DATE-OBS": START + "0000", "EXPTIME": 10.0}, target="Capture", pointing=None),
    "Seestar": Dialect(
        {"DATE-OBS": "2024-07-06T07:27:47.751", "EXPTIME": 10.0, "RA": RA, "DEC": DEC, "OBJECT": TARGET},
        {"time_meaning": "end"},
        ending=".fit",
    ),
    "Seestar, stacked": Dialect(
        {"DATE-OBS": START, "EXPTIME": 10.0, "RA": RA, "DEC": DEC, "OBJECT": TARGET}, pack="cube"
    ),
    "Dwarf": Dialect(
        {"DATE-OBS": START, "EXP": 10.0, "RA": RA / 15, "DEC": DEC, "OBJECT": ""},
        {"pointing_unit": "hour"},
        target="Capture",
    ),
    "Dwarf that knows nothing": Dialect(
        {"DATE-OBS": START, "EXP": 10.0, "RA": 0, "DEC": 0, "OBJECT": ""}, target="Capture", pointing=None
    ),
    "MicroObservatory": Dialect(
        {"DATE-OBS": "2024-07-06T00:27:37.751-0700", "EXPTIME": 10.0, "RA": "23:21:00", "DEC": "-13:30:00"}
        | {"OBJECT": TARGET, "TELALT": 60.0},
        ending=".FITS",
    ),
    "PANOPTES": Dialect({"DATE-OBS": START, "EXPTIME": 10.0, "RA-MNT": RA, "DEC-MNT": DEC, "FIELD": TARGET}),
    "NEOSSat": Dialect(
        {"DATE-OBS": START, "EXPOSURE": 10.0, "RA": "23:21:00.00", "DEC": "-13:30:00.0", "OBJECT": TARGET}
        | {"CTYPE1": "RA---TAN", "CRVAL1": 1.0, "CRVAL2": 2.0, "GAIN": "1.1 e/adu"}
    ),
    "OGLE": Dialect(
        {"DATE-OBS": START[:19], "UT-START": START[11:19], "JULDAT": MJD + 2400000.5 + 5 / 86400, "EXPTIME": 10.0}
        | {"RA": "23:21:00.0", "DEC": "-13:30:00", "OBJECT": TARGET, "IMAGETYP": "object"},
        {"date_obs": ["JULDAT"], "time_meaning": "middle"},
        ending=".fts",
    ),
    "LCO": Dialect(
        {"DATE-OBS": START, "MJD-OBS": MJD, "EXPTIME": 10.0, "OBJECT": TARGET, "OBSTYPE": "EXPOSE"}
        | {"RA": "23:21:00.0", "DEC": "-13:30:00.0", "CTYPE1": "RA---TAN", "CRVAL1": RA, "CRVAL2": DEC},
        ending=".fits.fz",
        pack="tiles",
    ),
    "SPECULOOS": Dialect(
        {"DATE-OBS": START, "JD": MJD + 2400000.5, "EXPTIME": 10.0, "RA": "23 21 00", "DEC": "-13 30 00"}
        | {"OBJECT": TARGET},
        ending=".fts",
    ),
    "SAINT-EX": Dialect(
        {"DATE-OBS": START, "EXPTIME": 10.0, "RA": RA / 15, "DEC": DEC, "OBJECT": TARGET},
        {"pointing_unit": "hour"},
        ending=".fts",
    ),
    "LSST, HSC": Dialect(
        {"MJD-OBS": MJD + 37 / 86400, "TIMESYS": "TAI", "EXPTIME": 10.0, "RA": RA, "DEC": DEC}
        | {"OBJECT": TARGET},
        pack="units",
    ),
    "PixInsight": Dialect(
        {"DATE-BEG": START, "DATE-AVG": "2024-07-06T07:27:42.751", "DATE-END": "2024-07-06T07:27:47.751"}
        | {"EXPTIME": "10.00", "OBJECT": TARGET}
        | IN_TEXT,
        pack="float",
    ),
    "an old CCD": Dialect(
        {"DATE-OBS": "06/07/24", "UT": START[11:], "EXPTIME": "10,0", "RA": "23:21:00", "DEC": "-13:30:00"}
        | {"OBJECT": TARGET},
        pack="NUL",
    ),
}


def write(path, dialect):
    data = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    header = fits.Header(dialect.cards)
    if dialect.pack == "tiles":
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, header)]).writeto(path)
    elif dialect.pack == "units":
        fits.HDUList([fits.PrimaryHDU(header=header), fits.ImageHDU(data)]).writeto(path)
    elif dialect.pack == "float":
        fits.PrimaryHDU((data / 65535).astype(np.float32), header).writeto(path)
    else:
        fits.PrimaryHDU(data[np.newaxis] if dialect.pack == "cube" else data, header).writeto(path)
    if dialect.pack == "NUL":
        path.write_bytes(path.read_bytes() + bytes(999))


@pytest.mark.parametrize("name", DIALECTS)
def test_frame_is_read_by_its_profile(tmp_path, small_camera, name):
    dialect = DIALECTS[name]
    path = tmp_path / f"Capture_00012{dialect.ending}"
    write(path, dialect)
    adu = 65535.0 if dialect.pack == "float" else 1.0
    detector = dataclasses.replace(small_camera.detector, readmode="", adu_per_unit=adu)
    files = dataclasses.replace(small_camera.files, field_length=0)
    camera = dataclasses.replace(
        small_camera, detector=detector, files=files, headers=HeaderNames(**dialect.headers)
    )
    frame = read_frame(path, camera)
    assert abs((frame.start - Time(START, scale="utc")).sec) < 1e-3
    assert frame.exptime == 10.0
    assert frame.field == dialect.target
    assert frame.data.shape == (48, 64)
    assert frame.pointing == (None if dialect.pointing is None else pytest.approx(dialect.pointing))
