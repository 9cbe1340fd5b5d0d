"""All numbers of docs/precision.md, made by one command in one run.

``python tests/precision.py FOLDER [PART ...]``: without a part all of them, one after the other. What each prints
is shown and kept in FOLDER/precision.md (of some parts: precision-PART.md), with its command and how long it took.
Parts that want the real frames are left out, and said, where $NGCMOS_REAL_DATA does not tell their folder.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent / "scripts"
SEASON_NIGHTS, SEASON_DATES = 20, "20240705:20240730"


def commands(part, folder):
    """Commands of a part; the numbers of a night are made by the one before it."""
    python, season = sys.executable, folder / "season"
    named = ["--config", season / "directories.json", "--camera", season / "camera.toml"]
    plan = f"--size 1024 --nights {SEASON_NIGHTS} --frames 80 --seed 5 --calibrations 21".split()
    catalog = ["--catalog", season / "tic.fits", "--nights", SEASON_DATES, "--skip", "QC_control", "-q"]
    return {
        "night": [[python, TESTS / "precision_night.py", folder]],
        "sky": [[python, TESTS / "precision_sky.py", folder]],
        "real": [[python, TESTS / "precision_real.py"], [python, TESTS / "precision_floor.py"]],
        "transits": [[python, TESTS / "precision_transits.py"]],
        "season": [
            [python, SCRIPTS / "simulate_night.py", season, "--overwrite", "-q", *plan],
            [python, SCRIPTS / "run_nights.py", *named, *catalog],
            [python, "-m", "ngcmos.simulate.compare", season],
        ],
        "completeness": [
            [python, SCRIPTS / "season.py", *named, "--completeness", "-q"],
            [python, TESTS / "precision_planted.py", season],
        ],
        "pairs": [[python, TESTS / "precision_pairs.py"]],
    }[part]


PARTS = ("night", "sky", "real", "transits", "season", "completeness", "pairs")
OF_REAL_FRAMES = ("real",)


def run(command, keep):
    """0 where a command ends well; what it prints is shown and kept."""
    words = [str(word) for word in command]
    text = f"\n    {' '.join(['python', *words[1:]])}\n\n"
    started = time.monotonic()
    sys.stdout.write(text)
    keep.write(text)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=TESTS.parent) as process:
        for line in process.stdout:
            for stream in (sys.stdout, keep):
                stream.write(line)
                stream.flush()
    keep.write(f"\n{'done' if process.returncode == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s\n")
    return process.returncode


def main():
    """1 where a part fails; the others go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the nights, 20 GB; may hold what an earlier run made")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    folder, failed = options.folder.absolute(), []
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{'-'.join(['precision', *options.parts])}.md").open("w", encoding="utf-8") as keep:
        for part in options.parts or PARTS:
            if part in OF_REAL_FRAMES and "NGCMOS_REAL_DATA" not in os.environ:
                keep.write(f"\n{part}: left out, $NGCMOS_REAL_DATA is not set\n")
                sys.stderr.write(f"{part}: left out, $NGCMOS_REAL_DATA is not set\n")
            elif any(run(command, keep) for command in commands(part, folder)):
                failed.append(part)
                sys.stderr.write(f"{part}: failed\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
