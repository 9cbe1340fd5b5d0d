"""Numbers and words that stand in files of users: what they mean can never change."""

from ngcmos.names import Quality, Verdict, flag_names, star_name

BITS = {
    1: "edge",
    2: "saturated",
    4: "bad_pixel",
    8: "gain_step",
    16: "blended",
    32: "poor_sky",
    64: "off_chip",
    128: "trail",
    256: "cloud",
    512: "not_flattened",
}


def test_bits_of_flags_are_those_of_the_tables_that_exist():
    assert {bit: name for bit, name in flag_names() if bit in BITS} == BITS
    bits = [bit for bit, _ in flag_names()]
    assert all(bit.bit_count() == 1 for bit in bits) and bits == sorted(set(bits))


def test_a_good_frame_is_zero_and_every_other_quality_has_a_bit():
    bits = [quality.bit for quality in Quality]
    assert Quality.GOOD.bit == 0
    assert sorted(bits) == [0, *(2**n for n in range(len(bits) - 1))]


def test_verdicts_are_the_words_of_the_ledgers_that_exist():
    assert list(Verdict) == ["done", "refused"]


def test_star_without_a_tic_id_is_called_by_its_gaia_id():
    assert [star_name(188620407), star_name(-2395685455587424512)] == ["TIC 188620407", "Gaia 2395685455587424512"]
