"""What every stage costs on simulated full-size nights of 2, 30 and 60 frames: a table, and `bench.json`.

Run by `make bench`; `make bench COMPARE=old.json` adds ratios to an earlier run. Each stage runs as its script,
by one worker and by two; then the chain as one process without the movies, once more over what is done, and after
following the frames one by one; at last a night of 2000 small frames. The other nights hold the same frames, so a
frame costs what 58 of them add (start-up and what is done once a night drop out), and growth is that cost over the
cost with 28 of them. All numbers are medians of the repeats: CPU can be trusted on a busy machine, wall time
cannot.
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import statistics
import sys
from pathlib import Path

from bench_small import describe_small, lay_out, measure_small
from meter import NUMBERS, Usage, run_script

from ngcmos.chain.registry import STAGES
from ngcmos.commands.old_names import NEW_SCRIPTS
from ngcmos.config import load_camera

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
FEW, HALF, ALL = 2, 30, 60
RUNS = ((FEW, 1), (HALF, 1), (ALL, 1), (FEW, 2), (ALL, 2))  # frames, workers
NIGHT = "20240705"
MOVIES, CHAIN, SECOND, FOLLOW = "QC_control", "chain without movies", "second run", "followed, then chain"
TABLE_FRAMES = 2500
LEAST_S = 0.005  # a frame that costs less shows no growth, only the noise of the start-up
COLUMNS = {  # number: (heading, width and format)
    "cpu_ms": ("CPU ms", "8.0f"),
    "growth": ("growth", "7.3f"),
    "once_s": ("once s", "7.1f"),
    "wall_1_s": ("wall s", "7.1f"),
    "wall_2_s": ("two", "7.1f"),
    "speed_up": ("faster", "7.2f"),
    "parent_mb": ("parent", "7.0f"),
    "parent_half_mb": ("at 30", "7.0f"),
    "worker_mb": ("worker", "7.0f"),
    "tree_mb": ("tree", "7.0f"),
    "read_mb": ("read", "7.1f"),
    "written_mb": ("written", "8.1f"),
}
LEGEND = """\
CPU ms, read, written: ms and MB that a frame adds, one worker; growth: cost of a frame in 60 over that in 30
once: CPU s of a night without frames; wall: s of 60 frames by one worker and by two; faster: their ratio by frame
parent, at 30: peak MB of the script alone, 60 and 30 frames; worker, tree: largest child, all (of two)"""


def main():
    """Measure, print the table, keep the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to simulate; removed first")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of everything (%(default)s)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to keep the numbers (bench.json in folder)"
    )
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier bench.json: ratios to it follow")
    options = parser.parse_args()
    old = json.loads(options.compare.read_text()) if options.compare else None
    result = {}
    for part in measure(options.folder.absolute(), options.repeats):
        result |= part  # kept at once: what comes later may fail
        (options.json or options.folder / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write("\n".join(describe(result)) + "\n")
    if old:
        sys.stdout.write("\n".join(["", "ratios: now over before", *compare(result, old)]) + "\n")


def measure(folder, repeats):
    """Everything that `bench.json` holds, part after part."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield {"help_ms": {path.stem: measure_help(path) for path in sorted(SCRIPTS.glob("*.py")) if is_there(path)}}
    raw = folder / "raw"
    run_script(SCRIPTS / "simulate_night.py", raw, "--frames", ALL, "--seed", 1)
    load = os.getloadavg()[0]
    trials = [measure_runs(raw, folder / "base") for _ in range(repeats)]
    runs = {
        key: {run: median([trial[key][run] for trial in trials]) for run in trials[0][key]} for key in trials[0]
    }
    stages = {stage: numbers_of(runs[stage]) for stage in runs}
    yield {
        "machine": {"python": platform.python_version(), "cores": len(os.sched_getaffinity(0)), "load": load},
        "frames": ALL,
        "repeats": repeats,
        "stages": stages,
        "movie_frame_ms": stages[MOVIES]["cpu_ms"] * load_camera().movie.every,
    }
    yield {"table": measure_table(folder / "base", folder / "season")}
    yield {"small": measure_small(SCRIPTS, folder / "small")}


def is_there(script):
    """Whether a script does something; others say what has taken their place."""
    return script.stem not in NEW_SCRIPTS


def measure_runs(raw, base):
    """{stage: {(frames, workers): Usage}} of one repeat; the last night stays, measured."""
    runs = {stage: {} for stage in (*STAGES, CHAIN, SECOND, FOLLOW)}
    for run in RUNS:
        frames, workers = run
        night = ["--config", base / "directories.json", "--camera", base / "camera.toml", "--night", NIGHT]
        night += ["--workers", workers, "--quiet"]
        lay_out(raw, base, NIGHT, frames)
        for stage in STAGES:
            runs[stage][run] = run_script(SCRIPTS / f"{stage}.py", *night)
        lay_out(raw, base, NIGHT, frames)
        runs[CHAIN][run] = run_script(SCRIPTS / "run_night.py", *night, "--skip", MOVIES)
        runs[SECOND][run] = run_script(SCRIPTS / "run_night.py", *night, "--skip", MOVIES)
        lay_out(raw, base, NIGHT, frames)
        runs[FOLLOW][run] = run_script(SCRIPTS / "run_night.py", *night, "--skip", MOVIES, "--follow")
    return runs


def median(usages):
    """Usage of the medians."""
    return Usage(**{name: statistics.median(getattr(usage, name) for usage in usages) for name in NUMBERS})


def numbers_of(runs):
    """Numbers of a stage, a plain dict."""
    few, half, whole = (runs[frames, 1] for frames in (FEW, HALF, ALL))
    cpu_s, early_s = added(few.cpu_s, whole.cpu_s, ALL), added(few.cpu_s, half.cpu_s, HALF)
    walls = [added(runs[FEW, workers].wall_s, runs[ALL, workers].wall_s, ALL) for workers in (1, 2)]
    return {
        "cpu_ms": 1e3 * cpu_s,
        "growth": cpu_s / early_s if cpu_s > LEAST_S else None,
        "once_s": few.cpu_s - FEW * cpu_s,
        "wall_1_s": whole.wall_s,
        "wall_2_s": runs[ALL, 2].wall_s,
        "speed_up": walls[0] / walls[1] if cpu_s > LEAST_S else None,
        "parent_mb": whole.parent_mb,
        "parent_half_mb": half.parent_mb,
        "worker_mb": runs[ALL, 2].child_mb,
        "tree_mb": runs[ALL, 2].tree_mb,
        "read_mb": added(few.read_mb, whole.read_mb, ALL),
        "written_mb": added(few.written_mb, whole.written_mb, ALL),
        "runs": {
            f"{frames} frames, {workers}": dataclasses.asdict(used) for (frames, workers), used in runs.items()
        },
    }


def added(few, many, frames):
    """What each frame beyond the first few adds."""
    return (many - few) / (frames - FEW)


def measure_table(base, season):
    """Writing a table of a whole season's night, reading one star of it, relative light curves of all stars."""
    lay_out(base, season, NIGHT, 1)
    [path] = (season / "nights" / NIGHT).glob("phot_*.fits")
    path.unlink()  # a hard link to the source
    script = Path(__file__).with_name("bench_table.py")
    written = run_script(script, "write", base / path.relative_to(season), path, TABLE_FRAMES)
    size_mb = path.stat().st_size / 1e6
    read = run_script(script, "read", path)
    night = ["--config", season / "directories.json", "--camera", season / "camera.toml", "--night", NIGHT]
    related = run_script(SCRIPTS / "relative_photometry.py", *night, "--quiet", "--overwrite", "--tmag_max", "16")
    shutil.rmtree(season)
    return {
        "frames": TABLE_FRAMES,
        "size_mb": size_mb,
        "write_cpu_s": written.cpu_s,
        "write_peak_mb": written.parent_mb,
        "read_star_s": float(read.said),
        "read_mb": read.disk_read_mb,
        "relate_cpu_s": related.cpu_s,
        "relate_wall_s": related.wall_s,
        "relate_peak_mb": related.parent_mb,
    }


def measure_help(script):
    """Median CPU ms of `--help`."""
    return 1e3 * statistics.median(run_script(script, "--help").cpu_s for _ in range(5))


def describe(result):
    """Lines of the table."""
    table, helps = result["table"], result["help_ms"]
    slowest = max(helps, key=helps.get)
    return [
        _row("", {key: head for key, (head, _) in COLUMNS.items()}),
        *(_row(stage, numbers) for stage, numbers in result["stages"].items()),
        LEGEND,
        f"a movie frame: {result['movie_frame_ms']:.0f} ms CPU",
        "a table of {frames} frames, {size_mb:.0f} MB: written in {write_cpu_s:.1f} s CPU with {write_peak_mb:.0f}"
        " MB of memory; one star read in {read_star_s:.2f} s".format(**table),
        "relative light curves of all its stars: {relate_cpu_s:.0f} s CPU, {relate_wall_s:.0f} s, with"
        " {relate_peak_mb:.0f} MB of memory".format(**table),
        *describe_small(result["small"]),
        f"--help: at most {helps[slowest]:.0f} ms CPU ({slowest})",
    ]


def compare(now, old):
    """Lines of ratios, stage by stage, of what both hold."""
    lines = []
    for stage, numbers in now["stages"].items():
        before = old["stages"].get(stage, {})
        both = [key for key in COLUMNS if numbers[key] and before.get(key)]
        lines.append(_row(stage, {key: f"{numbers[key] / before[key]:.2f}" for key in both}))
    return lines


def _row(name, values):
    """A line of the table; what is not known is a dash, what is text stays."""
    cells = []
    for key, (_, form) in COLUMNS.items():
        value = values.get(key)
        text = "-" if value is None else value if isinstance(value, str) else format(value, form)
        cells.append(text.rjust(int(form.split(".")[0])))
    return " ".join([f"{name:20s}", *cells])


if __name__ == "__main__":
    main()
