"""Kill -9 of the whole process group of run_night at random instants; every rerun must come to the same end.

Run by `make torture` (100 kills); the tests do a few. After each kill the night is run again to its end: the
tables must equal those of an undisturbed run byte for byte in their columns, no raw data unit may have changed, no
frame be lost, no temporary be left.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from astropy.io import fits
from running import BARE, ROOT, night_options, raw_checksums, run_script

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night

FAULTS = ["empty-file", "starless", "jump-120"]
UNITS = ("PHOT", "STARS", "FRAMES")


def prepare(folder):
    """(raw base folder, tables of an undisturbed run, its seconds) of a small night of two fields."""
    raw, golden = folder / "raw", folder / "base"
    simulate_night(raw, load_camera(), size=384, frames=6, fields=2, seed=17, faults=FAULTS, calibrations=3)
    lay_out(raw, golden)
    started = time.monotonic()
    run_script("run_night", *night_options(golden, camera=golden / "camera.toml"))
    took = time.monotonic() - started
    tables = read_tables(golden)
    shutil.rmtree(golden)
    return raw, tables, took


def lay_out(raw, base):
    """A fresh copy of the raw night, at the place all trials use: paths go into checksums."""
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(raw, base)
    profile = base / "camera.toml"
    profile.write_text(profile.read_text().replace(str(raw), str(base)))


def read_tables(base):
    """{name: bytes of each unit's columns} of the photometry tables."""
    tables = {}
    for path in sorted((base / "nights" / "20240705").glob("phot_*.fits")):
        tables[path.name] = [fits.getdata(path, unit).tobytes() for unit in UNITS]
    return tables


def kill_after(base, seconds):
    """Start the chain and kill its process group after so many seconds; whether it was still at work."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "run_night.py"),
        *map(str, night_options(base)),
        "--workers",
        "2",
    ]
    with subprocess.Popen(
        command, cwd="/", env=BARE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
    return False


def check(raw, base, tables):
    """Assert that a night that was run to its end is as if it had never been disturbed."""
    assert read_tables(base) == tables
    assert raw_checksums(base) == raw_checksums(raw)
    leftovers = [path for path in base.rglob(".*") if path.name != ".ngcmos.lock"]
    assert not leftovers, leftovers


def trial(raw, tables, base, seconds):
    """One kill after so many seconds, the rerun, the check."""
    lay_out(raw, base)
    killed = kill_after(base, seconds)
    run_script("run_night", *night_options(base))
    check(raw, base, tables)
    return killed


def main():
    """Many kills, counted on stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="scratch folder; removed first")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    raw, tables, took = prepare(folder)
    instants, killed = random.Random(options.seed), 0
    for number in range(1, options.kills + 1):
        seconds = instants.uniform(0.0, took)
        killed += trial(raw, tables, folder / "base", seconds)
        sys.stdout.write(f"{number} of {options.kills}: stopped after {seconds:.2f} s, healed\n")
        sys.stdout.flush()
    sys.stdout.write(f"{killed} kills while at work, all healed\n")


if __name__ == "__main__":
    main()
