"""Small changes of the code, one at a time: does a test near it notice?

    make mutants            # a sample of each of the rooms whose numbers the README states, about an hour
    python tests/mutants.py mutants-run --rooms photometry --fresh --sample 40 --seed 2

Of all places of a room where a number, a comparison, a sign, a condition or a call can be changed a sample was
drawn once, which `mutants.tsv` keeps: found again by what its line holds, and said where that is no more.
`--fresh` draws another one. Each change is made in a copy of the checkout, and the tests that mirror the file,
then those of its room, are run until one fails. Printed is each survivor as a line of the code and what it
became, at last the share of each room that was killed; it ends with 1 where that is less than 85 %. A change of
words (messages, docstrings, annotations) is none, nor is one of how a figure looks (width and size of a line).
Some survivors mean the same as the code (a tolerance, a size of a buffer): read them.

The first "room", `chosen`, is no sample: changes that no test noticed once (`CHOSEN`). All of them must be killed.
The tests of a room must pass on the unchanged copy, else nothing is said of it. A change that makes a loop without
an end is stopped by its CPU time, so a busy machine kills nothing.

mutmut and cosmic-ray make every change there is, which is weeks of computing for tests that measure frames; so
the sample is ours, and short.
"""

import argparse
import ast
import concurrent.futures
import dataclasses
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("photometry", "calibration", "qc", "night", "astrometry")
KEPT = Path(__file__).with_suffix(".tsv")
CHOSEN_ROOM = "chosen"
KILLED_GOAL = 0.85
LONGEST_CPU_S, LONGEST_S = 600, 6000  # the second for what waits for ever
_COPIED = ("ngcmos", "tests", "config", "scripts", "docs", "pyproject.toml", "README.md", "requirements.txt")
_COPIED += ("CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "directories.json.example", "LICENSE")
_COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "is": "is not", "in": "not in"}
_SIGNS = {"+": "-", "-": "+", "*": "/", "/": "*", "&": "|", "|": "&", "and": "or", "or": "and"}
_UNSAID = ("log", "warnings")  # objects whose calls say something and do nothing
_LOOKS = {"lw", "ms", "mew", "alpha", "fontsize", "elinewidth", "capsize", "zorder", "linewidth", "markersize"}
_LOOKS |= {"figsize", "dpi", "hspace", "wspace", "height_ratios", "width_ratios", "pad", "labelpad"}


