"""Airmass, filter, BJD and HJD into the headers of the frames."""

import dataclasses
import functools
import math
from pathlib import Path

import numpy as np
from astropy.time import Time

from ngcmos.astrometry.distortion import solution_from_header, to_sky
from ngcmos.errors import FrameError, HeaderError, UnsolvedError
from ngcmos.night.disk import require_space
from ngcmos.night.frames import read_frame
from ngcmos.night.headers import header_number, header_value
from ngcmos.night.ledger import open_ledger, recall
from ngcmos.night.loop import HEADERS_TOGETHER, work_through
from ngcmos.night.outcome import Outcome
from ngcmos.night.writing import write_cards
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


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the cards of a frame are made of.

    Attributes
    ----------
    path : Path
    start : astropy.time.Time
    exptime_s : float
    place : (float, float) or None
        ICRS degrees of the centre of the chip, else of the pointing.
    cards : dict
        What the header holds of the cards in question.
    """

    path: Path
    start: Time
    exptime_s: float
    place: tuple[float, float] | None
    cards: dict


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
            reading = loop | {"together": HEADERS_TOGETHER}
            for path, result in work_through(_read_facts, paths, shared=(config.camera,), **reading):
                if isinstance(result, FrameError):
                    outcome.settle(ledger, path, field, result)
                else:
                    frames.append(result)
            work = [_plan(frame, dates, config.camera) for frame, dates in _date(frames, config.site)]
            known = recall(ledger, STAGE, field)
            ready = [_is_ready(item) and item[0].path.name in known for item in work]
            outcome.skipped.extend(item[0].path.name for item, done in zip(work, ready, strict=True) if done)
            work = [item for item, done in zip(work, ready, strict=True) if not done]
            for (frame, _, _), result in work_through(_write, work, shared=(config.camera,), **loop):
                outcome.settle(ledger, frame.path, field, result)
    return outcome


def prepare_cards(config, frames):
    """Function of one Frame that gives the cards `run` would write into it; for who writes its header anyway.

    Parameters
    ----------
    config : ngcmos.config.Config
    frames : sequence
        All that will be asked for, with `path`, `start` (ISO, UTC) and `exptime_s`; computed at once.
    """
    start = Time([frame.start for frame in frames], format="isot", scale="utc")
    earth = earth_vectors(mid_exposure(start, [frame.exptime_s for frame in frames]), config.site)
    rows = {frame.path: earth[row : row + 1] for row, frame in enumerate(frames)}
    return functools.partial(_cards_of, camera=config.camera, earth=rows)


def _cards_of(frame, camera, earth):
    facts = _facts_of(frame, camera)
    dates = None if facts.place is None else _dates_at(earth[frame.path], star_directions(*facts.place))
    _, cards, _ = _plan(facts, dates, camera)
    return cards


def _read_facts(path, camera):
    return _facts_of(read_frame(path, camera, pixels=False), camera)


def _facts_of(frame, camera):
    names = ("FILTER", "AIRMASS", "BJD", "HJD", camera.headers.altitude)
    cards = {name: header_value(frame.header, name, frame.path) for name in names if name in frame.header}
    return Facts(frame.path, frame.start, frame.exptime, _centre(frame), cards)


def _date(frames, site):
    """[(Facts, (BJD, HJD))] of the frames; None for dates where the place on the sky is not known."""
    dates = {}
    placed = [frame for frame in frames if frame.place is not None]
    if placed:
        start = Time([frame.start for frame in placed])
        earth = earth_vectors(mid_exposure(start, [frame.exptime_s for frame in placed]), site)
        towards = star_directions(*np.transpose([frame.place for frame in placed]))
        for row, frame in enumerate(placed):
            dates[frame.path] = _dates_at(earth[row : row + 1], towards[row : row + 1])
    return [(frame, dates.get(frame.path)) for frame in frames]


def _dates_at(earth, towards):
    """(BJD, HJD) of one frame."""
    return float(bjd_of(earth, towards)[0, 0]), float(hjd_of(earth, towards)[0, 0])


def _centre(frame):
    """(ra, dec) in degrees of the centre of the chip, else of the pointing, else None."""
    try:
        solution = solution_from_header(frame.header)
    except UnsolvedError:
        return frame.pointing
    ra, dec = to_sky(solution, (frame.header["NAXIS1"] - 1) / 2, (frame.header["NAXIS2"] - 1) / 2)
    return float(ra), float(dec)


def _plan(frame, dates, camera):
    """(Facts, cards that are missing or differ, problem); a problem refuses the frame once the rest is written."""
    cards, problem = [], None
    if "FILTER" not in frame.cards:
        cards.append(("FILTER", camera.detector.filter, "filter of the camera"))
    if dates is not None:
        cards.append(("BJD", dates[0], "[d] BJD_TDB of mid exposure, centre of the chip"))
        cards.append(("HJD", dates[1], "[d] HJD_UTC of mid exposure, centre of the chip"))
    else:
        problem = HeaderError(
            f"{frame.path.name}: no pointing and no plate solution, expected one for BJD and HJD"
        )
    if "AIRMASS" not in frame.cards:
        try:
            cards.append(_airmass_card(frame, camera))
        except HeaderError as error:
            problem = error
    return frame, [card for card in cards if not _is_there(frame.cards, card)], problem


def _is_there(cards, card):
    """Whether a header holds a card's value, to the digits that a card has."""
    key, value, _ = card
    found = cards.get(key)
    if isinstance(value, float) and isinstance(found, float):
        return math.isclose(found, value, rel_tol=1e-15)
    return found == value


def _is_ready(item):
    _, cards, problem = item
    return not cards and problem is None


def _write(item, camera):
    """Write the cards of one frame."""
    frame, cards, problem = item
    if cards:
        require_space(frame.path.parent, camera.files.reserve_mb)
        write_cards(frame.path, cards)
    if problem is not None:
        raise problem


def _airmass_card(frame, camera):
    key = camera.headers.altitude
    if key in frame.cards:
        altitude, comment = header_number(frame.cards, key, frame.path), f"1 / sin({key})"
    else:
        if frame.place is None:
            raise HeaderError(
                f"{frame.path.name}: no {key} and no pointing in the header, expected one for AIRMASS"
            )
        altitude = float(altitude_at(frame.start, *frame.place, camera.site)[0, 0])
        comment = f"1 / sin(altitude of the pointing), no {key}"
    try:
        return "AIRMASS", float(airmass(altitude)), comment
    except HeaderError as error:
        raise HeaderError(f"{frame.path.name}: {key}: {error}") from None
