"""What the README, the pages it leads to and crontab.example say, held against the suite itself."""

import ast
import concurrent.futures
import dataclasses
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from pages import PAGES, WHOLE, anchors, links
from pages import README as FIRST_PAGE
from running import BARE, ROOT, run_script, run_warm

from ngcmos.astrometry.catalog import CATALOG_COLUMNS
from ngcmos.chain.registry import STAGES
from ngcmos.commands.old_names import NEW_SCRIPTS
from ngcmos.config import Directories, load_camera
from ngcmos.lightcurves import curve_file
from ngcmos.names import flag_names
from ngcmos.night import products
from ngcmos.tables.table import read_frames, read_stars
from ngcmos.tables.writer import columns

README, DETAILS = WHOLE, PAGES["docs/tables.md"]
CRONTAB = (ROOT / "config" / "crontab.example").read_text(encoding="utf-8")
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.py") if path.stem not in NEW_SCRIPTS)

BLOCKS = re.findall(r"^```(\S*)( demo)?\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL_BLOCKS = [text for language, demo, text in BLOCKS if (language, demo) == ("sh", " demo")]
COMMANDS = [line for text in SHELL_BLOCKS for line in text.splitlines()]
[MAKING] = [text.splitlines() for text in SHELL_BLOCKS if "simulate_night.py" in text]
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL))
SMALLER = {  # a night of so few frames has no scatter to compare, but all else
    "--frames 20": "--frames 13",
    "--fields 2": "--fields 1",
}
WITHOUT_A_NIGHT = ("compare_runs.py", "new_camera.py", "make_catalog.py")  # take other options
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
CRON_FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,\d+(-\d+)?)*")
CRON_RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def described(text, names):
    """Those of the names that do not begin a row of a table in the text, alone or beside others."""
    heads = {
        name for row in re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }
    return [name for name in names if name not in heads]


def messages():
    """Messages of the tables of 'When something goes wrong', with … for what varies."""
    section = PAGES["docs/trouble.md"]
    rows = re.findall(r"^\| (`.*?) \| ", "".join(section.partition("\n## ")[1:]), re.MULTILINE)
    return [re.findall(r"`([^`]+)`", row)[0] for row in rows]


def spoken_pairs():
    """All pairs of words that follow each other in a text of the package; … is what varies."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "ngcmos").rglob("*.py")]
    texts = {_text(node) for tree in trees for node in ast.walk(tree)}
    return {pair for text in texts for pair in itertools.pairwise(words_of(text))}


def words_of(text):
    """Words without punctuation; names of cards and scripts vary."""
    text = re.sub(r"\b(DATE-OBS|EXPTIME|READMODE|simple_wrapper)\b", "…", text)
    return re.sub(r"[,;:()]", " ", text.replace("…", " … ")).split()


def _text(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


@pytest.fixture(scope="module")
def helps():
    """{script: what its --help says}."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        said = pool.map(lambda name: run_script(name.removesuffix(".py"), "--help").stdout, SCRIPTS)
        return dict(zip(SCRIPTS, said, strict=True))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A copy of the checkout with a demo night made by the README's own commands; `made` are their runs."""
    checkout = tmp_path_factory.mktemp("readme")
    for name in ("scripts", "config"):
        shutil.copytree(ROOT / name, checkout / name)
    made = [run_command(line, checkout) for line in MAKING]
    night = checkout / "demo-night" / "nights" / "20240705"
    assert [run.returncode for run in made] == [0, 0, 0], [(run.stdout + run.stderr)[-2000:] for run in made]
    [table] = night.glob("phot_*.fits")
    return types.SimpleNamespace(checkout=checkout, made=made, night=night, table=table, stars=read_stars(table))


def run_command(line, checkout, stars=None):
    """Completed run of a line of the README, smaller, for the demo night (as it says) and one of its stars."""
    assert "add `--config demo-night/directories.json`" in README
    if "scripts/" in line and line not in MAKING and not any(name in line for name in WITHOUT_A_NIGHT):
        line += " --config demo-night/directories.json --workers 1"
    for key in ("gaia_id", "tic_id") if stars is not None else ():
        own = (stars["gaia_id"] > 0) & ~stars["blended"]
        known = stars[own & (stars["Tmag"] > 11) & (stars["Tmag"] < 13)]  # not saturated, and compared with others
        aside = [known[name] - np.median(known[name]) for name in ("ra_deg_corr", "dec_deg_corr")]
        usual = known[np.argmin(np.hypot(*aside))]  # that in the middle is on every frame
        line = re.sub(rf"--{key} \d+", f"--{key} {usual[key]}", line)
    for written, smaller in SMALLER.items():
        line = line.replace(written, smaller)
    python, script, *options = shlex.split(line)
    if (python, script[:8]) == (".venv/bin/python", "scripts/") and not set(line) & set("*$|&;<>~"):
        return run_warm([str(checkout / script), *options], cwd=checkout, env=BARE)
    line = line.replace(".venv/bin/python", shlex.quote(sys.executable))
    return subprocess.run(
        ["bash", "-c", line], cwd=checkout, env=BARE, capture_output=True, text=True, check=False, timeout=300
    )