# file under ngcmos/, what stands there, what it becomes: each was once noticed by no test near it
CHOSEN = (
    ("photometry/sky.py", "count * 2 / np.pi", "count"),
    ("photometry/sky.py", "wanted * 2 / np.pi", "wanted"),
    ("photometry/apertures.py", "POOR_SKY_RATIO = 3.0", "POOR_SKY_RATIO = 4.5"),
    ("photometry/apertures.py", "POOR_SKY_RATIO = 3.0", "POOR_SKY_RATIO = 2.0"),
    ("photometry/apertures.py", "POOR_SKY_COVER = 0.5", "POOR_SKY_COVER = 0.7"),
    ("photometry/apertures.py", "POOR_SKY_COVER = 0.5", "POOR_SKY_COVER = 0.3"),
    ("photometry/apertures.py", "_bit(Flag.POOR_SKY", "_bit(Flag.EDGE"),
    ("names.py", "POOR_SKY = 32", "POOR_SKY = 1024"),
    ("photometry/quality.py", "few = stars_seen < limits.cloud_stars *", "few = stars_seen < 0.8 *"),
    ("photometry/quality.py", "few = stars_seen < limits.cloud_stars *", "few = stars_seen < 0.6 *"),
    ("profile.py", "cloud_stars: Share = 0.7", "cloud_stars: Share = 0.8"),
    ("lightcurves/ensemble.py", "np.sqrt(own + spread)", "np.sqrt(own)"),
    ("lightcurves/choice.py", 'np.asarray(stars["blended"], bool)', 'np.zeros(len(stars["blended"]), bool)'),
    ("lightcurves/cube.py", "Flag.EDGE | Flag.BAD_PIXEL | Flag.POOR_SKY", "Flag.EDGE | Flag.POOR_SKY"),
    ("lightcurves/series.py", "GAP_CADENCES = 5.0", "GAP_CADENCES = 10.0"),
    ("night/ledger.py", "at_once=verdict != DONE", "at_once=verdict == DONE"),
    ("night/ledger.py", "at_once=verdict != DONE", "at_once=False"),
    ("night/ledger.py", "_COMMIT_EVERY_S = 1.0", "_COMMIT_EVERY_S = 60.0"),
    ("night/products.py", "force_to_disk(temporary)", "pass"),
    ("night/products.py", "force_to_disk(path.parent)", "pass"),
    ("night/products.py", "os.fsync(descriptor)", "pass"),
    ("night/disk.py", "free < reserve_mb + needed_mb", "free < reserve_mb"),
    ("night/disk.py", "free < reserve_mb + needed_mb", "free <= reserve_mb + needed_mb"),
    ("night/folder.py", "timedelta(hours=12)", "timedelta(hours=13)"),
    ("night/folder.py", "timedelta(hours=12)", "timedelta(hours=11)"),
    ("profile.py", "min_match: Share = 0.25", "min_match: Share = 0.2"),
    ("profile.py", "min_found: Share = 0.25", "min_found: Share = 0.2"),
    ("profile.py", "min_stars: WholePositive = 5", "min_stars: WholePositive = 6"),
    ("qc/shifts.py", "evidence.match < least", "evidence.match < 0.1 * least"),
    ("qc/shifts.py", "stars < reference.settings.min_stars", "stars <= reference.settings.min_stars"),
    ("qc/shifts.py", "len(peaks) < least", "len(peaks) <= least"),
    ("qc/shifts.py", "evidence.share < settings.min_found", "evidence.share <= settings.min_found"),
    ("qc/shifts.py", "evidence.residual_px > residual_px", "evidence.residual_px > 10 * residual_px"),
    ("qc/shifts.py", "MIN_STAR_SHARE = 0.05", "MIN_STAR_SHARE = 0.5"),
    ("qc/shifts.py", "CHANCE_MATCH = 7.0", "CHANCE_MATCH = 0.7"),
    ("qc/shifts.py", "max(abs(x), abs(y)) >= limit", "max(abs(x), abs(y)) > limit"),
)


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
            if isinstance(child, ast.keyword) and child.arg in _LOOKS:
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


def kept(room: str) -> list[Mutant]:
    """The changes of a room that `mutants.tsv` keeps; one whose line is no more is said."""
    found = []
    for row in KEPT.read_text(encoding="utf-8").splitlines()[1:]:
        name, number, start, end, new, held = row.split("\t")
        if Path(name).parent != Path(room):
            continue
        lines = (ROOT / "ngcmos" / name).read_text(encoding="utf-8").splitlines()
        same = [at for at, line in enumerate(lines, 1) if line.strip() == held]
        if not same:
            say(f"no more there: ngcmos/{name}: {held}")
            continue
        at = min(same, key=lambda line: abs(line - int(number)))
        indent = len(lines[at - 1]) - len(lines[at - 1].lstrip())
        found.append(Mutant(Path("ngcmos", name), at, int(start) + indent, int(end) + indent, new))
    return found


def sample_of(room: str, size: int, seed: int) -> list[Mutant]:
    """So many changes of a room, drawn evenly over its lines."""
    files = sorted((ROOT / "ngcmos" / room).glob("*.py"))
    every = [mutant for file in files for mutant in mutants_of(file.relative_to(ROOT))]
    return sorted(random.Random(f"{seed} {room}").sample(every, min(size, len(every))), key=str)


def chosen() -> list[Mutant]:
    """The changes of `CHOSEN`; one whose line is no more is an error: write it anew."""
    return [mutant for file, old, new in CHOSEN for mutant in _replacing(Path("ngcmos", file), old, new)]


