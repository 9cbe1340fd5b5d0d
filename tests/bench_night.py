"""CPU time a frame and peak memory of every stage, on simulated full-size nights of 2, 20 and 40 frames.

Run by `make bench`. Each stage runs as its script, in one process, on all three. A frame's cost is what the last
20 frames add (start-up and what is done once a field drop out); growth compares it with the 18 before them.
"""

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ngcmos.chain import STAGES

ROOT = Path(__file__).resolve().parents[1]
FRAMES = (2, 20, 40)
MB = 1024.0  # ru_maxrss counts KiB


@dataclasses.dataclass(frozen=True)
class Usage:
    """What one run of a script took: CPU seconds and peak MB of its largest process."""

    cpu_s: float
    peak_mb: float


def run_script(*arguments):
    """Usage of a script, stopped here if it fails."""
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MB)


def measure_night(folder, frames):
    """{stage: Usage} of a freshly simulated night."""
    shutil.rmtree(folder, ignore_errors=True)
    scripts = ROOT / "scripts"
    usages = {"simulate_night": run_script(scripts / "simulate_night.py", folder, "--frames", frames, "--seed", 1)}
    night = ["--config", folder / "directories.json", "--camera", folder / "camera.toml", "--night", "20240705"]
    for stage in STAGES:
        usages[stage] = run_script(scripts / f"{stage}.py", *night, "--workers", 1, "--quiet")
    usages["second run"] = run_script(scripts / "run_night.py", *night, "--workers", 1, "--quiet")
    return usages


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to simulate; removed first")
    folder = parser.parse_args().folder
    nights = {frames: measure_night(folder / str(frames), frames) for frames in FRAMES}
    head = ("CPU ms a frame", "once, s", "growth", "peak MB, 20", "40 frames")
    rows = ["{:16s} {:>15s} {:>9s} {:>8s} {:>12s} {:>10s}".format("stage", *head)]
    rows += [describe(stage, nights) for stage in nights[FRAMES[-1]]]
    chain = sum(cost_of_a_frame(nights, stage, 1, 2) for stage in STAGES)
    rows.append(f"{'whole chain':16s} {1e3 * chain:15.0f}")
    rows.append("growth: cost of a frame among the last 20 over that among the 18 before; noisy where it is small")
    sys.stdout.write("\n".join(rows) + "\n")


def cost_of_a_frame(nights, stage, first, second):
    """CPU seconds a frame between two of the nights."""
    few, many = FRAMES[first], FRAMES[second]
    return (nights[many][stage].cpu_s - nights[few][stage].cpu_s) / (many - few)


def describe(stage, nights):
    """Row of a stage."""
    early, late = cost_of_a_frame(nights, stage, 0, 1), cost_of_a_frame(nights, stage, 1, 2)
    once = nights[FRAMES[0]][stage].cpu_s - FRAMES[0] * early
    growth = f"{late / early:.2f}" if early > 0 else "-"
    peaks = [nights[frames][stage].peak_mb for frames in FRAMES[1:]]
    return f"{stage:16s} {1e3 * late:15.0f} {once:9.1f} {growth:>8s} {peaks[0]:12.0f} {peaks[1]:10.0f}"


if __name__ == "__main__":
    main()
