"""Masters that are those of the frames by every card, but not by the pixels; a chip warmer than in its darks."""

import pytest

from ngcmos.calibration.masters import load_masters
from ngcmos.config import load_config
from ngcmos.names import Stage
from ngcmos.simulate.troubles import rewrite, set_cards
from ngcmos.steps.patterns import tell_patterns, tell_warmth


class Frame:
    """A file and what its header says beside."""

    def __init__(self, path, **extra):
        self.path, self.extra = path, extra


def masters_of(case):
    config = load_config(camera=str(case.night.camera_file), config=str(case.night.directories_file))
    return config.camera, load_masters(config, case.folder)


def test_files_written_another_way_up_are_told(make_case):
    case = make_case(calibrations=9)
    for path in case.frames[2:]:
        rewrite(path, lambda pixels, header: (pixels[::-1].copy(), header))
    case.reduce()
    assert len(case.measured()) == 4
    [line] = [remark for remark in case.remarks() if "pattern" in remark]
    assert "the pattern of bias and flat is mirrored top to bottom in 2 of 4 frames looked at" in line


def test_masters_of_another_chip_are_told_and_the_own_are_not(make_case):
    own, other = make_case(calibrations=9), make_case(telescope=1)
    own.reduce(Stage.CREATE_FLATS)
    camera, masters = masters_of(own)
    assert tell_patterns([Frame(path) for path in own.frames], masters, camera) == ""
    told = tell_patterns([Frame(path) for path in other.frames], masters, camera)
    assert told.startswith("the pattern of bias and flat is not there in 4 of 4 frames looked at")


@pytest.mark.parametrize(
    ("frame_c", "told"),
    [
        (-24.0, ""),
        (-10.0, "the chip was up to 15 K warmer than in the dark frames, at -25 C, in 1 of 3 frames"),
        (-31.0, "the chip was up to 6 K colder"),
        (float("nan"), ""),
    ],
)
def test_a_chip_of_another_temperature_than_its_darks_is_told(copied, frame_c, told):
    for path in (copied.night.base / "calibration").glob("dark*.fits"):
        rewrite(path, set_cards({"CCD-TEMP": -25.0}))
    camera, masters = masters_of(copied)
    frames = [
        Frame(path, ccd_temp_c=one) for path, one in zip(copied.frames, (-25.0, frame_c, -25.5), strict=False)
    ]
    assert tell_warmth(frames, masters, camera).startswith(told)
    assert bool(told) == bool(tell_warmth(frames, masters, camera))
    assert tell_warmth([Frame(path) for path in copied.frames], masters, camera) == ""
