"""Cards of time and air of a frame: AIRMASS and FILTER where absent, BJD and HJD of mid exposure."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy.time import Time

from ngcmos.astrometry.distortion import to_sky
from ngcmos.astrometry.own import find_own_solution
from ngcmos.config import Camera, Config
from ngcmos.errors import HeaderError
from ngcmos.night.cards import Card
from ngcmos.night.disk import require_space
from ngcmos.night.frames import FrameFacts, read_frame
from ngcmos.night.headers import header_number, header_value
from ngcmos.night.writing import write_cards
from ngcmos.photometry.times import (
    EarthVectors,
    airmass,
    altitude_at,
    bjd_of,
    earth_vectors,
    hjd_of,
    mid_exposure,
    star_directions,
)

Dates = tuple[float, float]  # BJD, HJD


class Sighted(Protocol):
    """When a frame was taken: `start` is ISO text, UTC."""

    @property
    def path(self) -> Path: ...
    @property
    def start(self) -> str: ...
    @property
    def exptime_s(self) -> float: ...


@dataclasses.dataclass(frozen=True)
class CardFacts:
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
    cards: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Cards that a frame lacks or has otherwise; a problem refuses it once they are written."""

    path: Path
    cards: list[Card]
    problem: HeaderError | None

    @property
    def is_ready(self) -> bool:
        """Whether nothing is to be done."""
        return not self.cards and self.problem is None


def prepare_cards(config: Config, frames: Sequence[Sighted]) -> Callable[[FrameFacts], list[Card]]:
    """Function of one frame that gives the cards it lacks; for who writes its header anyway.

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


def _cards_of(frame: FrameFacts, camera: Camera, earth: Mapping[Path, EarthVectors]) -> list[Card]:
    facts = _facts_of(frame, camera)
    dates = None if facts.place is None else _dates_at(earth[frame.path], star_directions(*facts.place))
    return _plan(facts, dates, camera).cards


def read_facts(path: Path, camera: Camera) -> CardFacts:
    """The CardFacts of a file; a FrameError where it is no frame."""
    return _facts_of(read_frame(path, camera, pixels=False), camera)


def _facts_of(frame: FrameFacts, camera: Camera) -> CardFacts:
    names = ("FILTER", "AIRMASS", "BJD", "HJD", camera.headers.altitude)
    cards = {name: header_value(frame.header, name, frame.path) for name in names if name in frame.header}
    return CardFacts(frame.path, frame.start, frame.exptime, _centre(frame), cards)


def plan_cards(frames: Sequence[CardFacts], camera: Camera) -> list[Plan]:
    """The Plans of frames; all their times are computed at once."""
    dates: dict[Path, Dates] = {}
    placed = [frame for frame in frames if frame.place is not None]
    if placed:
        start = Time([frame.start for frame in placed])
        earth = earth_vectors(mid_exposure(start, [frame.exptime_s for frame in placed]), camera.site)
        towards = star_directions(*np.transpose([frame.place for frame in placed]))
        for row, frame in enumerate(placed):
            dates[frame.path] = _dates_at(earth[row : row + 1], towards[row : row + 1])
    return [_plan(frame, dates.get(frame.path), camera) for frame in frames]


def _dates_at(earth: EarthVectors, towards: np.ndarray) -> Dates:
    """(BJD, HJD) of one frame."""
    return float(bjd_of(earth, towards)[0, 0]), float(hjd_of(earth, towards)[0, 0])


def _centre(frame: FrameFacts) -> tuple[float, float] | None:
    """(ra, dec) in degrees of the centre of the chip, else of the pointing, else None."""
    solution = find_own_solution(frame.header)
    if solution is None:
        return frame.pointing
    columns, rows = (header_number(frame.header, f"NAXIS{axis}", frame.path) for axis in (1, 2))
    ra, dec = to_sky(solution, (columns - 1) / 2, (rows - 1) / 2)
    return float(ra), float(dec)


def _plan(frame: CardFacts, dates: Dates | None, camera: Camera) -> Plan:
    cards: list[Card] = []
    problem = None
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
    return Plan(frame.path, [card for card in cards if not _is_there(frame.cards, card)], problem)


def _is_there(cards: Mapping[str, Any], card: Card) -> bool:
    """Whether a header holds a card's value, to the digits that a card has."""
    key, value, _ = card
    found = cards.get(key)
    if isinstance(value, float) and isinstance(found, float):
        return math.isclose(found, value, rel_tol=1e-15)
    return bool(found == value)


def write_plan(plan: Plan, camera: Camera) -> None:
    """Write the cards of one frame.

    Raises
    ------
    HeaderError
        The frame lacks what its other cards need; the rest is written.
    WriteError
        The disk is full, read-only or failing.
    """
    if plan.cards:
        require_space(plan.path.parent, camera.files.reserve_mb)
        write_cards(plan.path, plan.cards)
    if plan.problem is not None:
        raise plan.problem


def _airmass_card(frame: CardFacts, camera: Camera) -> Card:
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
