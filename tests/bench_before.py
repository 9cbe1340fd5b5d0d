"""What every stage costs now and in another checkout of ngcmos: both in turns, on the same simulated nights.

`bench_before.py CHECKOUT FOLDER` runs each stage as its script by one worker, of that checkout and this one, over
nights of 2 and of 30 full-size frames, then the chain without movies and twice over what is done; process_cmos
also without fluxes by the shape of the stars. It prints CPU seconds and ratios: load moves these less.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from bench_small import lay_out

ROOT = Path(__file__).resolve().parents[1]
NIGHT, FEW, MANY = "20240705", 2, 30
STAGES = (
    *("QC_Donuts", "QC_control", "simple_wrapper", "check_cmos", "adding_headers", "create_flats", "process_cmos"),
    *("relative_photometry", "noise_model", "season", "night_report"),
)
CHAIN = ("run_night", "--skip", "QC_control")
LONE = "process_cmos without psf"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the other ngcmos, of any age")
    parser.add_argument("folder", type=Path, help="where to simulate; removed first")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    sides = {"before": options.checkout.absolute(), "now": ROOT}
    for side, checkout in sides.items():
        simulated = [options.folder.absolute() / side / "raw", "--frames", str(MANY), "--seed", "1", "--quiet"]
        run(checkout, "simulate_night", *simulated)
    costs = {}
    for frames in (FEW, MANY):
        measure(sides, options.folder.absolute(), frames, costs)
    sys.stdout.write("\n".join(describe(costs)) + "\n")


def measure(sides, folder, frames, costs):
    """Enter what everything costs with so many frames: {(what, frames): {side: CPU seconds}}."""
    for side in sides:
        lay_out(folder / side / "raw", folder / side / "base", NIGHT, frames)
    for stage in STAGES:
        for side, checkout in sides.items():
            base = folder / side / "base"
            if stage == "process_cmos" and side == "now":
                costs[LONE, frames] = {
                    "before": costs[stage, frames]["before"],
                    side: measure_lone(checkout, base),
                }
            if (checkout / "scripts" / f"{stage}.py").exists():
                costs.setdefault((stage, frames), {})[side] = run_over(checkout, base, stage)
    for side in sides:
        lay_out(folder / side / "raw", folder / side / "base", NIGHT, frames)
    for what in ("chain without movies", "second run", "third run"):
        for side, checkout in sides.items():
            costs.setdefault((what, frames), {})[side] = run_over(checkout, folder / side / "base", *CHAIN)


def measure_lone(checkout, base):
    """process_cmos where stars are not fitted by their shape; its table is removed again."""
    plain, lone = base / "camera.toml", base / "lone.toml"
    lone.write_text(plain.read_text().replace("psf = true", "psf = false"))
    used_s = run_over(checkout, base, "process_cmos", camera=lone)
    for path in (base / "nights" / NIGHT).glob("phot_*"):
        path.unlink()
    return used_s


def run_over(checkout, base, script, *options, camera=None):
    """CPU seconds of a script over the night of a base folder."""
    place = ["--config", base / "directories.json", "--camera", camera or base / "camera.toml", "--night", NIGHT]
    return run(checkout, script, *map(str, place), "--workers", "1", "--quiet", *options)


def run(checkout, script, *options):
    """CPU seconds of a script of a checkout; SystemExit with its last words if it fails."""
    command = [sys.executable, checkout / "scripts" / f"{script}.py", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    plain["PYTHONPATH"] = str(checkout)
    done = subprocess.run(command, check=False, env=plain, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout}: {script} ended with {done.returncode}:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def describe(costs):
    """Lines of a table."""
    heads = [f"{side} {frames}" for frames in (FEW, MANY) for side in ("before", "now")]
    lines = [" ".join([f"{'CPU s, frames':28s}", *(f"{head:>10s}" for head in heads), f"{'ratio':>7s}"])]
    for what, frames in costs:
        if frames == FEW:
            both = costs[what, FEW], costs[what, MANY]
            cells = [one.get(side, float("nan")) for one in both for side in ("before", "now")]
            lines.append(
                " ".join([f"{what:28s}", *(f"{cell:10.2f}" for cell in cells), f"{cells[3] / cells[2]:7.2f}"])
            )
    return lines


if __name__ == "__main__":
    main()
