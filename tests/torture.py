"""Kill -9 of run_night at random instants, disks that fail or fill up, products that are damaged; each heals.

Run by `make torture`: 100 kills of the whole process group, an error at each file that is forced to disk, one
after the other, disks of many sizes, and products cut off or overwritten in places; the tests do a few of each.
After each trial no raw data unit may have changed. Then the night is run again to its end: the tables must
equal those of an undisturbed run byte for byte in their columns, no frame be lost, no temporary be left.
"""

import ngcmos.commands.running  # noqa: F401  isort: skip - first, before numpy: keeps its linear algebra to one core, as scripts do

import argparse
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from astropy.io import fits
from running import BARE, ROOT, night_options, raw_checksums, run_script, run_warm

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.troubles import contain

FAULTS = ["empty-file", "starless", "jump-120"]
UNITS = ("PHOT", "STARS", "FRAMES")
DISK_ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS)
PAGE_FILES = 6  # the page, its copy and the index: each the file and its folder
NO_ROOM = re.compile(
    r"No space left on device|disk is full|Not enough space on disk|MB free on the disk, expected 0 MB and"
)


def prepare(folder, containers=(), *, fields=2):
    """(raw base folder, that of an undisturbed run, its tables, its seconds) of a small night.

    Frames are put into `containers` by turns, where these are named.
    """
    raw, golden, finished = folder / "raw", folder / "base", folder / "finished"
    small = {"size": 256, "density": 3.0, "frames": 6, "fields": fields, "calibrations": 3}
    simulate_night(raw, load_camera(), seed=17, faults=FAULTS, **small)
    whole = [path for path in sorted(raw.glob("nights/*/NG*_TIC-*.fits")) if path.stat().st_size]
    for number, path in enumerate(whole if containers else ()):
        contain(path, containers[number % len(containers)])
    lay_out(raw, golden)
    run_script("run_night", "--help")  # begins the process that begins scripts: the seconds are those of the work
    started = time.monotonic()
    run_script("run_night", *night_options(golden))
    took = time.monotonic() - started
    tables = read_tables(golden)
    golden.rename(finished)
    return raw, finished, tables, took


def put_back(finished, base):
    """A copy of the finished night, at the place where it was made."""
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(finished, base)


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
    argv = [str(ROOT / "scripts" / "run_night.py"), *map(str, night_options(base)), "--workers", "2"]
    return run_warm(argv, cwd="/", env=BARE, timeout_s=seconds).returncode == -signal.SIGKILL


def check(raw, base, tables):
    """Assert that a night that was run to its end is as if it had never been disturbed."""
    assert read_tables(base) == tables
    assert raw_checksums(base) == raw_checksums(raw)
    kept = (".ngcmos.lock", ".seen.json", ".settled")  # the season remembers what it has looked at and settled on
    leftovers = [path for path in base.rglob(".*") if path.name not in kept]
    assert not leftovers, leftovers


def trial(raw, tables, base, seconds, options=()):
    """One kill after so many seconds, the rerun with these options, the check."""
    lay_out(raw, base)
    killed = kill_after(base, seconds)
    run_script("run_night", *night_options(base), *options)
    check(raw, base, tables)
    return killed


def fail_writes(base, first, code):
    """Run the chain in a process where the how-manieth file forced to disk, and each after it, gives an error.

    Returns its troubles and how many were forced.
    """
    argv = [str(ROOT / "tests" / "failing_disk.py"), str(base), str(first), str(code)]
    return json.loads(run_warm(argv, cwd="/", env=BARE).stdout)


def trial_of_write(raw, tables, base, number, options=()):
    """A disk that fails from that file on, the rerun (options), the check; False once only the page would fail.

    A night whose page alone is missing is none the worse for it: the log tells that.
    """
    lay_out(raw, base)
    code = DISK_ERRORS[number % len(DISK_ERRORS)]
    troubles, forced = fail_writes(base, number, code)
    assert raw_checksums(base) == raw_checksums(raw)
    run_script("run_night", *night_options(base), *options)
    check(raw, base, tables)
    if not troubles:
        assert forced < number + PAGE_FILES, (number, forced)
        return False
    assert any(os.strerror(code) in trouble for trouble in troubles), troubles
    return True


