"""Cards of time and air of a frame: AIRMASS and FILTER where absent, BJD and HJD of mid exposure."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy.time import Time

from ngcmos.arrays import Floats
from ngcmos.astrometry.distortion import to_sky
from ngcmos.astrometry.own import find_own_solution
from ngcmos.config import Camera, Config
from ngcmos.errors import HeaderError
from ngcmos.night.cards import Card
from ngcmos.night.disk import require_space
from ngcmos.night.frames import FrameFacts, read_frame
from ngcmos.night.headers import header_number, header_value
from ngcmos.night.writing import write_cards
from ngcmos.photometry.air import OUR_AIRMASS, AirCards, air_cards, under_sky
from ngcmos.photometry.times import (
    EarthVectors,
    airmass,
    altitude_of,
    bjd_of,
    earth_vectors,
    hjd_of,
    mid_exposure,
    star_directions,
)


@dataclasses.dataclass(frozen=True)
class Instant:
    """BJD and HJD of mid exposure, the altitude of the frame then, and what all that was computed of."""

    bjd: float
    hjd: float
    altitude_deg: float
    earth: EarthVectors
    towards: Floats


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
    said : AirCards
        What it says of the air.
    """

    path: Path
    start: Time
    exptime_s: float
    place: tuple[float, float] | None
    cards: Mapping[str, Any]
    said: AirCards


@dataclasses.dataclass(frozen=True)
class Plan:
    """Cards that a frame lacks or has otherwise, and what it says of the air; a problem refuses it at last."""

    path: Path
    cards: list[Card]
    problem: HeaderError | None
    said: AirCards

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
    instant = None if facts.place is None else _instant_at(earth[frame.path], star_directions(*facts.place))
    return _plan(facts, instant, camera).cards


def read_facts(path: Path, camera: Camera) -> CardFacts:
    """The CardFacts of a file; a FrameError where it is no frame."""
    return _facts_of(read_frame(path, camera, pixels=False), camera)


def _facts_of(frame: FrameFacts, camera: Camera) -> CardFacts:
    names = ("FILTER", "BJD", "HJD", "AIRMASS")
    cards = {name: header_value(frame.header, name, frame.path) for name in names if name in frame.header}
    said = air_cards(frame.header, camera.headers.altitude)
    return CardFacts(frame.path, frame.start, frame.exptime, _centre(frame), cards, said)


def plan_cards(frames: Sequence[CardFacts], camera: Camera) -> list[Plan]:
    """The Plans of frames; all their times are computed at once."""
    instants: dict[Path, Instant] = {}
    placed = [frame for frame in frames if frame.place is not None]
    if placed:
        start = Time([frame.start for frame in placed])
        earth = earth_vectors(mid_exposure(start, [frame.exptime_s for frame in placed]), camera.site)
        towards = star_directions(*np.transpose([frame.place for frame in placed]))
        for row, frame in enumerate(placed):
            instants[frame.path] = _instant_at(earth[row : row + 1], towards[row : row + 1])
    return [_plan(frame, instants.get(frame.path), camera) for frame in frames]


def _instant_at(earth: EarthVectors, towards: Floats) -> Instant:
    """The Instant of one frame."""
    bjd, hjd, altitude_deg = (float(number(earth, towards)[0, 0]) for number in (bjd_of, hjd_of, altitude_of))
    return Instant(bjd, hjd, altitude_deg, earth, towards)


def _centre(frame: FrameFacts) -> tuple[float, float] | None:
    """(ra, dec) in degrees of the centre of the chip, else of the pointing, else None."""
    solution = find_own_solution(frame.header)
    if solution is None:
        return frame.pointing
    columns, rows = (header_number(frame.header, f"NAXIS{axis}", frame.path) for axis in (1, 2))
    ra, dec = to_sky(solution, (columns - 1) / 2, (rows - 1) / 2)
    return float(ra), float(dec)


def _plan(frame: CardFacts, instant: Instant | None, camera: Camera) -> Plan:
    cards: list[Card] = []
    if "FILTER" not in frame.cards:
        cards.append(("FILTER", camera.detector.filter, "filter of the camera"))
    if instant is None:
        told = "no pointing and no plate solution, expected one for BJD, HJD and AIRMASS"
        return Plan(frame.path, cards, HeaderError(f"{frame.path.name}: {told}"), frame.said)
    cards.append(("BJD", instant.bjd, "[d] BJD_TDB of mid exposure, centre of the chip"))
    cards.append(("HJD", instant.hjd, "[d] HJD_UTC of mid exposure, centre of the chip"))
    if frame.said.airmass is None and instant.altitude_deg > 0:
        cards.append(("AIRMASS", float(airmass(instant.altitude_deg)), OUR_AIRMASS))
    missing = [card for card in cards if not _is_there(frame.cards, card)]
    return Plan(frame.path, missing, None, under_sky(frame.said, instant.earth, instant.towards, frame.exptime_s))


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
        write_cards(plan.path, plan.cards, beside=camera.files.headers == "beside")
    if plan.problem is not None:
        raise plan.problem
