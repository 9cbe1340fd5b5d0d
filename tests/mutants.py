"""Small changes of the code, one at a time: does a test near it notice?

    make mutants            # a sample of each of the rooms whose numbers the README states, about an hour
    python tests/mutants.py mutants-run --rooms photometry --sample 40

Of all places of a room where a number, a comparison, a sign, a condition or a call can be changed a sample is
drawn, the same in each run. Each change is made in a copy of the checkout, and the tests that mirror the file,
then those of its room, are run until one fails. Printed is each survivor as a line of the code and what it
became, at last the share of each room that was killed; it ends with 1 where that is less than 85 %. A change of
words (messages, docstrings, annotations) is none. Some survivors mean the same as the code (a tolerance, a size
of a buffer): read them.

mutmut and cosmic-ray make every change there is, which is weeks of computing for tests that measure frames; so
the sample is ours, and short.
"""

import argparse
import ast
import concurrent.futures
import dataclasses
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("photometry", "calibration", "qc", "night", "astrometry")
KILLED_GOAL = 0.85
LONGEST_S = 300
_COPIED = ("ngcmos", "tests", "config", "scripts", "docs", "pyproject.toml", "README.md", "requirements.txt")
_COPIED += ("CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "directories.json.example", "LICENSE")
_COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "is": "is not", "in": "not in"}
_SIGNS = {"+": "-", "-": "+", "*": "/", "/": "*", "&": "|", "|": "&", "and": "or", "or": "and"}
_UNSAID = ("log", "warnings")  # objects whose calls say something and do nothing


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A change of one line of a file: columns [start, end) become `new`."""

    file: Path
    line: int
    start: int
    end: int
    new: str

    def applied(self, text: str) -> str:
        """The text of the file with the change."""
        lines = text.splitlines(keepends=True)
        old = lines[self.line - 1]
        lines[self.line - 1] = old[: self.start] + self.new + old[self.end :]
        return "".join(lines)

    def __str__(self) -> str:
        old = (ROOT / self.file).read_text(encoding="utf-8").splitlines()[self.line - 1]
        return f"{self.file}:{self.line}: {old.strip()}  ->  {old[self.start : self.end]} became {self.new}"


def mutants_of(file: Path) -> list[Mutant]:
    """All changes of a file, in the order of its lines."""
    source = (ROOT / file).read_text(encoding="utf-8")
    if not source.isascii():  # columns of ast are bytes
        source = source.encode("ascii", "replace").decode()
    lines = source.splitlines()
    found = {
        Mutant(file, line, start, end, new)
        for node in _meant(ast.parse(source))
        for line, start, end, new in _changes(node, lines)
    }
    return sorted(found, key=lambda mutant: (mutant.line, mutant.start, mutant.new))


def _meant(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that mean something when the code runs."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "exc"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr) or _is_said(child):
                continue
            yield from _meant(child)


def _is_said(node: ast.AST) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    function = node.value.func
    return isinstance(function, ast.Attribute) and getattr(function.value, "id", "") in _UNSAID


def _changes(node: ast.AST, lines: list[str]) -> Iterator[tuple[int, int, int, str]]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.lineno == node.end_lineno:
        new = repr(node.value * 1.5 + (node.value == 0)) if isinstance(node.value, float) else str(node.value + 1)
        yield node.lineno, node.col_offset, int(node.end_col_offset or 0), new
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node.lineno, node.col_offset, int(node.end_col_offset or 0), repr(not node.value)
    elif isinstance(node, ast.BinOp):
        yield from _between(node.left, node.right, lines, _SIGNS)
    elif isinstance(node, ast.BoolOp):
        yield from _between(node.values[0], node.values[1], lines, _SIGNS)
    elif isinstance(node, ast.Compare):
        yield from _between(node.left, node.comparators[0], lines, _COMPARISONS)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert, ast.USub)):
        if node.lineno == node.operand.lineno:
            yield node.lineno, node.col_offset, node.operand.col_offset, ""
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.lineno == node.end_lineno:
        yield node.lineno, node.col_offset, int(node.end_col_offset or 0), "pass"


def _between(
    left: ast.expr, right: ast.expr, lines: list[str], swaps: dict[str, str]
) -> Iterator[tuple[int, int, int, str]]:
    """The operator between two operands on one line."""
    if left.end_lineno != right.lineno:
        return
    start, end = int(left.end_col_offset or 0), right.col_offset
    between = lines[right.lineno - 1][start:end]
    sign = between.strip(" ()")
    if sign in swaps:
        at = start + between.index(sign)
        yield right.lineno, at, at + len(sign), swaps[sign]


def sample_of(room: str, size: int, seed: int) -> list[Mutant]:
    """So many changes of a room, drawn evenly over its lines."""
    files = sorted((ROOT / "ngcmos" / room).glob("*.py"))
    every = [mutant for file in files for mutant in mutants_of(file.relative_to(ROOT))]
    return sorted(random.Random(f"{seed} {room}").sample(every, min(size, len(every))), key=str)


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test of its file or of its room fails."""
    target = copy / mutant.file
    original = target.read_text(encoding="utf-8")
    target.write_text(mutant.applied(original), encoding="utf-8")
    try:
        return any(_fails(tests, copy) for tests in _near(mutant.file))
    finally:
        target.write_text(original, encoding="utf-8")


def _near(file: Path) -> list[str]:
    """The tests of a file, then those of its room."""
    room = Path("tests", *file.parts[1:-1])
    mirror = room / f"test_{file.name}"
    return [str(path) for path in (mirror, room) if (ROOT / path).exists()]


def _fails(tests: str, copy: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True  # a loop without an end is noticed by anybody
    return done.returncode != 0


def _work(folder: Path, number: int, mutants: list[Mutant]) -> list[Mutant]:
    """The survivors of some changes, tried one after the other in a copy of their own."""
    copy = folder / f"copy{number}"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy / name)
    survivors = [mutant for mutant in mutants if not is_killed(mutant, copy)]
    shutil.rmtree(copy)
    return survivors


def _survivors(mutants: list[Mutant], folder: Path, workers: int) -> list[Mutant]:
    """Those of some changes that no test noticed, tried by several workers at once."""
    parts = [mutants[number::workers] for number in range(workers)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        found = pool.map(_work, [folder] * workers, range(workers), parts)
        return [mutant for part in found for mutant in part]


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Try the samples; 1 where a room's tests notice too little."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the copies of the checkout go")
    parser.add_argument("--rooms", nargs="+", default=ROOMS)
    parser.add_argument("--sample", type=int, default=40, help="changes of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    shares = {}
    for room in options.rooms:
        mutants = sample_of(room, options.sample, options.seed)
        survivors = _survivors(mutants, options.folder, options.workers)
        for mutant in sorted(survivors, key=str):
            say(f"survived  {mutant}")
        shares[room] = 1 - len(survivors) / max(len(mutants), 1)
        say(f"{room}: {shares[room]:.0%} of {len(mutants)} killed")
    return int(min(shares.values()) < KILLED_GOAL)


if __name__ == "__main__":
    sys.exit(main())
