"""The morning page of nights whose truth is known: does it tell what happened?"""

import contextlib
import dataclasses
import html
import json
import re
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import let_rest, run_chain, run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.errors import WriteError
from ngcmos.names import Record, Stage
from ngcmos.night.folder import open_night
from ngcmos.night.ledger import DONE, REFUSED, Entry, open_ledger, read_ledger, record
from ngcmos.night.products import relative_path
from ngcmos.report.calibration import CalibrationFacts, Levels, compare_flats, judge_calibration
from ngcmos.report.facts import FieldFacts, FrameNumbers, clear_zero_points_of, cloudy_frames, find_jumps
from ngcmos.report.field import Exhibits
from ngcmos.report.html import HEAD_BYTES, read_summary
from ngcmos.report.night import gather
from ngcmos.report.noise import parse_noise
from ngcmos.report.page import draw_page
from ngcmos.report.runs import read_runs
from ngcmos.report.verdict import Room, find_trouble, judge, judge_stages, level_of
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import night_report, noise_model

CLOUDS = [(4, 9, 0.5), (12, 14, 0.01)]
JUMP = (18, 4.0, -3.0)
FAULTS = ["empty-file", "truncated-data", "not-fits"]
COMMANDS = [("All that is missing:", "python run_night.py --directory '/a night' && echo <done>")]


@pytest.fixture(scope="module")
def stormy(tmp_path_factory):
    """A night of two fields with a thin and a thick cloud, a jump and broken frames, after its chain."""
    base = tmp_path_factory.mktemp("stormy") / "base"
    options = {"size": 320, "density": 2.0, "frames": 26, "cadence_s": 120.0, "fields": 2, "calibrations": 3}
    night = simulate_night(
        base, load_camera(), seed=3, clouds=CLOUDS, jumps=[JUMP], faults=FAULTS, haze=0.001, **options
    )
    config = load_config(camera=str(night.camera_file), config=str(night.directories_file))
    run_chain(config, night.folder, skip=["QC_control"], quiet=True, commands=COMMANDS)
    return types.SimpleNamespace(config=config, folder=night.folder, truths=night.truths, base=base)


@pytest.fixture(scope="module")
def facts(stormy):
    """What the page of that night is made of."""
    return gather(stormy.config, open_night(stormy.config, stormy.folder))


@pytest.fixture
def bare(stormy, tmp_path):
    """(config, night folder) of a copy of the raw night in a base folder of its own."""
    base = tmp_path / "base"
    shutil.copytree(stormy.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    return config, base / "nights" / stormy.folder.name


def write_page(config, folder):
    """The text of the page of a night, made now."""
    outcome = run_stage(night_report, config, open_night(config, folder), commands=COMMANDS)
    assert outcome.exit_code == 0
    return (folder / "night_report.html").read_text(encoding="utf-8")


def said(text):
    """What a reader sees of a page."""
    return html.unescape(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL))


def summary_of(text):
    return read_summary(text[:HEAD_BYTES])


def test_verdict_says_that_a_human_should_look(stormy):
    text = (stormy.folder / "night_report.html").read_text()
    assert summary_of(text)["verdict"] == "look"
    line = re.search(r'<p class="verdict look">(.*?)</p>', text)[1]
    assert "cloud (2 fields)" in line and "jumps of the telescope (2 fields)" in line


def test_frames_are_counted_as_they_were_made(facts, stormy):
    by_name = {truth.field: truth for truth in stormy.truths}
    for field in facts.fields:
        truth = by_name[field.name].frames
        assert field.counts.taken == len(truth)
        seen = np.asarray(truth["measurable"]) & (truth["transparency"] > 0.1)
        assert field.counts.measured == seen.sum()
        assert field.counts.refused == len(truth) - seen.sum()


def test_broken_frames_are_told_by_their_reasons(facts, stormy):
    field = next(field for field in facts.fields if field.name == stormy.truths[0].field)
    reasons = {one.kind.partition(",")[0].partition(":")[0] for one in field.reasons}
    assert {"empty", "hardly any stars – cloud or dome closed"} <= reasons
    assert sum(one.count for one in field.reasons) == field.counts.refused
    told = next(one.what for one in facts.reasons if one.topic == "refused frames" and field.name in one.what)
    assert sum(map(int, re.findall(r"\((\d+)\)", told.partition("refused")[2]))) == field.counts.refused
    assert "…" not in told
    assert f"{field.counts.refused} of {field.counts.taken} frames refused" in told


