"""docs/precision.md, made by one command in one run.

``python tests/precision.py FOLDER [PART ...]``: without a part all of them, independent ones beside each other.
The page, FOLDER/precision.md (of some parts: precision-PART.md), is tests/precision_page.md with what the parts
printed in it, their commands, and how long they took; it begins with the numbers that are not as expected. Parts
that want the real frames are left out, and said, where $NGCMOS_REAL_DATA does not tell their folder.
"""

import argparse
import dataclasses
import datetime
import math
import os
import platform
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent / "scripts"
PAGE = TESTS / "precision_page.md"
SEASON_NIGHTS, SEASON_DATES = 20, "20240705:20240730"
# a part after another needs what that one made
BESIDE = (("night", "sky"), ("season", "completeness"), ("transits",), ("real", "crowded", "quality", "pairs"))
PARTS = tuple(part for chain in BESIDE for part in chain)
OF_REAL_FRAMES = ("real", "crowded")
_NUMBER = r"([+-]?[\d.]+(?:e[+-]?\d+)?)"


def commands(part, folder):
    """Commands of a part."""
    python, season = sys.executable, folder / "season"
    named = ["--config", season / "directories.json", "--camera", season / "camera.toml"]
    plan = f"--size 1024 --nights {SEASON_NIGHTS} --frames 80 --seed 5 --calibrations 21".split()
    catalog = ["--catalog", season / "tic.fits", "--nights", SEASON_DATES, "--skip", "QC_control", "-q"]
    return {
        "night": [[python, TESTS / "precision_night.py", folder]],
        "sky": [[python, TESTS / "precision_sky.py", folder]],
        "real": [[python, TESTS / "precision_real.py"], [python, TESTS / "precision_floor.py"]],
        "crowded": [[python, TESTS / "precision_crowded.py"]],
        "transits": [[python, TESTS / "precision_transits.py"]],
        "season": [
            [python, SCRIPTS / "simulate_night.py", season, "--overwrite", "-q", *plan],
            [python, SCRIPTS / "run_nights.py", *named, *catalog],
            [python, TESTS / "precision_season.py", season],
        ],
        "completeness": [
            [python, SCRIPTS / "season.py", *named, "--completeness", "-q"],
            [python, TESTS / "precision_planted.py", season],
        ],
        "quality": [[python, TESTS / "precision_quality.py"]],
        "pairs": [[python, TESTS / "precision_pairs.py"]],
    }[part]


@dataclasses.dataclass(frozen=True)
class Printed:
    """What a part printed: its tables in their order, and a line that says how it was made; or why it was not."""

    tables: tuple[str, ...]
    made: str
    failed: bool = False


def run_part(part, folder):
    """Printed of a part; it ends with the first of its commands that fails."""
    if part in OF_REAL_FRAMES and "NGCMOS_REAL_DATA" not in os.environ:
        return Printed((), "*Left out: $NGCMOS_REAL_DATA is not set.*")
    started, told, text = time.monotonic(), [], ""
    for command in commands(part, folder):
        words = [str(word) for word in command]
        told.append(
            "    "
            + " ".join(["python", *words[1:]]).replace(f"{TESTS.parent}/", "").replace(str(folder), "FOLDER")
        )
        sys.stdout.write(f"{part}: {told[-1].strip()}\n")
        sys.stdout.flush()
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, cwd=TESTS.parent, check=False)
        text += done.stdout
        if done.returncode:
            sys.stdout.write(f"{part}: FAILED with {done.returncode}\n")
            return Printed(
                tables_of(text), "\n".join([*told, "", f"*FAILED with {done.returncode}.*"]), failed=True
            )
    minutes = (time.monotonic() - started) / 60
    sys.stdout.write(f"{part}: done in {minutes:.1f} min\n")
    return Printed(tables_of(text), "\n".join([*told, "", f"*{minutes:.1f} minutes.*"]))


def tables_of(text):
    """The tables among lines that a program printed."""
    return tuple(match.group().rstrip("\n") for match in re.finditer(r"(?:^\|.*\n)+", text, flags=re.MULTILINE))


def write_page(page, printed, about):
    """The text of a page with what was printed: `@part` is how a part was made, `@part 1` its first table.

    Lines of parts that were not run are left out.
    """
    lines = []
    for line in page.splitlines():
        match = re.fullmatch(r"@(\w+)(?: (\d+))?", line)
        if not match:
            lines.append(line)
            continue
        part, number = match.group(1), match.group(2)
        if part == "about":
            lines += about
        elif part == "unexpected":
            lines += unexpected(printed)
        elif part in printed:
            tables = printed[part].tables
            if not number:
                lines.append(printed[part].made)
            elif int(number) <= len(tables):
                lines.append(tables[int(number) - 1])
    return "\n".join(lines) + "\n"


def unexpected(printed):
    """Lines that count the numbers with an expectation, and name those that are not as expected."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for one in printed.values()
        for table in one.tables
        if table.splitlines()[0].rstrip(" |").endswith("expected")
        for line in table.splitlines()[2:]
    ]
    judged = [(row, holds(row[-2], row[-1])) for row in rows if row[-1]]
    missed = [row for row, good in judged if not good]
    head = f"Of {len(judged)} numbers with an expectation {len(judged) - len(missed)} are as expected."
    return [head, *(f"- {' | '.join(row)}" for row in missed)]


def holds(measured, expected):
    """Whether a number is as expected: "<= 1.2", ">= 5", "<= 1.4 x 1.19", "1.0 +- 0.1", or the number itself.

    Raises
    ------
    ValueError
        It is written otherwise.
    """
    told = re.match(_NUMBER, measured)
    value = float(told.group()) if told else math.nan  # too few to tell is not as expected
    if match := re.fullmatch(rf"([<>])= {_NUMBER}(?: x {_NUMBER})?", expected):
        limit = float(match.group(2)) * float(match.group(3) or 1)
        return value <= limit if match.group(1) == "<" else value >= limit
    if match := re.fullmatch(rf"{_NUMBER} \+- {_NUMBER}", expected):
        return abs(value - float(match.group(1))) <= float(match.group(2))
    return value == float(expected)


def about_this_run(began):
    """Lines that say what was run, when and on what."""
    words = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(words, capture_output=True, text=True, cwd=TESTS.parent, check=False).stdout.strip()
    minutes = (time.monotonic() - began) / 60
    return [
        f"Made on {datetime.date.today()} of commit {commit or 'unknown'} with Python {platform.python_version()} "
        f"on {len(os.sched_getaffinity(0))} cores in {minutes:.0f} minutes, by",
        "",
        "    NGCMOS_REAL_DATA=... make precision",
    ]


def main():
    """1 where a part fails; the others go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the nights, 20 GB; may hold what an earlier run made")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    folder, began = options.folder.absolute(), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = options.parts or PARTS
    chains = [[part for part in chain if part in wanted] for chain in BESIDE]

    def run_chain(chain):
        return {part: run_part(part, folder) for part in chain}

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        printed = {part: one for done in pool.map(run_chain, chains) for part, one in done.items()}
    target = folder / f"{'-'.join(['precision', *options.parts])}.md"
    target.write_text(
        write_page(PAGE.read_text(encoding="utf-8"), printed, about_this_run(began)), encoding="utf-8"
    )
    sys.stdout.write(f"{target}\n")
    return int(any(one.failed for one in printed.values()))


if __name__ == "__main__":
    sys.exit(main())
