"""Where the cards say the telescope looks, as programs write it; or wrongly. Each frame is alone in its night."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.table import Table, vstack
from spoilt_night import within_one

from ngcmos.names import Stage
from ngcmos.simulate.troubles import rewrite, set_cards


def text(angle_deg, unit, sep):
    return Angle(angle_deg * u.deg).to_string(unit, sep=sep, precision=2, pad=True)


DIALECTS = {
    "degrees": lambda ra, dec: (ra, dec),
    "degrees as text": lambda ra, dec: (f"{ra:.6f}", f"{dec:.6f}"),
    "sexagesimal": lambda ra, dec: (text(ra, "hourangle", ":"), text(dec, "deg", ":")),
    "sexagesimal with blanks": lambda ra, dec: (text(ra, "hourangle", " "), text(dec, "deg", " ")),
    "letters": lambda ra, dec: (text(ra, "hourangle", "hms"), text(dec, "deg", "dms")),
    "hours": lambda ra, dec: (ra / 15, dec),
    "commas": lambda ra, dec: (f"{ra:.6f}".replace(".", ","), f"{dec:.6f}".replace(".", ",")),
    "negative": lambda ra, dec: (ra - 360, dec),
    "equinox of date": lambda ra, dec: (ra + 0.336, dec + 0.05),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_field_is_found_from_one_frame_alone(copied, usual, dialect):
    first, *others = copied.frames
    for path in others:
        path.unlink()
    header = fits.getheader(first)
    ra, dec = DIALECTS[dialect](header["TELRAD"], header["TELDECD"])
    rewrite(first, set_cards({"TELRAD": ra, "TELDECD": dec, "TELRA": None, "TELDEC": None}))
    copied.reduce()
    assert within_one(copied.stars(), usual.stars())
    told = {"hours": 'headers.pointing_unit = "hour"', "equinox of date": "from where its cards want it"}
    assert [told[dialect] in remark for remark in copied.remarks()] == [True] * (dialect in told)


def test_hours_are_found_though_stars_lie_where_they_would_be_degrees(copied, usual):
    """As with a catalog of all the sky."""
    first, *others = copied.frames
    for path in others:
        path.unlink()
    ra, dec = (fits.getheader(first)[key] for key in ("TELRAD", "TELDECD"))
    rewrite(first, set_cards({"TELRAD": ra / 15, "TELDECD": dec, "TELRA": None, "TELDEC": None}))
    there = Table.read(copied.night.catalog_file)
    more, rng = there.copy(), np.random.default_rng(3)
    more["TIC"], more["GAIA"] = more["TIC"] + 10**10, 0
    more["RAJ2000"] = ra / 15 + rng.uniform(-0.3, 0.3, len(more))
    more["DEJ2000"] = dec + rng.uniform(-0.3, 0.3, len(more))
    vstack([there, more], metadata_conflicts="silent").write(copied.night.catalog_file, overwrite=True)
    copied.reduce(Stage.SIMPLE_WRAPPER)
    chosen = Table.read(copied.folder / f"{copied.truth.field}_catalog_input.fits")
    assert within_one(chosen["tic_id"].tolist(), usual.stars())


def test_cards_of_some_frames_that_tell_another_place_cost_no_frame(copied, usual):
    """The middle of two places is none."""
    for path in copied.frames[2:]:
        told = {"TELRAD": fits.getheader(path)["TELRAD"] / 15, "TELRA": None, "TELDEC": None}
        rewrite(path, set_cards(told))
    copied.reduce()
    assert len(copied.measured()) == 4
    assert within_one(copied.stars(), usual.stars())