def test_reason_of_a_single_frame_is_told_in_full(stormy):
    text = said((stormy.folder / "night_report.html").read_text())
    assert "not FITS, begins with b'<html>" in text
    assert re.search(r"truncated or still being written, holds \d+ bytes of pixels, expected \d+", text)


def test_clouds_are_counted_and_timed(facts, stormy):
    for truth in stormy.truths:
        cloudy = np.nonzero((truth.frames["transparency"] < 0.85) & (truth.frames["fault"] == ""))[0]
        thin, thick = (cloudy[np.isclose(truth.frames["transparency"][cloudy], t, rtol=0.1)] for t in (0.5, 0.01))
        spells = [
            "–".join(str(truth.frames["date_obs"][row])[11:16] for row in rows[[0, -1]]) for rows in (thin, thick)
        ]
        [told] = [
            reason.what for reason in facts.reasons if reason.topic == "cloud" and truth.field in reason.what
        ]
        assert f"cloud in {len(cloudy)} of {len(truth.good)} frames" in told
        assert told.endswith(f" of the light, {', '.join(spells)} UTC")


def test_page_and_light_curves_call_the_same_frames_cloudy(facts, stormy):
    clear = clear_zero_points_of(facts.fields)
    for field in facts.fields:
        path = relative_path(stormy.folder, field.name)
        frames = Table.read(path, hdu="FRAMES", mask_invalid=False, character_as_bytes=False)
        cloudy = set(frames["frame_id"][frames["quality"] == "cloud"])
        rows = np.flatnonzero(cloudy_frames(field, clear[field.name]))
        on_page = {field.files[row].name for row in rows if field.files[row].state == "measured"}
        assert len(cloudy) >= 4
        assert on_page == cloudy


def places_of(field):
    return np.column_stack([field.numbers.shift_x, field.numbers.shift_y])


def test_jump_is_found_where_and_as_far_as_it_was(facts, stormy):
    for field, truth in zip(facts.fields, stormy.truths, strict=True):
        [(unix, px)] = find_jumps(field.unix, places_of(field), 0.5)
        row = truth.good[truth.good >= JUMP[0]][0]
        assert str(np.datetime64(int(unix), "s")) == str(truth.frames["date_obs"][row])[:19]
        assert px == pytest.approx(np.hypot(*JUMP[1:]), abs=0.3)


@pytest.mark.parametrize("off", [[10], [9, 11, 13], [10, 11]], ids=["single", "every other", "two"])
def test_frames_that_are_off_for_themselves_are_no_jump(off):
    places = np.zeros((40, 2))
    places[off, 0] = 40.0
    assert find_jumps(np.arange(40.0), places, 0.5) == []


def test_slow_drift_is_no_jump():
    places = np.outer(np.arange(40.0), [0.4, 0.0])
    assert find_jumps(np.arange(40.0), places, 0.5) == []


def test_jump_is_found_though_a_frame_beside_it_is_off():
    places = np.zeros((40, 2))
    places[20:, 0], places[18, 0] = 3.0, 40.0
    assert find_jumps(np.arange(40.0), places, 0.5) == [(20.0, 3.0)]


def test_fields_stand_in_the_order_they_were_observed(facts, stormy):
    assert [field.name for field in facts.fields] == [truth.field for truth in stormy.truths]


def test_seconds_of_each_stage_are_told(stormy):
    text = said((stormy.folder / "night_report.html").read_text())
    stages = text.partition("seconds")[2].partition("Disk")[0]
    order = [stages.find(name) for name in Stage if name not in ("QC_control", "night_report")]
    assert min(order) >= 0 and order == sorted(order)


