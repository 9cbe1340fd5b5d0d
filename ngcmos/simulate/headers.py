"""Header cards and names of frames, as an NGTS telescope writes them."""

from collections.abc import Sequence

from astropy import units as u
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.time import Time

from ngcmos.config import Camera
from ngcmos.simulate.setups import Setup

SECTOR = "S43"
TOLD_PAIRS = 3  # of those that the profile names, as NGTS has them
OTHER_READMODE = "STANDARD"


def stamp(time: Time) -> str:
    """YYYYMMDDhhmmssfff of a UTC Time."""
    return "".join(sign for sign in time.isot if sign.isdigit())[:17]


def object_name(field: str, tic_id: int) -> str:
    """OBJECT of a science frame; names of frames begin with it."""
    return f"{field}_TIC-{tic_id}_{SECTOR}"


def frame_header(
    camera: Camera,
    *,
    name: str,
    start: Time,
    setup: Setup,
    told: tuple[float, float] | None = None,
    altitude_deg: float | None = None,
) -> fits.Header:
    """Header of one exposure, cards named as the profile says.

    Parameters
    ----------
    camera : ngcmos.config.Camera
    name : str
        OBJECT.
    start : Time
    setup : Setup
        Its exposure time is told.
    told : (float, float), optional
        Where the telescope says it looks, degrees: numbers in the first pair of cards, sexagesimal text in the
        third, or the last of fewer.
    altitude_deg : float, optional
    """
    names = camera.headers
    header = fits.Header()
    header[names.object[0]] = name
    header[names.exptime[0]] = (float(setup.exptime_s), "[s]")
    header[names.date_obs[0]] = (start.isot[:23], "UTC, start of the exposure")
    header[names.readmode] = _readmode(camera)
    if told is not None:
        _point(header, names.pointing_pairs, told)
    if altitude_deg is not None:
        header[names.altitude] = (round(float(altitude_deg), 4), "[deg]")
    if setup.filter:
        header["FILTER"] = setup.filter
    header.update(setup.cards)
    return header


def _readmode(camera: Camera) -> str:
    return f"16-bit {camera.detector.readmode}" if camera.detector.readmode else OTHER_READMODE


def _point(header: fits.Header, pairs: Sequence[tuple[str, str]], told: tuple[float, float]) -> None:
    ra, dec = told
    for ra_key, dec_key in pairs[1:TOLD_PAIRS][-1:]:
        header[ra_key] = Angle(ra * u.deg).to_string("hourangle", sep=":", precision=2, pad=True)
        header[dec_key] = Angle(dec * u.deg).to_string("deg", sep=":", precision=1, pad=True, alwayssign=True)
    header[pairs[0][0]] = (ra, "[deg]")
    header[pairs[0][1]] = (dec, "[deg]")
