"""A field that nothing can be done with: each of its frames learns why, whatever was done before stays."""

import pytest

from ngcmos.errors import CatalogError, FrameError, WriteError
from ngcmos.names import Stage, Verdict
from ngcmos.night.folder import open_night
from ngcmos.night.job import open_job

NAMES = [f"NG0000-0000-2024070603{minute}00000.fits" for minute in (10, 11, 12)]


@pytest.fixture
def night(tmp_path):
    """A night of three empty frames of one field."""
    from ngcmos.config import Config, Directories, load_camera

    folder = tmp_path / "20240705"
    folder.mkdir()
    for name in NAMES:
        (folder / name).touch()
    config = Config(Directories(tmp_path, tmp_path, tmp_path), load_camera())
    return config, open_night(config, folder, settle=False)


def told(job):
    return {name: (entry.verdict, entry.reason) for name, entry in job.recall(job.outcome.stage).items()}


def fail(job, error):
    with job.attempt("NG0000-0000"):
        raise error


def test_each_frame_of_a_lost_field_learns_why(night):
    with open_job(Stage.SIMPLE_WRAPPER, *night) as job:
        fail(job, CatalogError("NG0000-0000: no stars within 3 deg"))
        assert told(job) == dict.fromkeys(NAMES, ("refused", "no stars within 3 deg"))
        assert job.outcome.troubles == ["NG0000-0000: no stars within 3 deg"]
        assert job.say_unsolved("NG0000-0000") == "no stars within 3 deg (simple_wrapper)"


def test_frames_with_a_verdict_of_their_own_keep_it(night):
    with open_job(Stage.SIMPLE_WRAPPER, *night) as job:
        paths = job.night.fields["NG0000-0000"]
        job.settle(paths[0], "NG0000-0000", None)
        job.settle(paths[1], "NG0000-0000", FrameError(f"{NAMES[1]}: empty"))
        fail(job, CatalogError("no network"))
        assert told(job) == {
            NAMES[0]: (Verdict.DONE, ""),
            NAMES[1]: (Verdict.REFUSED, f"{NAMES[1]}: empty"),
            NAMES[2]: (Verdict.REFUSED, "no network"),
        }
        assert [entry.is_of_field for entry in job.recall(Stage.SIMPLE_WRAPPER).values()] == [False, False, True]
        assert job.say_unsolved("NG0000-0000") == ""


def test_full_disk_is_no_reason_of_a_frame(night):
    with open_job(Stage.SIMPLE_WRAPPER, *night) as job:
        with pytest.raises(WriteError):
            fail(job, WriteError("no space"))
        assert told(job) == {}


def test_field_that_was_never_tried_is_told_so(night):
    with open_job(Stage.PROCESS_CMOS, *night) as job:
        assert job.say_unsolved("NG0000-0000") == "run simple_wrapper first"