def test_seconds_are_those_of_the_run_that_did_the_work(bare):
    config, folder = bare
    before = {entry.frame: entry for entry in read_ledger(folder) if entry.stage == Record.RUN}
    assert before["QC_Donuts"].numbers["done"] > 40
    run_chain(config, folder, only=["QC_Donuts", "check_cmos"], quiet=True)
    after = {entry.frame: entry for entry in read_ledger(folder) if entry.stage == Record.RUN}
    assert after["QC_Donuts"] == before["QC_Donuts"]
    assert after["check_cmos"].numbers != before["check_cmos"].numbers


def test_command_to_run_again_stands_there_as_it_is_typed(stormy):
    assert COMMANDS[0][1] in said((stormy.folder / "night_report.html").read_text())


def test_copy_lies_among_the_other_nights_and_the_index_links_it(stormy):
    plots = stormy.folder.parent / "shifts_plots"
    index = (plots / "index.html").read_text()
    targets = re.findall(r'href="([^"#]+)"', index)
    assert targets == [f"night_report_{stormy.folder.name}.html"]
    assert summary_of((plots / targets[0]).read_text())["night"] == stormy.folder.name


def test_every_link_leads_somewhere(stormy):
    for path in (stormy.folder / "night_report.html", *(stormy.folder.parent / "shifts_plots").glob("*.html")):
        targets = re.findall(r'href="([^"#]+)"', path.read_text())
        assert targets
        assert [target for target in targets if not (path.parent / target).exists()] == []


def test_page_is_small_and_needs_nothing_else(stormy):
    text = (stormy.folder / "night_report.html").read_text()
    assert len(text.encode()) < 5_000_000
    assert not re.search(r"https?://", text)
    assert set(re.findall(r'\bsrc="([^",]*)', text)) == {"data:image/jpeg;base64", "data:image/png;base64"}


def test_pictures_show_first_middle_last_and_worst(stormy):
    text = said((stormy.folder / "night_report.html").read_text())
    for what in ("first", "middle", "last", "worst"):
        assert re.search(rf"\b{what}\b[\w ]*, frame \d+ of \d+", text)


def test_numbers_of_the_plots_are_those_of_the_truth(stormy):
    text = (stormy.folder / "night_report.html").read_text()
    content = json.loads(re.search(r'id="plots">(.*?)</script>', text)[1])
    [light] = [plot for plot in content["plots"] if plot["id"] == "t-light"]
    share = {round(x): y for x, y in zip(light["x"], light["series"][0]["y"], strict=True) if y is not None}
    truth = stormy.truths[0].frames
    for row in stormy.truths[0].good:
        unix = round(np.datetime64(str(truth["date_obs"][row])).astype("datetime64[ms]").astype(float) / 1000)
        expected = 100 * truth["transparency"][row]
        assert share[unix] == pytest.approx(expected if expected > 10 else 0, abs=6)


def test_scatter_is_shown_by_the_chain_on_its_own(stormy):
    text = (stormy.folder / "night_report.html").read_text()
    content = json.loads(re.search(r'id="plots">(.*?)</script>', text)[1])
    assert {"f0-rms", "f1-rms"} <= {plot["id"] for plot in content["plots"]}
    assert len(re.findall(r"Noise: [^.]*(predicted|magnitude|mag)", said(text))) == 2


def test_scatter_of_earlier_photometry_is_told(bare):
    config, folder = bare
    assert "of earlier photometry" not in said(write_page(config, folder))
    path = next(folder.glob("rms_mags_*_1.json"))
    content = json.loads(path.read_text())
    content["made_of"]["table"] = "another"
    path.write_text(json.dumps(content))
    assert "Noise (of earlier photometry" in said(write_page(config, folder))


