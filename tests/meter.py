"""What a run of a script costs: CPU, wall, memory of its whole process tree, bytes read and written.

CPU and bytes are the kernel's own accounts of the script and all children it has waited for, taken after its end.
Memory is looked at while it runs.
"""

import dataclasses
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOK_EVERY_S = 0.1
KB_A_MB = 1024.0
BYTES_A_MB = 1e6


@dataclasses.dataclass(frozen=True)
class Usage:
    """Cost of one run.

    Attributes
    ----------
    cpu_s, wall_s : float
        User and system time of all processes; time that passed.
    tree_mb : float
        Peak of the memory of all processes together, shared pages counted once (PSS).
    parent_mb, child_mb : float
        Peak resident memory of the script itself and of the largest of its children, shared pages counted in each.
    read_mb, written_mb : float
        Bytes that passed through read and write calls, from cache or disk alike.
    disk_read_mb, disk_written_mb : float
        Bytes that the disk had to deliver or take.
    said : str
        The standard output.
    """

    cpu_s: float
    wall_s: float
    tree_mb: float
    parent_mb: float
    child_mb: float
    read_mb: float
    written_mb: float
    disk_read_mb: float
    disk_written_mb: float
    said: str = dataclasses.field(default="", compare=False)


NUMBERS = [field.name for field in dataclasses.fields(Usage) if field.name != "said"]


def run_script(*arguments):
    """Usage of a Python script with these arguments; SystemExit with its last words if it fails."""
    command = [sys.executable, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=errors)
        peaks = _watch(process.pid)
        wall_s = time.monotonic() - started
        moved = _bytes_moved(process.pid)  # of a process that has ended and not been waited for
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()}")
        return Usage(used.ru_utime + used.ru_stime, wall_s, *peaks, *moved, said=out.read())


def _watch(pid):
    """Peaks (tree, parent, largest child) in MB of a process, seen until it ends."""
    tree = parent = child = 0.0
    handle = os.pidfd_open(pid)
    try:
        while not select.select([handle], [], [], LOOK_EVERY_S)[0]:
            below = _descendants(pid)
            tree = max(tree, sum(_memory_mb(one, "smaps_rollup", "Pss:") for one in [pid, *below]))
            parent = max(parent, _memory_mb(pid, "status", "VmHWM:"))
            child = max([child, *(_memory_mb(one, "status", "VmHWM:") for one in below)])
    finally:
        os.close(handle)
    return tree, parent, child


def _descendants(pid):
    children = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, _text(path).split())
    return children + [one for child in children for one in _descendants(child)]


def _memory_mb(pid, file, key):
    """A number of kB in a file of /proc; 0 where the process has just ended."""
    lines = [line.split() for line in _text(Path(f"/proc/{pid}/{file}")).splitlines()]
    return next((int(words[1]) / KB_A_MB for words in lines if words[0] == key), 0.0)


def _text(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def _bytes_moved(pid):
    """MB (read, written, read from disk, written to disk) of a process and all children it has waited for."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    counts = {key: int(value) / BYTES_A_MB for key, value in (line.split(": ") for line in lines)}
    return counts["rchar"], counts["wchar"], counts["read_bytes"], counts["write_bytes"]