def _replacing(file: Path, old: str, new: str) -> list[Mutant]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    places = [(number, line.find(old)) for number, line in enumerate(lines, 1)]
    found = [Mutant(file, number, at, at + len(old), new) for number, at in places if at >= 0]
    if not found:
        raise SystemExit(f"{file}: no line holds {old!r}")
    return found


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test of its file or of its room fails."""
    target = copy / mutant.file
    original = target.read_text(encoding="utf-8")
    target.write_text(mutant.applied(original), encoding="utf-8")
    try:
        return any(_fails(tests, copy) for tests in _near(mutant.file))
    finally:
        target.write_text(original, encoding="utf-8")


def _near(file: Path) -> list[list[str]]:
    """The tests of a file, then those of its room; where none of these names it, those of other rooms that do."""
    room = Path("tests", *file.parts[1:-1])
    steps = [[room / f"test_{file.name}"], [room] if len(room.parts) > 1 else []]
    tests = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    naming = [test for test in tests if _names(test, file)]
    if not any(test.parent == room for test in naming):
        steps.append([test for test in naming if len(test.parts) > 2])  # not those of whole nights
    return [there for step in steps if (there := [str(path) for path in step if (ROOT / path).exists()])]


def _names(test: Path, file: Path) -> bool:
    """Whether a file of tests imports a module."""
    module = ".".join(file.with_suffix("").parts)
    package = module.rpartition(".")[0]
    named = rf"\b{re.escape(module)}\b|from {re.escape(package)} import .*\b{file.stem}\b"
    return re.search(named, (ROOT / test).read_text(encoding="utf-8")) is not None


def _fails(tests: Sequence[str], copy: Path) -> bool:
    """Whether a test fails; a loop without an end, stopped by its CPU time, is noticed by anybody."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    limited = ["sh", "-c", f'ulimit -t {LONGEST_CPU_S}; exec "$@"', "sh", *command]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            limited, cwd=copy, env=environment, capture_output=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def _copied(folder: Path, number: int) -> Path:
    """A copy of the checkout for a worker to change."""
    copy = folder / f"copy{number}"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy / name)
    return copy


def _work(folder: Path, number: int, mutants: list[Mutant]) -> list[Mutant]:
    """The survivors of some changes, tried one after the other in a copy of their own; each is said at once."""
    copy = _copied(folder, number)
    survivors = []
    for mutant in mutants:
        if not is_killed(mutant, copy):
            survivors.append(mutant)
            say(f"survived  {mutant}")
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
    parser.add_argument("--rooms", nargs="+", default=(CHOSEN_ROOM, *ROOMS))
    parser.add_argument("--fresh", action="store_true", help="draw a sample in place of the one that is kept")
    parser.add_argument("--sample", type=int, default=40, help="changes of each room, of a fresh one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    done = [_try_room(room, options) for room in options.rooms]
    return int(not all(done))


def _try_room(room: str, options: argparse.Namespace) -> bool:
    """Whether the tests of a room notice enough; the share is said."""
    if room == CHOSEN_ROOM:
        mutants = chosen()
    else:
        mutants = sample_of(room, options.sample, options.seed) if options.fresh else kept(room)
    near = {tuple(tests) for mutant in mutants for tests in _near(mutant.file)}
    copy = _copied(options.folder, 0)
    failing = sorted({path for tests in near for path in tests if _fails([path], copy)})
    if failing:
        say(f"{room}: nothing is said, as the unchanged code fails {' '.join(failing)}")
        return False
    survivors = _survivors(mutants, options.folder, options.workers)
    share = 1 - len(survivors) / max(len(mutants), 1)
    say(f"{room}: {share:.0%} killed, {len(mutants) - len(survivors)} of {len(mutants)}")
    return share >= (1 if room == CHOSEN_ROOM else KILLED_GOAL)


if __name__ == "__main__":
    sys.exit(main())