def test_noise_of_too_few_frames_is_not_called_good(bare):
    config, folder = bare
    for path in folder.glob("rms_mags_*_1.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"audit": [], "sentence": ""}))
    assert said(write_page(config, folder)).count("Noise: too few frames or stars to tell.") == 2


def test_scatter_is_shown_once_the_noise_model_was_run(bare):
    config, folder = bare
    for path in folder.glob("rms_mags_*.json"):
        path.unlink()
    assert "run noise_model.py" in said(write_page(config, folder))
    run_stage(noise_model, config, open_night(config, folder))
    text = write_page(config, folder)
    assert "run noise_model.py" not in said(text)
    content = json.loads(re.search(r'id="plots">(.*?)</script>', text)[1])
    shown = {plot["id"]: [one["label"] for one in plot["series"]] for plot in content["plots"]}
    assert {"stars", "total", "sky"} <= set(shown["f0-rms"])


def test_night_without_a_ledger_is_told_from_its_tables(bare, facts):
    config, folder = bare
    (folder / "ngcmos.db").unlink()
    text = write_page(config, folder)
    assert "no ledger" in said(text)
    assert summary_of(text)["measured"] == sum(field.counts.measured for field in facts.fields)


def test_night_without_a_frame_has_its_page(bare):
    config, folder = bare
    empty = folder.parent / "20240801"
    empty.mkdir()
    text = write_page(config, empty)
    assert summary_of(text)["verdict"] == "look"
    assert "no science frames in this night" in said(text)
    assert "No earlier flat" in said(text) or "flat" in said(text)


def test_folder_that_is_no_date_has_its_page(bare):
    config, folder = bare
    other = folder.rename(folder.parent / "trial")
    for pattern in ("NG*", "rel_phot_*"):
        for path in other.glob(pattern):
            path.unlink()
    assert "the folder's name is no date" in said(write_page(config, other))


def test_raw_night_has_its_page_before_anything_ran(bare):
    config, folder = bare
    for pattern in ("phot_*", "ngcmos.db"):
        for path in folder.glob(pattern):
            path.unlink()
    text = said(write_page(config, folder))
    assert "not measured yet" in text


def test_lost_field_makes_the_night_bad(bare):
    """All frames of the second field lose their pointing: none is solved, none measured."""
    config, folder = bare
    field = sorted(folder.glob("phot_*"))[1].stem.removeprefix("phot_")
    for path in (folder / f"phot_{field}.fits", *folder.glob("rel_phot_*")):  # no transit is looked for
        path.unlink()
    with open_ledger(folder) as ledger:
        for path in folder.glob(f"{field}_*S43*.fits"):
            record(
                ledger,
                "process_cmos",
                path.name,
                field,
                REFUSED,
                f"{path.name}: too few stars (cloud?): 2 of 20 seen, expected at least 9",
            )
    text = write_page(config, folder)
    assert summary_of(text)["verdict"] == "bad"
    line = re.search(r'<p class="verdict bad">(.*?)</p>', text)[1]
    assert f"{field}: none of" in line


def test_field_that_no_stage_could_work_on_is_told_once_with_its_first_cause(bare):
    """Its pointing is wrong: simple_wrapper finds no stars there, and all that follow fail over it too."""
    config, folder = bare
    names = sorted(path.stem.removeprefix("phot_") for path in folder.glob("phot_*"))
    for path in folder.glob("NG*_S43*.fits"):
        if not path.name.startswith(names[0]):
            continue
        with contextlib.suppress(OSError), fits.open(path, mode="update") as units:
            for key in ("TELRAD", "CRVAL1", "CTYPE1", "REDVER"):
                units[0].header.pop(key, None)
            units[0].header.pop("TELRA", None)
    for pattern in (f"phot_{names[0]}.fits", f"{names[0]}_catalog*"):
        for path in folder.glob(pattern):
            path.unlink()
    (folder / "ngcmos.db").unlink()
    let_rest(folder)
    run_chain(config, folder, skip=["QC_Donuts", "QC_control", "noise_model", "season"], quiet=True)
    text = (folder / "night_report.html").read_text()
    line = html.unescape(re.search(r'<p class="verdict bad">(.*?)</p>', text)[1])
    assert f"; no photometry ({names[0]})" in line and "failed" not in line
    why = "no frame has a pointing in its header, expected one at least, or --center RA DEC"
    lost = rf"{re.escape(names[0])}: none of \d+ frames measured \(\d\d:\d\d–\d\d:\d\d UTC\): {re.escape(why)}"
    lost += r"[^\n]* \(simple_wrapper\)"
    assert len(re.findall(lost, said(text))) == 1


def test_full_disk_is_the_first_cause_and_no_field_is_blamed_for_it():
    """As simple_wrapper left it when the disk was full before photometry, and no movie was made either."""
    full = "/n/20240705: 499 MB free on the disk, expected 500 MB"
    movies = [f"{name}: /n/plots: 590 MB free on the disk, movies need 2000 MB" for name in ("A", "B")]
    entries = [
        Entry("QC_control", Record.RUN, "", REFUSED, "; ".join(movies), {"order": 1, "troubles": movies}, "0", ""),
        Entry("process_cmos", Record.RUN, "", REFUSED, full, {"order": 6, "troubles": [full]}, "0", ""),
    ]
    nan = FrameNumbers.of_rows([{}, {}, {}])
    files = tuple(types.SimpleNamespace(name=f"{n}.fits", state="not yet seen") for n in range(3))
    yes = np.ones(3, bool)
    fields = [FieldFacts(name, files, 60.0 * np.arange(3), yes, ~yes, nan) for name in ("A", "B")]
    reasons = judge(fields, read_runs(entries), Room(499.0, 500.0, 1.0), large_px=0.5)
    assert [reason.what for reason in reasons] == [
        "the disk is full: 499 MB free, work needs 500",
        "process_cmos failed: 20240705: 499 MB free on the disk, expected 500 MB",
        "A: 3 of 3 frames not measured yet",
        "B: 3 of 3 frames not measured yet",
        "QC_control failed: A: plots: 590 MB free on the disk, movies need 2000 MB (and 1 more)",
    ]


def test_folders_are_left_out_of_the_cause():
    reason = "F: /a/b/tic.fits: no stars within 3 deg"
    numbers = {"order": 2, "troubles": ["E: another", reason]}
    entry = Entry("simple_wrapper", Record.RUN, "", REFUSED, reason, numbers, "0", "")
    assert find_trouble("F", read_runs([entry])) == "tic.fits: no stars within 3 deg (simple_wrapper)"
    assert find_trouble("G", read_runs([entry])) == ""


def test_full_disk_is_told_and_the_page_is_made(bare, monkeypatch):
    config, folder = bare
    monkeypatch.setattr("ngcmos.report.night.free_mb", lambda folder: 12.0)
    text = write_page(config, folder)
    assert summary_of(text)["verdict"] == "bad"
    assert "the disk is full: 12 MB free" in said(text)


def test_chain_makes_the_page_although_the_disk_is_full(bare, monkeypatch):
    config, folder = bare

    def no_space(*_args, **_options):
        raise WriteError("no space at all")

    monkeypatch.setattr("ngcmos.chain.night.require_space", no_space)
    outcome = run_chain(config, folder, quiet=True)
    assert outcome.exit_code == 1
    assert "QC_Donuts failed: no space at all" in said((folder / "night_report.html").read_text())


def test_page_that_cannot_be_made_does_not_fail_the_chain(bare):
    config, folder = bare
    for path in folder.glob("*phot_*"):  # what the page would be of is all the same
        path.unlink()
    (folder / "night_report.html").unlink()
    (folder / "night_report.html").mkdir()
    outcome = run_chain(config, folder, only=["check_cmos", "night_report"], quiet=True)
    assert outcome.exit_code == 0
    outcome = run_chain(config, folder, only=["night_report"], quiet=True)
    assert outcome.exit_code == 1


def test_noise_of_earlier_photometry_wants_a_human(bare):
    config, folder = bare
    path = next(folder.glob("rms_mags_*_1.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_of": {"table": "another"}}))
    field = path.name.removeprefix("rms_mags_phot_").removesuffix("_1.json")
    told = [reason.what for reason in gather(config, open_night(config, folder)).reasons]
    assert f"the noise model of {field} was of earlier photometry; noise_model makes it anew" in told


