"""The story of every kind of broken frame: which stage refused it and why; and the sum of all frames."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import types

import pytest
from running import night_options, run_script
from test_bad_input import REASONS

from ngcmos.config import load_camera
from ngcmos.errors import NightError, ProductError, WorkError
from ngcmos.night.ledger import open_ledger, read_ledger
from ngcmos.night.lock import hold_night
from ngcmos.night.remarks import keep_remark
from ngcmos.report import why
from ngcmos.simulate.night import simulate_night
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.parts import open_parts, parts_folder, write_part
from ngcmos.tables.table import read_frames, rows_of_table

# who refuses a frame first; all others are refused by simple_wrapper
LATER = {"jump-120": "check_cmos", "duplicate-time": "process_cmos"}
LEFT_OUT = ("QC_Donuts", "QC_control", "adding_headers", "create_flats", "noise_model", "season", "night_report")
MEASURED = ("cloud", "jump-0.6", "jump-3", "jump-40", "no-altitude", "other-object", "satellite", "")
MEASURED += ("compressed-only", "extension-only")


@pytest.fixture(scope="module")
def bad_night(tmp_path_factory):
    """A night with every fault the simulator knows among its good frames, after the chain."""
    base = tmp_path_factory.mktemp("why") / "base"
    simulated = simulate_night(base, load_camera(), size=512, frames=5, seed=23, faults=["all"])
    run_script("run_night", *night_options(base), *(f"--skip={stage}" for stage in LEFT_OUT))
    return _known(base, simulated.truths[0])


@pytest.fixture
def copy(bad_night, tmp_path):
    """A copy of it to spoil."""
    shutil.copytree(bad_night.base, tmp_path / "base")
    return _known(tmp_path / "base", bad_night.truth)


def _known(base, truth):
    return types.SimpleNamespace(base=base, folder=base / "nights" / "20240705", truth=truth, field=truth.field)


def ask(asked, wanted="", **options):
    """The text about something of a night, its line breaks made blanks."""
    files = {"camera": str(asked.base / "camera.toml"), "config": asked.base / "directories.json"}
    return why.run(wanted, **files, **({"night": "20240705"} | options))


def on_one_line(text):
    return " ".join(text.split())


def name_of(night, fault):
    frames = night.truth.frames
    return str(frames["file"][frames["fault"] == fault][0])


def sum_of(text):
    """(frames on disk, measured, refused, not yet seen) as the text has them."""
    total = re.search(r"^(\d+) frames on disk: ", text, re.MULTILINE)[1]
    terms = re.search(r"^(\d+) = (\d+) measured \+ (\d+) refused \+ (\d+) not yet seen$", text, re.MULTILINE)
    assert terms[1] == total
    return tuple(int(term) for term in terms.groups())


def count_frames(folder):
    """Frames on disk as a shell would count them."""
    return len([path for path in folder.rglob("NG*.fits") if "catalog" not in path.name])


def test_remarks_on_its_field_are_told_of_a_frame_and_of_the_field(copy):
    with open_ledger(copy.folder) as ledger:
        keep_remark(ledger, copy.field, "time", "DATE-OBS is 4 h behind the names")
        keep_remark(ledger, "", "clock", "two hours are there twice")
        keep_remark(ledger, "another", "time", "nothing of this field")
    for wanted in (copy.field, name_of(copy, "")):
        told = on_one_line(ask(copy, wanted))
        assert f"{copy.field}: DATE-OBS is 4 h behind the names" in told
        assert "two hours are there twice" in told
        assert "nothing of this field" not in told


def test_files_that_nobody_looks_at_are_named_with_the_reason(copy):
    (copy.folder / "notes of the night.doc").write_text("dome closed at 3")
    (copy.folder / "master_flat.fits").write_bytes(b"")
    told = on_one_line(ask(copy))
    assert re.search(r"files: \d+ science frames, .*1 not looked at \(1 for its ending .doc\)", told)
    assert "not looked at: notes of the night.doc (its ending .doc)" in told
    assert "not looked at" not in ask(copy, copy.field)
    alone = on_one_line(ask(copy, "notes of the night.doc"))
    assert alone == "notes of the night.doc not looked at, by its ending .doc"
    assert on_one_line(ask(copy, "master_flat.fits")) == "master_flat.fits product, by its name"


@pytest.mark.parametrize("fault", REASONS)
def test_story_names_stage_and_reason(bad_night, fault):
    story = on_one_line(ask(bad_night, name_of(bad_night, fault)))
    stage = LATER.get(fault, "simple_wrapper")
    assert re.search(rf"verdict refused by {stage}: [^|]*?({REASONS[fault]})", story), story


@pytest.mark.parametrize("fault", MEASURED)
def test_story_of_a_measured_frame(bad_night, fault):
    story = on_one_line(ask(bad_night, name_of(bad_night, fault)))
    assert "verdict measured" in story
    assert re.search(r"process_cmos done \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d", story)
    assert re.search(r"stars_seen \d+", story)


def test_story_tells_the_stages_in_their_order(bad_night):
    lines = ask(bad_night, name_of(bad_night, "jump-120")).splitlines()
    stages = [line.split()[0] for line in lines if re.match("  [a-z_]+ +(done|refused|not seen)(?! by)", line)]
    assert stages == ["shifts", "simple_wrapper", "check_cmos", "adding_headers", "process_cmos"]


@pytest.mark.parametrize(
    ("fault", "place"),
    [("jump-120", "failed_donuts/"), ("empty-file", "no_wcs/"), ("duplicate-time", "20240705/")],
)
def test_story_says_where_the_frame_lies(bad_night, fault, place):
    assert re.search(rf"lies in +/.*/{place}\n", ask(bad_night, name_of(bad_night, fault)))


def test_sum_of_the_night_is_that_of_the_truth(bad_night):
    frames = bad_night.truth.frames
    good = int(frames["measurable"].sum())
    assert count_frames(bad_night.folder) == len(frames)
    assert sum_of(ask(bad_night)) == (len(frames), good, len(frames) - good, 0)


def test_each_refused_frame_has_one_line(bad_night):
    text = ask(bad_night, bad_night.field)
    listed = re.findall(r"^ {7}(\d{17}) ", text, re.MULTILINE)
    frames = bad_night.truth.frames
    assert sorted(listed) == sorted(str(name)[-22:-5] for name in frames["file"][~frames["measurable"]])


def test_counts_of_the_reasons_add_up(bad_night):
    text = ask(bad_night, bad_night.field)
    counts = [int(count) for count in re.findall(r"^ {,4}(\d+)  ", text, re.MULTILINE)]
    assert sum(counts) == sum_of(text)[2]


def test_frames_of_one_reason_are_one_group(bad_night):
    text = ask(bad_night)
    assert re.search(
        r"^ +2  truncated or still being written, holds … bytes of pixels  \(simple_", text, re.MULTILINE
    )


def test_lines_are_readable_at_100_columns(bad_night):
    texts = [ask(bad_night), *(ask(bad_night, name_of(bad_night, fault)) for fault in REASONS)]
    long = [line for text in texts for line in text.splitlines() if len(line) > 100 and "/" not in line]
    assert long == []


def test_restored_frames_are_not_yet_seen(copy):
    aside = len(list((copy.folder / "no_wcs").iterdir())) + len(list((copy.folder / "failed_donuts").iterdir()))
    before = sum_of(ask(copy))
    run_script("check_cmos", *night_options(copy.base), "--restore")
    text = ask(copy)
    assert sum_of(text) == (before[0], before[1], before[2] - aside, aside)
    assert re.search(rf"^ +{aside}  brought back, not tried again yet$", text, re.MULTILINE)
    assert f"run_night --directory {copy.folder}" in text


def test_restored_frames_are_refused_again_by_the_next_run(copy):
    before = ask(copy)
    run_script("check_cmos", *night_options(copy.base), "--restore")
    run_script("run_night", *night_options(copy.base), "--only", "simple_wrapper", "--only", "check_cmos")
    assert ask(copy) == before


def test_frame_that_no_stage_has_seen(copy):
    name = name_of(copy, "")
    new = name.replace("20240706", "20240707")
    shutil.copy(copy.folder / name, copy.folder / new)
    total, *_, waiting = sum_of(text := ask(copy))
    assert (total, waiting) == (count_frames(copy.folder), 1)
    assert f"1 unknown to the ledger: {new}" in on_one_line(text)
    assert "The ledger does not know it" in ask(copy, new)


def test_frame_that_is_gone(copy):
    name = name_of(copy, "")
    before = sum_of(ask(copy))
    (copy.folder / name).unlink()
    text = ask(copy)
    assert sum_of(text) == (before[0] - 1, before[1] - 1, *before[2:])
    assert f"1 of {copy.field} in the ledger, but nowhere on disk: {name}" in on_one_line(text)
    assert "1 of them refused or gone since" in text
    assert "gone" in ask(copy, name)


def test_second_frame_of_a_name_counts_too(copy):
    name = name_of(copy, "empty-file")
    shutil.copy(copy.folder / "no_wcs" / name, copy.folder / "no_wcs" / name.replace(".fits", ".2.fits"))
    total, _, refused, _ = sum_of(ask(copy))
    assert total == count_frames(copy.folder)
    assert refused == len(REASONS) + 1
    assert name.replace(".fits", ".2.fits") in ask(copy, name)


def test_frame_moved_by_hand(copy):
    name = name_of(copy, "")
    (copy.folder / name).rename(copy.folder / "no_wcs" / name)
    assert "lies in no_wcs/, but check_cmos did not put it there" in on_one_line(ask(copy, name))
    assert sum_of(ask(copy))[0] == count_frames(copy.folder)


def test_file_with_an_unfit_name_is_said_and_not_counted(copy):
    before = sum_of(ask(copy))
    shutil.copy(copy.folder / name_of(copy, ""), copy.folder / "NG1908-1942_a\nb-20240706043915531.fits")
    text = ask(copy)
    assert sum_of(text) == before
    unfit = "not looked at: NG1908-1942_a\\nb-20240706043915531.fits (its name is not printable ASCII of at most"
    assert unfit in on_one_line(text)


@pytest.mark.parametrize(("size", "said"), [(None, "is not there"), (4000, "phot_.*(truncated|damaged|bytes)")])
def test_measured_frames_without_their_table(copy, size, said):
    path = copy.folder / f"phot_{copy.field}.fits"
    if size is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:size])
    _, measured, _, waiting = sum_of(text := ask(copy))
    assert (measured, waiting) == (0, int(copy.truth.frames["measurable"].sum()))
    assert re.search(rf"no photometry of {copy.field}: .*{said}", text)


def test_whole_night_by_its_date_alone(bad_night):
    assert ask(bad_night, "20240705", night=None) == ask(bad_night)


def test_night_by_its_folder(bad_night):
    assert ask(bad_night, str(bad_night.folder), night=None) == ask(bad_night)


def test_frame_by_its_path(bad_night):
    name = name_of(bad_night, "empty-file")
    assert ask(bad_night, str(bad_night.folder / "no_wcs" / name), night=None) == ask(bad_night, name)


def test_frame_by_its_time_stamp_finds_the_night(bad_night):
    name = name_of(bad_night, "starless")
    assert ask(bad_night, name[-22:-5], night=None) == ask(bad_night, name)


def test_field_by_a_part_of_its_name(bad_night):
    assert ask(bad_night, bad_night.field[:6]) == ask(bad_night, bad_night.field)


def test_part_that_several_frames_have(bad_night):
    with pytest.raises(WorkError, match=r"\d+ frames of .* have '-2024' in their names: NG.*, \.\.\."):
        ask(bad_night, "-2024")


def test_unknown_name_gets_the_nearest(bad_night):
    name = name_of(bad_night, "no-exptime")
    with pytest.raises(WorkError, match=f"nearest: {re.escape(name)}"):
        ask(bad_night, name.replace(".fits", "9.fits"))


def test_unknown_time_gets_the_nearest_in_time(bad_night):
    name = name_of(bad_night, "no-exptime")
    with pytest.raises(WorkError, match=f"nearest: {re.escape(name)}"):
        ask(bad_night, str(int(name[-22:-5]) + 1))


def test_unknown_night_gets_the_nearest(bad_night):
    with pytest.raises(NightError, match=r"no night 20240709 in .*; nearest: 20240705"):
        ask(bad_night, "20240709", night=None)


def test_ledger_that_is_missing(copy):
    (copy.folder / "ngcmos.db").unlink()
    said = run_script("why", *night_options(copy.base), code=1).stderr
    assert "ngcmos.db: no ledger, expected one of an earlier run" in said
    assert len(said.splitlines()) == 1
    assert not (copy.folder / "ngcmos.db").exists()


@pytest.mark.parametrize("content", [b"", b"<html>" * 500, None])
def test_ledger_that_is_damaged(bad_night, tmp_path, content):
    whole = (bad_night.folder / "ngcmos.db").read_bytes()
    spoilt = whole[: len(whole) // 3] + b"\xff" * 5000 if content is None else content
    (tmp_path / "ngcmos.db").write_bytes(spoilt)
    with pytest.raises(ProductError, match=r"ngcmos\.db: ledger (damaged|not readable), [^\n]*$"):
        ask(bad_night, night=None, directory=tmp_path)
    assert (tmp_path / "ngcmos.db").read_bytes() == spoilt


def test_ledger_of_a_run_that_was_killed(tmp_path):
    """What the run had not finished writing is undone for the reader, in a copy."""
    code = """if True:
        import os, pathlib, sqlite3
        from ngcmos.night.ledger import open_ledger, record
        with open_ledger(pathlib.Path()) as ledger:
            for number in range(300):
                record(ledger, "simple_wrapper", f"{number}.fits", "F", "done")
            ledger.execute("PRAGMA cache_size = 2")
            ledger.commit()
            ledger.execute("BEGIN IMMEDIATE")
            ledger.execute("UPDATE verdicts SET verdict = 'half', reason = hex(zeroblob(200))")
            os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "ngcmos.db-journal" in before
    assert {entry.verdict for entry in read_ledger(tmp_path)} == {"done"}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_numbers_of_a_ledger_that_are_no_json(copy):
    with sqlite3.connect(copy.folder / "ngcmos.db") as ledger:
        ledger.execute("UPDATE verdicts SET numbers = '{' WHERE stage = 'process_cmos'")
    ledger.close()
    with pytest.raises(ProductError, match="ledger damaged"):
        ask(copy)


