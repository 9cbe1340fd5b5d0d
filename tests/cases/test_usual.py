"""The usual night, from which the cases differ in one thing each: nothing is remarked, nothing left out."""

from ngcmos.simulate.compare import compare_field


def test_all_frames_and_stars_are_measured(usual):
    numbers = compare_field(usual.folder / usual.tables()[0], usual.truth, usual.night.camera)
    assert numbers.frames == (6, 6)
    assert "frames" not in numbers.failed
    assert numbers.numbers["isolated stars not measured [%]"] == 0


def test_nothing_is_remarked(usual):
    assert usual.remarks() == []