def test_next_night_is_compared_with_this_one(bare):
    config, folder = bare
    write_page(config, folder)
    later = folder.parent / "20240706"
    later.mkdir()
    with fits.open(folder / "master_flat.fits") as units:
        units[0].data[10:20, 10:20] = 0
        del units[0].header["CHECKSUM"], units[0].header["DATASUM"]
        units.writeto(later / "master_flat.fits", checksum=True)
    text = write_page(config, later)
    assert summary_of(text)["new_bad_in_flat"] == 100
    assert f"The flat is compared with that of {folder.name}." in said(text)


def test_change_of_the_flat_is_its_scatter():
    rng = np.random.default_rng(1)
    before = np.ones((200, 200))
    change, lost = compare_flats(before * rng.normal(1, 0.02, before.shape), before)
    assert change == pytest.approx(0.02, rel=0.05)
    assert lost == 0


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ({"bias_adu": 110.0}, "the bias level went from 100.0 to 110.0 ADU"),
        ({"dark_adu_s": 3.0}, "the dark level went from 1.4 to 3 ADU/s"),
        ({"hot_pixels": 500}, "400 new hot pixels, 500 in all"),
        ({"flat_change": 0.05}, "the flat differs from that of 20240704 by 5.0% rms"),
    ],
)
def test_masters_that_changed_are_named(levels, told):
    usual = Levels(bias_adu=100.0, dark_adu_s=1.4, hot_pixels=100, flat_change=0.003, new_bad_in_flat=0)
    changed = dataclasses.replace(usual, **levels)
    assert judge_calibration(CalibrationFacts(usual, "20240704", ()), usual) == []
    assert judge_calibration(CalibrationFacts(changed, "20240704", ()), usual) == [told]


