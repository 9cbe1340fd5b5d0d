"""Whatever stands in a card, a frame is read or refused in words: a card is never a bug of ours."""

import contextlib

import pytest
from spoilt_night import copy_case

from ngcmos.config import load_config
from ngcmos.errors import FrameError
from ngcmos.night.fields import read_identity
from ngcmos.steps.measuring import place_frame
from ngcmos.steps.solution import sight_frame

CARD_BYTES = 80
MANDATORY = ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "END", "")
FURTHER = (
    *(
        "TIMESYS",
        "DATE-END",
        "DATE-AVG",
        "MJD-OBS",
        "TIME-OBS",
        "PEDESTAL",
        "BLANK",
        "AIRMASS",
        "IMAGETYP",
        "GAIN",
    ),
    *(
        "OFFSET",
        "XBINNING",
        "SUBRECT",
        "CCD-TEMP",
        "BAYERPAT",
        "RA",
        "DEC",
        "BSCALE",
        "CRVAL1",
        "CMD_RA",
        "CMD_DEC",
    ),
)
JUNK = (
    *(
        "",
        "''",
        "'nan'",
        "NaN",
        "-1",
        "0",
        "1E400",
        "9" * 25,
        "T",
        "(1.0, 2.0)",
        "(1, 2)",
        "'1,5'",
        "1.D0",
        "'--'",
    ),
    *("'2024-13-45T25:61:00'", "'12:61:99'", "1 2 3", "#NULL", "'é'", "'O''Brien'", "'unclosed"),
)


@pytest.fixture(scope="module")
def frame(usual, tmp_path_factory):
    """(path, camera) of a frame that was solved, of one's own."""
    night = copy_case(usual, tmp_path_factory.mktemp("junk") / "base")
    config = load_config(camera=str(night.night.camera_file), config=str(night.night.directories_file))
    return night.frames[0], config.camera


def places_of(path):
    """{keyword: where its card begins in the file}, in the order they stand in."""
    content = path.read_bytes()
    places = {}
    for at in range(0, content.index(b"END" + b" " * 77), CARD_BYTES):
        places.setdefault(content[at : at + 8].decode("ascii").strip(), at)
    return places


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize(
    "read", [sight_frame, place_frame, lambda path, camera: read_identity(path, camera, None)]
)
def test_junk_in_a_card_is_read_or_refused_in_words(frame, read, junk):
    path, camera = frame
    places = places_of(path)
    last = list(places.values())[-1]
    for key in [*(set(places) - set(MANDATORY)), *FURTHER]:
        card = f"{key:<8}= {junk}"[:CARD_BYTES].encode("latin1").ljust(CARD_BYTES)
        at = places.get(key, last)
        with path.open("r+b") as file:
            file.seek(at)
            before = file.read(CARD_BYTES)
            file.seek(at)
            file.write(card)
        try:
            with contextlib.suppress(FrameError):
                read(path, camera)
        except Exception as error:
            error.add_note(f"the card was {card.decode('latin1').strip()}")
            raise
        finally:
            with path.open("r+b") as file:
                file.seek(at)
                file.write(before)
