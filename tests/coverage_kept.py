"""What share of its lines the tests run, room by room: kept with its commit, and told without measuring it again.

    python tests/coverage_kept.py                            # tells it in one line, as `make test` does
    python tests/coverage_kept.py coverage.json "all tests"  # keeps a report of `coverage json`: `make coverage`
    python tests/coverage_kept.py coverage.json "tests of these rooms" qc night      # of these alone

Measuring asks for 1.1 times the CPU of the tests where Python is 3.12 or newer (COVERAGE_CORE=sysmon), for twice
with an older one: too much for every `make test`, so that tells how old the number is.
"""

import collections
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = Path(__file__).with_name("coverage.tsv")
LEAST_TOLD = 3  # rooms


def rooms_of(report):
    """{room: (statements, those that were run)} of a report of `coverage json`; a module beside them is one."""
    rooms = collections.defaultdict(lambda: (0, 0))
    for name, file in report["files"].items():
        inside = Path(name).parts[Path(name).parts.index("ngcmos") + 1 :]
        lines, run = rooms[inside[0]]
        summary = file["summary"]
        rooms[inside[0]] = lines + summary["num_statements"], run + summary["covered_lines"]
    return dict(rooms)


def keep(rooms, commit, tests, path=KEPT):
    """Write the rooms, below a line that tells commit and tests."""
    rows = [f"{room}\t{lines}\t{run}\n" for room, (lines, run) in sorted(rooms.items()) if lines]
    path.write_text(f"# {commit}\t{tests}\nroom\tstatements\trun\n{''.join(rows)}", encoding="utf-8")


def told(text, since):
    """One line: the share of all and of the rooms with the least; its age (commits since, None: unknown)."""
    head, _, *rows = text.splitlines()
    commit, tests = head.removeprefix("# ").split("\t")
    rooms = {room: (int(lines), int(run)) for room, lines, run in (row.split("\t") for row in rows)}
    lines, run = (sum(column) for column in zip(*rooms.values(), strict=True))
    share = {room: run / lines for room, (lines, run) in rooms.items()}
    least = ", ".join(f"{room} {share[room]:.0%}" for room in sorted(share, key=share.get)[:LEAST_TOLD])
    age = "" if since is None else f" ({since} commits of ngcmos since)"
    return f"Coverage of {commit}{age}, by {tests}: {run / lines:.1%} of {lines} statements; least: {least}"


def git(*words):
    """What git says, '' where it cannot."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def main(words):
    if words:
        report = json.loads(Path(words[0]).read_text(encoding="utf-8"))
        rooms = {
            room: counts for room, counts in rooms_of(report).items() if room in (words[2:] or rooms_of(report))
        }
        keep(rooms, git("rev-parse", "--short", "HEAD") or "unknown", words[1])
    text = KEPT.read_text(encoding="utf-8")
    commit = text.splitlines()[0].removeprefix("# ").split("\t")[0]
    sys.stdout.write(told(text, git("rev-list", "--count", f"{commit}..HEAD", "--", "ngcmos") or None) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