@pytest.mark.parametrize(("script", "level"), [("process_cmos", "bad"), ("QC_control", "look")])
def test_failed_stage_counts_by_its_weight(tmp_path, script, level):
    with open_ledger(tmp_path) as ledger:
        record(ledger, Record.RUN, script, "", REFUSED, "ffmpeg failed")
        record(ledger, Record.RUN, "adding_headers", "", DONE)
    reasons = judge_stages(read_runs(read_ledger(tmp_path)))
    assert (level_of(reasons), [reason.what for reason in reasons]) == (level, [f"{script} failed: ffmpeg failed"])


def test_damaged_page_of_another_night_is_left_out(bare):
    config, folder = bare
    other = Path(config.directories.base) / "shifts_plots" / "night_report_20240101.html"
    other.write_bytes(b"\xff\xfe<html>")
    write_page(config, folder)
    assert "20240101" not in (other.parent / "index.html").read_text()


def test_page_of_a_full_night_is_small(facts):
    """Three fields, 2500 frames and 3000 stars each, and 12 pictures of 40 kB."""
    field, frames, stars = facts.fields[0], 2500, 3000
    rng = np.random.default_rng(2)
    noise = {"Tmag_list": rng.uniform(9, 16, stars).tolist(), "RMS_list": rng.uniform(1e-3, 1, stars).tolist()}
    grid = np.arange(9, 16, 0.1)
    noise |= {"synthetic_mag": grid.tolist(), "RNS": (1e-3 * 10 ** (0.2 * (grid - 9))).tolist()}
    noise["variable_list"] = [False] * stars
    whole = dataclasses.replace(
        field,
        files=tuple(field.files[row % len(field.files)] for row in range(frames)),
        unix=1720250857.751 + 13.0 * np.arange(frames),
        solved=np.ones(frames, bool),
        large=np.zeros(frames, bool),
        numbers=FrameNumbers(*(rng.normal(20, 1, frames) for _ in dataclasses.fields(FrameNumbers))),
        noise=parse_noise(noise),
        extras={"ccd_temp_c": ("C", rng.normal(-20, 0.1, frames))},
    )
    fields = [dataclasses.replace(whole, name=f"NG000{number}-0000") for number in range(3)]
    exhibits = {one.name: Exhibits(pictures=[(bytes(40_000), "picture")] * 4) for one in fields}
    text = draw_page(dataclasses.replace(facts, fields=fields), exhibits)
    assert 1_000_000 < len(text.encode()) < 5_000_000


def test_master_with_pixels_that_are_no_numbers_has_a_level(bare):
    """The earlier scripts could write such a one: it has no checksum."""
    config, folder = bare
    path = config.directories.out / "master_bias.fits"
    for table in folder.glob("phot_*"):
        table.unlink()  # else the master that was used is gone
    data, header = fits.getdata(path), fits.getheader(path)
    data[3, 4] = np.nan
    fits.PrimaryHDU(data, fits.Header({"READMODE": header["READMODE"]})).writeto(path, overwrite=True)
    assert summary_of(write_page(config, folder))["bias_adu"] == pytest.approx(np.nanmedian(data))