def mount_disk(folder):
    """A small file system at a folder; False where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)]
    return shutil.which("mount") is not None and subprocess.run(command, check=False).returncode == 0


def resize_disk(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def used_mb(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def without_reserve(base):
    """Let the work run into the full disk instead of stopping before."""
    profile = base / "camera.toml"
    text = profile.read_text().replace("movie_reserve_mb = 2000.0", "movie_reserve_mb = 0.0")
    profile.write_text(text.replace("reserve_mb = 500.0", "reserve_mb = 0.0"))


def trial_of_room(raw, tables, disk, room_mb, options=()):
    """A disk with so much room, the rerun with these options once there is more, the check.

    False where the room was enough.
    """
    base = disk / "base"
    lay_out(raw, base)
    without_reserve(base)
    resize_disk(disk, f"size={int((used_mb(base) + room_mb) * 1.02e6)}")
    argv = [str(ROOT / "scripts" / "run_night.py"), *map(str, night_options(base))]
    done = run_warm(argv, cwd="/", env=BARE)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or NO_ROOM.search(done.stderr), done.stderr
    assert raw_checksums(base) == raw_checksums(raw)
    resize_disk(disk, "size=1g")
    run_script("run_night", *night_options(base), *options)
    assert read_tables(base) == tables
    shutil.rmtree(base)
    return done.returncode != 0


def products_of(base):
    """Files that the chain made and may have to make again; not the numbers of a table, which have no checksum."""
    night, plots = base / "nights" / "20240705", base / "nights" / "shifts_plots"
    named = ("*_catalog.fits", "*_catalog_input.fits", "*.reg", "master_flat.fits", "phot_*.fits", "ngcmos.db")
    found = [path for pattern in named for path in night.glob(pattern)]
    return sorted([*found, *(base / "out").glob("*.fits"), *plots.glob("donuts_*")])


def damage(path, chance):
    """Cut a file off, empty it, or write rubbish into or over it."""
    content = bytearray(path.read_bytes())
    kind = chance.choice(["cut", "empty", "rubbish", "header", "anywhere"])
    if kind == "cut":
        del content[chance.randrange(len(content)) :]
    elif kind in ("empty", "rubbish"):
        content = chance.randbytes(5000 if kind == "rubbish" else 0)
    elif path.name.startswith("phot_"):
        content[: len(content) // 2 : 97] = bytes(len(content[: len(content) // 2 : 97]))
    else:
        for _ in range(10):
            content[chance.randrange(len(content) if kind == "anywhere" else 2880)] = chance.randrange(256)
    path.write_bytes(content)
    return f"{path.name}: {kind}"


def trial_of_damage(raw, tables, base, chance, options=("--skip", "QC_control")):
    """Damage to one or two products of a finished night, the rerun (options), the check; what was done."""
    victims = chance.sample(products_of(base), chance.choice([1, 2]))
    told = ", ".join(damage(path, chance) for path in victims)
    said = run_script("run_night", *night_options(base), *options).stderr
    assert "bug in ngcmos" not in said, (told, said)
    assert read_tables(base) == tables, told
    assert raw_checksums(base) == raw_checksums(raw)
    return told


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def kill_often(raw, tables, base, took, kills, seed):
    instants, killed = random.Random(seed), 0
    for number in range(1, kills + 1):
        seconds = instants.uniform(0.0, took)
        killed += trial(raw, tables, base, seconds)
        say(f"{number} of {kills}: stopped after {seconds:.2f} s, healed")
    say(f"{killed} kills while at work, all healed")


def fail_everywhere(raw, tables, base, first):
    number = first
    while trial_of_write(raw, tables, base, number):
        say(f"disk failed from its file {number} on, healed")
        number += 1
    say(f"a disk that fails at file {first} to {number - 1}, all healed")


def fill_disks(raw, tables, disk, rooms):
    if not mount_disk(disk):
        say("no small file system can be mounted here: full disks left out")
        return
    try:
        full = [room for room in rooms if trial_of_room(raw, tables, disk, room)]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    say(f"{len(full)} disks that filled up, of {len(rooms)}, all healed")


def damage_products(raw, finished, tables, base, trials, seed):
    put_back(finished, base)
    chance = random.Random(seed)
    for number in range(1, trials + 1):
        say(f"{number} of {trials}: {trial_of_damage(raw, tables, base, chance)}, healed")


def main():
    """Many trials, told on stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="scratch folder; removed first")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, metavar="N", help="first file on which the disk fails")
    parser.add_argument("--only", choices=["kills", "writes", "rooms", "damage"], help="one kind of trial")
    parser.add_argument(
        "--contain", action="append", default=[], metavar="KIND", help="as fz, bz2, nul (repeatable)"
    )
    options = parser.parse_args()
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    raw, finished, tables, took = prepare(folder, options.contain)
    base = folder / "base"
    if options.only in (None, "kills"):
        kill_often(raw, tables, base, took, options.kills, options.seed)
    if options.only in (None, "writes"):
        fail_everywhere(raw, tables, base, options.first)
    if options.only in (None, "rooms"):
        fill_disks(raw, tables, folder / "disk", [0.05 * number for number in range(1, 51)])
    if options.only in (None, "damage"):
        damage_products(raw, finished, tables, base, options.kills, options.seed)


if __name__ == "__main__":
    main()
