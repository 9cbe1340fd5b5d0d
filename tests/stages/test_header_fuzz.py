"""Headers spoilt at random: every stage that reads one refuses the frame with its name, or works; nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngcmos.errors import FrameError
from ngcmos.night.folder import open_night
from ngcmos.night.writing import write_cards
from ngcmos.photometry.air import tell_air
from ngcmos.steps.measuring import place_frame, with_times
from ngcmos.steps.solution import read_solution, sight_frame
from ngcmos.steps.time_cards import plan_cards, read_facts

CARD, BLOCK = 80, 2880
VALUES = [
    "'",
    "''",
    "'abc'",
    "NaN",
    "'NaN'",
    "1E400",
    "-1",
    "0",
    "1E308",
    "-1E308",
    "T",
    "1 2",
    "(1,2)",
    "",
    "1D5",
]
VALUES += [
    "99999999999999999999",
    "'\xff'",
    "-0.0",
    "'2024-07-06T07:27:60'",
    "'9999-99-99'",
    "90.0001",
    "1e-320",
    "50",
]
places = st.integers(0, 400)
spoilings = st.one_of(
    st.tuples(st.just("value"), places, st.sampled_from(VALUES)),
    st.tuples(st.just("byte"), places, st.tuples(st.integers(0, CARD - 1), st.integers(0, 255))),
    st.tuples(st.just("remove"), places, st.none()),
    st.tuples(st.just("repeat"), places, st.integers(0, 400)),
    st.tuples(st.just("rubbish"), places, st.binary(min_size=CARD, max_size=CARD)),
)


@pytest.fixture(scope="module")
def frame(solved_night, tmp_path_factory):
    """(config, cards, pixels, where to write) of a solved frame."""
    config, folder, _ = solved_night
    source = open_night(config, folder).frames[0]
    content = source.read_bytes()
    end = next(at for at in range(0, len(content), CARD) if content[at : at + CARD].rstrip() == b"END")
    cards = [content[at : at + CARD] for at in range(0, end + CARD, CARD)]
    return config, cards, content[-(-(end + CARD) // BLOCK) * BLOCK :], tmp_path_factory.mktemp("f") / source.name


def spoil(cards, kind, place, what):
    """The cards after one thing was done to one of them."""
    at = place % len(cards)
    card = cards[at]
    if kind == "value" and card[8:10] == b"= ":
        card = (card[:10] + what.encode("latin-1")).ljust(CARD)
    elif kind == "byte":
        card = card[: what[0]] + bytes([what[1]]) + card[what[0] + 1 :]
    elif kind == "rubbish":
        card = what
    elif kind == "remove":
        return cards[:at] + cards[at + 1 :]
    elif kind == "repeat":
        return [*cards[:at], cards[what % len(cards)], *cards[at:]]
    return [*cards[:at], card, *cards[at + 1 :]]


def read_all(path, config):
    """What the stages do with a header, each for itself."""
    camera = config.camera
    yield lambda: sight_frame(path, camera)
    yield lambda: read_solution(path, camera)
    yield lambda: tell_air([plan.said for plan in plan_cards([read_facts(path, camera)], camera)], "ALTITUDE")
    yield lambda: with_times([place_frame(path, camera)], camera)
    yield lambda: write_cards(path, [("BJD", 2460000.5, "[d]")])


@settings(max_examples=150)
@given(st.lists(spoilings, min_size=1, max_size=4), st.floats(0, 1))
def test_spoilt_header_is_refused_or_read_by_every_stage(frame, spoilt, share):
    """With a share below a tenth the file is cut off as well."""
    config, cards, pixels, path = frame
    for one in spoilt:
        cards = spoil(cards, *one)
    header = b"".join(cards)
    content = header + b" " * (-len(header) % BLOCK) + pixels
    if share < 0.1:
        content = content[: int(10 * share * len(content))]
    path.write_bytes(content)
    for read in read_all(path, config):
        try:
            read()
        except FrameError as error:
            told = str(error)
            assert "\n" not in told
            assert path.name in told