def test_works_beside_a_run_and_changes_nothing(copy):
    def state():
        return {path: os.lstat(path).st_mtime_ns for path in [copy.folder, *copy.folder.rglob("*")]}

    with hold_night(copy.folder):
        before = state()
        said = run_script("why", *night_options(copy.base))
        assert state() == before
    assert said.stdout == ask(copy)
    assert said.stderr == ""


def test_frames_of_a_run_that_is_at_the_night_are_its_own_affair(copy):
    (copy.folder / f"phot_{copy.field}.fits").unlink()
    with hold_night(copy.folder):
        beside = run_script("why", *night_options(copy.base)).stdout
    assert re.search(r"process \d+ on \S+ since \S+ is at this night, .*not yet seen", beside)
    assert "run again" not in beside
    assert "run again" in run_script("why", *night_options(copy.base)).stdout


def test_frames_that_a_run_at_the_night_has_measured_count(copy):
    """They lie in parts beside a table that is not there yet; without the run they are nothing."""
    path = copy.folder / f"phot_{copy.field}.fits"
    names = [str(name).strip() for name in read_frames(path)["frame_id"]][:3]
    open_parts(parts_folder(path), {})
    write_part(parts_folder(path), [(rows_of_table(path)[0], FrameRow.of({"frame_id": name})) for name in names])
    path.unlink()
    with hold_night(copy.folder):
        beside = run_script("why", *night_options(copy.base), copy.field).stdout
    assert " = 3 measured + " in beside and f"phot_{copy.field}.fits is not there yet" in beside
    assert " = 0 measured + " in run_script("why", *night_options(copy.base), copy.field).stdout


def test_output_that_cannot_show_all_characters(bad_night):
    said = run_script("why", *night_options(bad_night.base), env={"PYTHONIOENCODING": "ascii"})
    assert "holds ? bytes of pixels" in said.stdout
