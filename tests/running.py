"""Scripts run as their users run them: by name, from another folder, with next to no environment."""

import functools
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from warm_scripts import WarmScripts

from ngcmos.chain.night import RunOptions
from ngcmos.chain.night import run as run_options
from ngcmos.errors import FrameError
from ngcmos.names import Stage
from ngcmos.night.job import open_job
from ngcmos.night.writing import data_checksum

# the chain in the order of the contract, written down again so that a change of it is noticed
STAGES = [
    "QC_Donuts",
    "QC_control",
    "simple_wrapper",
    "check_cmos",
    "adding_headers",
    "create_flats",
    "process_cmos",
]
STAGES += ["relative_photometry", "noise_model", "season", "night_report"]
ROOT = Path(__file__).resolve().parents[1]
# the kernels of the linear algebra decide the last bit of a number: the tests and the scripts must use the same
BLAS = {name: value for name, value in os.environ.items() if name.startswith(("OPENBLAS_", "MKL_"))}
CHECKOUT = {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}  # one that is not installed
_BEGINNING = threading.Lock()  # scripts may be begun by threads
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | BLAS | CHECKOUT


def run_stage(module, config, night, *, workers=1, quiet=True, **options):
    """Outcome of a stage (its module) over a night, with a job of its own."""
    [stage] = [one for one in Stage if module.__name__ == f"ngcmos.stages.{one.lower()}"]
    if stage == Stage.SIMPLE_WRAPPER:
        options = {"options": module.SolveOptions(**options)}
    elif stage == Stage.NOISE_MODEL:
        overwrite = options.pop("overwrite", False)
        options = {"options": module.NoiseOptions(**options), "overwrite": overwrite}
    elif stage == Stage.RELATIVE_PHOTOMETRY:
        of_run = {name: options.pop(name) for name in ("comp_stars", "exclude", "overwrite") if name in options}
        options = {"options": module.CurveOptions(**options), **of_run}
    with open_job(stage, config, night, workers=workers, quiet=quiet) as job:
        return module.run(job, **options)


def run_chain(config, folder, *, workers=1, quiet=True, **options):
    """Outcome of the chain over a night folder."""
    return run_options(config, folder, RunOptions(**options), workers=workers, quiet=quiet)


def run_script(name, *options, code=0, cwd="/", env=None, cold=False, anew=False):
    """Completed run of scripts/{name}.py under a bare environment; its exit code must be `code`.

    It is a process of its own, begun by one that has read the code already; `anew`, or with a $PYTHONPATH, it
    reads that of the package itself; `cold`, or with an environment that Python or a library looks at when it
    starts, it is begun by a new Python.
    """
    argv, whole = [str(ROOT / "scripts" / f"{name}.py"), *map(str, options)], BARE | (env or {})
    if cold or any(not key.startswith("NGCMOS_") and key != "PYTHONPATH" for key in env or {}):
        quiet = {"capture_output": True, "text": True, "timeout": 600}
        done = subprocess.run([sys.executable, *argv], check=False, cwd=cwd, env=whole, **quiet)
    else:
        done = run_warm(argv, cwd=cwd, env=whole, anew=anew or "PYTHONPATH" in (env or {}))
    assert done.returncode == code, f"{name} ended with {done.returncode}, expected {code}:\n{done.stderr[-4000:]}"
    return done


@functools.cache
def _begin_warm_scripts():
    return WarmScripts(BARE, os.environ.get("PYTEST_XDIST_TESTRUNUID", ""))


def run_warm(argv, *, cwd, env, timeout_s=600, anew=False):
    """Completed run of a script by its path, begun by a process that has read the code already; killed in time."""
    with _BEGINNING:
        scripts = _begin_warm_scripts()
    return scripts.run(argv, cwd=cwd, env=env, timeout_s=timeout_s, anew=anew)


def night_options(base, *, date="20240705", camera=None):
    """Options that name the night of a simulated base folder; one process: so few frames are worth no second.

    `--workers` after them has its way.
    """
    named = ["--config", base / "directories.json", "--camera", camera or base / "camera.toml", "--night", date]
    return ["--workers", 1, *named]


def let_rest(folder):
    """Files of a folder as if they had been written an hour ago: no run waits whether they still grow."""
    then = time.time() - 3600
    for path in folder.iterdir():
        os.utime(path, (then, then))


def raw_checksums(folder):
    """{name: checksum} of the data of every raw file below a folder, wherever it was moved."""
    products = ("catalog", "phot_", "master_")
    files = [
        path
        for path in folder.rglob("*.fits*")
        if path.is_file() and path.suffix != ".head" and not any(p in path.name for p in products)
    ]
    return {path.name: _checksum(path) for path in files}


def _checksum(path):
    if path.suffix != ".fits":  # compressed: no byte of it may change
        return hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        return data_checksum(path)
    except FrameError:
        return hashlib.sha256(path.read_bytes()).hexdigest()
