"""What a night of many small frames costs: memory of the first run, and a second run over what is done."""

import os
import shutil

from meter import run_script

from ngcmos.config import load_camera
from ngcmos.night.folder import science_files
from ngcmos.simulate.night import simulate_night

FEW, MANY = 200, 2000
SIZE_PX, STARS = 256, 2.0  # frames so small are solved where the stars lie close
NIGHT = "20240705"


def measure_small(scripts, folder):
    """Numbers of the chain on nights of 200 and of 2000 small frames, and of its second runs.

    The few show whether memory grows with the number of frames.
    """
    shutil.rmtree(folder, ignore_errors=True)
    simulate_night(folder / "raw", load_camera(), size=SIZE_PX, density=STARS, frames=MANY, date=NIGHT, seed=1)
    lay_out(folder / "raw", folder / "few", NIGHT, FEW)
    few = run_chain(scripts, folder / "few", 2)
    first = run_chain(scripts, folder / "raw", 2)
    again = {workers: run_chain(scripts, folder / "raw", workers) for workers in (1, 2)}
    shutil.rmtree(folder)
    return {
        "frames": MANY,
        "few": FEW,
        "first_cpu_s": first.cpu_s,
        "first_wall_s": first.wall_s,
        "parent_mb": first.parent_mb,
        "parent_few_mb": few.parent_mb,
        "worker_mb": first.child_mb,
        "worker_few_mb": few.child_mb,
        "second_cpu_s": again[1].cpu_s,
        "second_wall_1_s": again[1].wall_s,
        "second_wall_2_s": again[2].wall_s,
    }


def run_chain(scripts, base, workers):
    """Usage of the whole chain over the night of a base folder, movies included."""
    night = ["--config", base / "directories.json", "--camera", base / "camera.toml", "--night", NIGHT]
    return run_script(scripts / "run_night.py", *night, "--workers", workers, "--quiet")


def lay_out(raw, base, night, frames):
    """A fresh night of the first frames; by hard links, as ngcmos never writes into a raw file."""
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(raw, base, copy_function=os.link)
    for path in science_files(base / "nights" / night)[frames:]:
        path.unlink()


def describe_small(small):
    """Lines of the numbers."""
    texts = [
        "a night of {frames} small frames: {first_cpu_s:.0f} s CPU, {first_wall_s:.0f} s by two workers;",
        "  peak MB: script {parent_mb:.0f} ({few} frames: {parent_few_mb:.0f}), worker {worker_mb:.0f}"
        " ({worker_few_mb:.0f});",
        "  its second run: {second_cpu_s:.1f} s CPU, {second_wall_1_s:.1f} s by one worker,"
        " {second_wall_2_s:.1f} s by two",
    ]
    return [text.format(**small) for text in texts]
