"""Plain headers: the same values as astropy reads, or left to astropy."""

import warnings

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ngcmos.night.cards import PlainHeader, format_card, read_plain, text_with
from ngcmos.night.images import read_image
from ngcmos.night.writing import header_with, write_cards

FIRST = ["SIMPLE  =                    T", "BITPIX  =                   16", "NAXIS   =                    2"]
VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.8E}".format),
    st.sampled_from(
        ["T", "F", "", "nan", "1,5", "1.5D3", "-0", "007", "+.5", "5.", "1e5", "- 3", "(1.0, 2.0)", "T F"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map("'{}'".format),
    st.sampled_from(["'AXIS.1: 2'", "'it''s'", "''", "'   '", "'long&'", "'open", "'a' b", "' AXIS: 1.0'", "1 2"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
COMMENTS = st.sampled_from(["", " / seconds", "/", " / = 'AXIS: 1'", " / it's", " /a/b"])
KEYS = st.sampled_from(
    ["EXPTIME", "CTYPE1", "A_0_2", "MATCH-TL", "exptime", "X", "A B", "K=1", "DATE-OBS", "NAXIS2"]
)
COMMENTARY = ["COMMENT = 5", "HISTORY of it", "", "        text"]
CARDS = st.one_of(
    st.builds("{:8s}= {}{}".format, KEYS, VALUES, COMMENTS),
    st.builds("{:8s}= {:>20s}{}".format, KEYS, VALUES, COMMENTS),
    st.sampled_from(
        [*COMMENTARY, "CONTINUE  'more'", "HIERARCH ESO TEL ALT = 45.0", "EXPTIME =5", "EXPTIME 5", "END of it"]
    ),
)


def text_of(cards):
    return "".join(card[:80].ljust(80) for card in [*FIRST, *cards])


def told_by(header, key):
    """What a header says to a question, or the error it raises."""
    try:
        return key in header, type(header[key]), header[key]
    except (KeyError, fits.VerifyError) as error:
        return key in header, type(error), None


@given(cards=st.lists(CARDS, max_size=6))
def test_plain_header_says_what_astropy_says(cards):
    text = text_of(cards)
    plain = read_plain(text)
    if plain is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = fits.Header.fromstring(text)
        keys = {key for key in expected if key not in ("", "COMMENT", "HISTORY")}
        assert set(plain) == keys
        for key in [*keys, "exptime", " CTYPE1", "NONE"]:
            assert told_by(plain, key) == told_by(expected, key)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("card", ["EXPTIME =\t5", "EXPTIME = \t'A: 1'", "EXPTIME = 5 / \t", "OBJECT  = 'a\tb'"])
def test_card_with_a_tab(card):
    text = text_of([card])
    plain, expected = read_plain(text), fits.Header.fromstring(text)
    assert plain is None or {key: told_by(plain, key) for key in plain} == {
        key: told_by(expected, key) for key in expected
    }


@pytest.mark.parametrize(
    "card",
    [
        "HIERARCH ESO TEL ALT = 45.0",
        "CONTINUE  'more'",
        "OBJECT  = 'AXIS.1: 2'",
        "OBJECT  =   'AXIS.1: 2'",
        "EXPTIME =5",
        "exptime = 5",
        "A B     = 5",
        "END     = 5",
    ],
)
def test_unusual_card_is_left_to_astropy(card):
    assert read_plain(text_of([card])) is None


def test_number_is_read_to_its_last_digit():
    value = -1.2345678901234567e-17
    assert read_plain(text_of([f"A_3_0   = {value!r}".upper()]))["A_3_0"] == value


def test_first_of_two_cards_counts():
    assert read_plain(text_of(["EXPTIME = 10.0", "EXPTIME = 20.0"]))["EXPTIME"] == 10.0


def test_value_without_sense_is_found_when_asked_for():
    header = read_plain(text_of(["EXPTIME = ten", "OBJECT  = 'star'"]))
    assert header["OBJECT"] == "star"
    with pytest.raises(fits.VerifyError):
        header["EXPTIME"]


def write_header(path, cards, *, end="END"):
    header = (text_of([*cards, "NAXIS1  = 2", "NAXIS2  = 3"]) + end).encode("latin-1")
    path.write_bytes(header.ljust(-(-len(header) // 2880) * 2880) + bytes(12))
    return path


def test_usual_file_is_read_plainly(tmp_path):
    data, header = read_image(write_header(tmp_path / "a.fits", ["EXPTIME = 10.0"]))
    assert isinstance(header, PlainHeader)
    assert data.shape == (3, 2)


@pytest.mark.parametrize("count", [28, 31, 32, 180, 230, 231, 300])
def test_pixels_begin_behind_a_header_of_any_length(tmp_path, count):
    path = write_header(tmp_path / "a.fits", [f"KEY{number} = {number}" for number in range(count)])
    path.write_bytes(path.read_bytes()[:-12] + b"\0\1\0\2\0\3\0\4\0\5\0\6")
    data, header = read_image(path)
    assert data.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert header["KEY27"] == 27


def test_unusual_file_is_read_by_astropy(tmp_path):
    _, header = read_image(write_header(tmp_path / "a.fits", ["HIERARCH ESO TEL ALT = 45.0"]))
    assert header["ESO TEL ALT"] == 45.0


def test_text_behind_the_end_is_no_card(tmp_path):
    path = write_header(tmp_path / "a.fits", [], end="END".ljust(80) + "EXPTIME = 10.0")
    assert "EXPTIME" not in read_image(path)[1]


NUMBERS = st.one_of(st.integers(-(10**25), 10**25), st.floats(allow_nan=False, allow_infinity=False))
NEW_VALUES = st.one_of(NUMBERS, st.booleans(), st.text("aB7 .'/&=-", max_size=30))
NEW_CARDS = st.lists(
    st.tuples(
        st.sampled_from(["EXPTIME", "BJD", "A_0_2", "NAXIS2", "X", "FILTER"]),
        NEW_VALUES,
        st.sampled_from(["seconds", "a comment as long as a comment of a card can be, and some more"]),
    ),
    max_size=6,
    unique_by=lambda card: card[0],
)
REMOVED = st.lists(st.sampled_from(["EXPTIME", "BJD", "A_0_2", "NONE"]), max_size=2)


def set_by_astropy(header, cards, removed):
    for key in removed:
        header.remove(key, ignore_missing=True, remove_all=True)
    for key, value, comment in cards:
        header[key] = (value, comment)
    return header


def cards_of(header):
    return [(card.keyword, card.value, card.comment) for card in header.cards]


@given(key=st.sampled_from(["X", "EXPTIME", "A_0_2"]), value=NEW_VALUES, comment=st.text("ab /'", max_size=60))
def test_card_is_written_as_astropy_writes_it(key, value, comment):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert format_card(key, value, comment) == str(fits.Card(key, value, comment))


@given(
    before=NEW_CARDS, between=st.lists(st.sampled_from(COMMENTARY), max_size=3), cards=NEW_CARDS, removed=REMOVED
)
def test_cards_are_set_as_astropy_sets_them(before, between, cards, removed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = [str(fits.Card(*card)) for card in before]
        text = text_of([*images[:3], *between, *images[3:], *between])
        expected = set_by_astropy(fits.Header.fromstring(text), cards, removed)
        changed = text_with(text, cards, removed)
        assert cards_of(fits.Header.fromstring(changed)) == cards_of(fits.Header.fromstring(expected.tostring()))
        assert dict(read_plain(text).with_cards(cards, removed)) == dict(read_plain(changed))


def test_file_with_unusual_cards_gets_its_cards(tmp_path):
    path = write_header(tmp_path / "a.fits", ["HIERARCH ESO TEL ALT = 45.0", "CHECKSUM= 'old'"])
    assert write_cards(path, [("FILTER", "NGTS", "filter")])
    data, header = read_image(path)
    assert (header["FILTER"], header["ESO TEL ALT"], data.shape) == ("NGTS", 45.0, (3, 2))
    assert "CHECKSUM" not in header


def test_header_with_is_what_is_read_back(tmp_path):
    path = write_header(tmp_path / "a.fits", ["EXPTIME = 10.0", "CHECKSUM= 'old'"])
    cards = [("A_3_0", -1.2345678901234567e-17, "too long for a card"), ("EXPTIME", 20, "")]
    promised = header_with(read_image(path)[1], cards)
    write_cards(path, cards)
    assert dict(promised) == dict(read_image(path)[1])
    assert "CHECKSUM" not in promised