def test_demo_night_is_all_good(demo):
    assert demo.made[-1].stdout.splitlines()[-1] == "compared with the truth: all good"


@pytest.mark.parametrize("line", [line for line in dict.fromkeys(COMMANDS) if line not in MAKING])
def test_command_works_on_the_demo_night(demo, line):
    done = run_command(line, demo.checkout, demo.stars)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr


def test_python_of_the_readme_works(demo):
    code = "".join(text for language, is_demo, text in BLOCKS if language == "python" and is_demo)
    code += "assert len(curve) == len(frames) and (curve['flux_err'] > 0).all() and len(table) == len(rows)\n"
    code += "assert len(star) == len(frames) == len(time) and len(rows) == len(frames) * len(stars) and good.any()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=demo.checkout, env=BARE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_shell_block_is_run_but_for_the_one_that_judges_the_machine():
    others = [text for language, _, text in BLOCKS if language in ("", "sh") and text not in SHELL_BLOCKS]
    assert others == [".venv/bin/python scripts/doctor.py\n"]
    assert len(COMMANDS) >= len(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_has_a_section_and_an_example(name):
    assert f"\n### {name}\n" in README
    assert f".venv/bin/python scripts/{name}" in README


def test_stages_are_listed_in_their_order():
    assert re.findall(r"^\d+\. `(\w+)`: ", README, re.MULTILINE) == list(STAGES)


@pytest.mark.parametrize("name", SCRIPTS)
def test_options_of_a_script_are_those_of_its_help(helps, name):
    own = README.split(f"\n### {name}\n")[1].split("\n##")[0]
    calls = [line.split(name)[1] for line in [*COMMANDS, *CRONTAB.splitlines()] if f"scripts/{name}" in line]
    told = {option for text in calls + re.findall(r"`([^`\n]+)`", own) for option in OPTION.findall(text)}
    assert told <= set(OPTION.findall(helps[name]))


def test_every_option_of_the_readme_is_some_script_s(helps):
    known = {option for text in helps.values() for option in OPTION.findall(text)}
    assert {option for text in CODE for option in OPTION.findall(text)} <= known


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_option_of_a_script_is_in_the_readme(helps, name):
    options = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", helps[name], re.MULTILINE))
    told = {option for text in CODE for option in OPTION.findall(text)}
    assert options and options <= told


def test_directories_json_of_the_readme_is_the_example():
    [text] = [text for language, _, text in BLOCKS if language == "json"]
    lists = json.loads(text)
    assert lists == json.loads((ROOT / "directories.json.example").read_text())
    no_lists = ("camera", "others")  # a list of names, and what further rows tell
    paths = [field.name + "_paths" for field in dataclasses.fields(Directories) if field.name not in no_lists]
    assert sorted(lists) == sorted(paths)
    assert described(README, lists) == []


def test_default_camera_of_the_readme_is_the_profile():
    assert f"`{load_camera().name}` if not given" in README


def test_columns_of_the_photometry_are_described_in_their_order():
    names = [name.replace("_2", "_R") for name, _, _ in columns([2], 10)]
    section = README.split("| column | unit | is |")[1].split("\n\n")[0]
    heads = re.findall(r"^\| ([^|]*`) \|", section, re.MULTILINE)
    assert [name for head in heads for name in re.findall(r"`([^`]+)`", head)] == names


def test_units_of_the_photometry_are_right():
    units = {name.replace("_2", "_R"): unit for name, _, unit in columns([2], 10)}
    rows = re.findall(r"^\| ([^|]*`) \| (\w*) ?\| ", README.split("| column | unit | is |")[1], re.MULTILINE)
    assert {name: unit for head, unit in rows for name in re.findall(r"`([^`]+)`", head) if name in units} == units


def test_flags_are_described_with_their_bits():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", README, re.MULTILINE)
    assert [(int(bit), name) for bit, name in rows] == flag_names()


def test_columns_of_the_other_tables_are_described(demo):
    assert described(DETAILS, CATALOG_COLUMNS) == []
    assert described(DETAILS, read_frames(demo.table).colnames) == []
    assert described(DETAILS, [name for name, _, _ in curve_file.COLUMNS]) == []


def test_cards_that_the_details_name_are_written(demo):
    header = fits.getheader(next(demo.night.glob("NG*S43*.fits")))
    header += fits.getheader(demo.table, "PHOT") + fits.getheader(demo.table, "STARS")
    of_table = DETAILS.split("Cards of PHOT:")[1].split("Columns of FRAMES:")[0]
    of_frames = DETAILS.split("## Cards in the frames")[1].split("## ")[0]
    cards = re.findall(r"`([A-Z][A-Z0-9_-]+(?:_i_j)?)`", of_table + of_frames)
    assert len(cards) > 40
    assert [card for card in cards if card.replace("i_j", "0_2") not in header] == []


def test_keys_of_the_json_are_described(demo):
    [path] = (demo.night.parent / "shifts_plots").glob("donuts_*.json")
    content = json.loads(path.read_text())
    assert [key for key in [*content, *content["Frames"][0]] if f"`{key}`" not in DETAILS] == []


@pytest.mark.parametrize(
    "path",
    [
        products.catalog_path(Path("n"), "{field}"),
        products.input_catalog_path(Path("n"), "{field}"),
        products.matched_catalog_path(Path("n"), "{frame}"),
        products.region_path(Path("n"), "{field}", "master"),
        products.region_path(Path("n"), "{field}", "input"),
        products.photometry_path(Path("n"), "{field}"),
        products.flat_path(Path("n")),
        products.relative_path(Path("n"), "{field}"),
        products.shifts_path(Path("n"), "{field}", "{night}", ".json"),
        products.shifts_path(Path("n"), "{field}", "{night}", ".pdf"),
        products.bad_donuts_path(Path("n"), "{field}", "{night}"),
        products.control_path(Path("n"), "{field}", "{night}"),
        products.report_path(Path("n")),
        products.report_copy_path(Path("n"), "{night}"),
        products.report_index_path(Path("n")),
    ],
    ids=lambda path: path.name,
)
def test_product_is_named(path):
    assert f"`{path.name}`" in README


def test_files_that_the_pages_name_are_there():
    named = [text for text in CODE if re.fullmatch(r"(scripts|config|docs|tests|ngcmos)/[\w./-]*", text)]
    assert named and [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_files_and_chapters_that_a_page_links_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, at in links(text):
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), name
        assert not at or at in anchors(target.read_text(encoding="utf-8")), f"{name}#{at}"


def test_readme_is_short_and_leads_to_every_page():
    assert len(FIRST_PAGE.splitlines()) <= 250
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= {name for name, _ in links(FIRST_PAGE)}


def test_make_targets_of_the_readme_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {text.split()[1] for text in CODE if text.startswith("make ")}
    assert {"demo", "install", "test"} <= named <= targets


@pytest.fixture(scope="module")
def pairs():
    """Pairs of words of the texts of the package."""
    return spoken_pairs()


@pytest.mark.parametrize("message", messages())
def test_message_is_one_of_the_suite(message, pairs):
    """Every word stands beside a neighbor that it has in some text of the package."""
    words = words_of(message)
    spoken = [False, *(pair in pairs for pair in itertools.pairwise(words)), False]
    unknown = [word for at, word in enumerate(words) if word != "…" and not any(spoken[at : at + 2])]
    assert (len(words) > 1, unknown) == (True, [])


def cron_lines():
    """Lines of crontab.example that are or would be entries."""
    return [line.removeprefix("#") for line in CRONTAB.splitlines() if re.match(r"#?[\d*]", line)]


@pytest.mark.parametrize("line", cron_lines())
def test_cron_line_is_one(line):
    *fields, command = line.split(maxsplit=5)
    for field, (low, high) in zip(fields, CRON_RANGES, strict=True):
        assert CRON_FIELD.fullmatch(field), field
        assert all(low <= int(number) <= high for number in re.findall(r"\d+", field.split("/")[0]))
    assert "%" not in command  # a new line for cron


@pytest.mark.parametrize("line", cron_lines())
def test_cron_line_starts_a_script_wherever_it_runs(line):
    python, script, *options = shlex.split(line.split(maxsplit=5)[5])
    assert python == "/path/to/ngcmos/.venv/bin/python"
    assert (ROOT / os.path.relpath(script, "/path/to/ngcmos")).is_file()
    assert "-q" in options and options[options.index("--config") + 1].startswith("/")


def test_cron_names_the_chain_and_each_of_its_stages_in_their_order():
    named = [Path(shlex.split(line)[6]).stem for line in cron_lines()]
    assert named[0] == "run_night"
    alone = [name for name in named if name in list(STAGES)]
    assert alone == [name for name in STAGES if name in alone]  # in the order of the chain
    assert {"QC_Donuts", "process_cmos", "night_report"} <= set(alone)


def test_other_lines_of_the_crontab_are_comments_or_variables():
    others = [line for line in CRONTAB.splitlines() if not re.match(r"#?[\d*]", line)]
    assert [line for line in others if line and not re.match(r"#( |$)|[A-Z]+=\S+$", line)] == []
