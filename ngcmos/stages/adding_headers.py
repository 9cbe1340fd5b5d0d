"""Airmass, filter, BJD and HJD into the headers of the frames."""

import numpy as np
from astropy.time import Time

from ngcmos.astrometry.distortion import solution_from_header, to_sky
from ngcmos.errors import FrameError, HeaderError, UnsolvedError
from ngcmos.night.disk import require_space
from ngcmos.night.frames import header_number, read_frame, write_cards
from ngcmos.night.ledger import open_ledger
from ngcmos.night.loop import work_through
from ngcmos.night.outcome import Outcome
from ngcmos.photometry.times import (
    airmass,
    altitude_at,
    bjd_of,
    earth_vectors,
    hjd_of,
    mid_exposure,
    star_directions,
)

STAGE = "adding_headers"


def run(config, night, *, workers=1, quiet=False):
    """Write AIRMASS and FILTER where absent, and BJD and HJD of mid exposure, into each frame; an Outcome.

    AIRMASS = 1 / sin(ALTITUDE); a frame without ALTITUDE gets it from its pointing, the site and the time.
    BJD (TDB) and HJD (UTC) are those of the centre of the chip where the frame has a plate solution, else of
    the pointing.
    """
    outcome = Outcome(STAGE)
    loop = {"workers": workers, "label": STAGE, "quiet": quiet}
    with open_ledger(night.folder) as ledger:
        for field, paths in night.fields.items():
            frames = []
            for path, result in work_through(_read_facts, paths, shared=(config.camera,), **loop):
                if isinstance(result, FrameError):
                    outcome.settle(ledger, path, field, result)
                else:
                    frames.append(result)
            work = [(frame, date) for frame, date in zip(frames, _dates(frames, config.site), strict=True)]
            for (frame, _), result in work_through(_write, work, shared=(config.camera,), **loop):
                outcome.settle(ledger, frame.path, field, result)
    return outcome


def _read_facts(path, camera):
    return read_frame(path, camera, pixels=False)


def _dates(frames, site):
    """(BJD, HJD) of each frame's centre, or None where its place on the sky is not known."""
    dates = {}
    placed = [(frame, place) for frame in frames if (place := _centre(frame)) is not None]
    if placed:
        start = Time([frame.start for frame, _ in placed])
        earth = earth_vectors(mid_exposure(start, [frame.exptime for frame, _ in placed]), site)
        towards = star_directions(*np.transpose([place for _, place in placed]))
        for row, (frame, _) in enumerate(placed):
            here, there = earth[row : row + 1], towards[row : row + 1]
            dates[frame.name] = (float(bjd_of(here, there)[0, 0]), float(hjd_of(here, there)[0, 0]))
    return [dates.get(frame.name) for frame in frames]


def _centre(frame):
    """(ra, dec) in degrees of the centre of the chip, else of the pointing, else None."""
    try:
        solution = solution_from_header(frame.header)
    except UnsolvedError:
        return frame.pointing
    ra, dec = to_sky(solution, (frame.header["NAXIS1"] - 1) / 2, (frame.header["NAXIS2"] - 1) / 2)
    return float(ra), float(dec)


def _write(item, camera):
    """Write the cards of one frame; what cannot be known is refused after the rest is written."""
    frame, dates = item
    cards = []
    if "FILTER" not in frame.header:
        cards.append(("FILTER", camera.detector.filter, "filter of the camera"))
    if dates is not None:
        cards.append(("BJD", dates[0], "[d] BJD_TDB of mid exposure, centre of the chip"))
        cards.append(("HJD", dates[1], "[d] HJD_UTC of mid exposure, centre of the chip"))
    problem = None
    if "AIRMASS" not in frame.header:
        try:
            cards.append(_airmass_card(frame, camera))
        except HeaderError as error:
            problem = error
    require_space(frame.path.parent, camera.files.reserve_mb)
    write_cards(frame.path, cards)
    if problem is None and dates is None:
        problem = HeaderError(f"{frame.name}: no pointing and no plate solution, expected one for BJD and HJD")
    if problem is not None:
        raise problem


def _airmass_card(frame, camera):
    key = camera.headers.altitude
    if key in frame.header:
        altitude, comment = header_number(frame.header, key, frame.path), f"1 / sin({key})"
    else:
        place = _centre(frame)
        if place is None:
            raise HeaderError(f"{frame.name}: no {key} and no pointing in the header, expected one for AIRMASS")
        altitude = float(altitude_at(frame.start, *place, camera.site)[0, 0])
        comment = f"1 / sin(altitude of the pointing), no {key}"
    try:
        return "AIRMASS", float(airmass(altitude)), comment
    except HeaderError as error:
        raise HeaderError(f"{frame.name}: {key}: {error}") from None
