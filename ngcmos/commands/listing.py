"""Which commands there are, by who needs them.

A command is a module of this package; a stage that has none of its own, as it takes no options but those of all
stages, is described by the docstring of its module and run as it is.
"""

import ast
import importlib
import importlib.util
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.running import stage_command
from ngcmos.names import Stage

if TYPE_CHECKING:
    from ngcmos.night.job import Job
    from ngcmos.night.outcome import Outcome

GROUPS: dict[str, tuple[str, ...]] = {
    "Every morning": ("run_night", "why"),
    "By hand": ("run_nights", *Stage),
    "A scientist": ("analyse_cmos", "fit_transit", "export_star", "compare_runs", "stars", "inject_transits"),
    "Setting up": ("doctor", "new_camera", "measure_camera", "make_catalog", "simulate_night"),
}
NAMES = tuple(str(name) for names in GROUPS.values() for name in names)


def command_of(name: str) -> Callable[..., int]:
    """`main(argv, prog=...)` of a command."""
    if _source(f"ngcmos.commands.{name.lower()}") is not None:
        main: Callable[..., int] = importlib.import_module(f"ngcmos.commands.{name.lower()}").main
        return main

    def work(job: "Job", _options: Namespace) -> "Outcome":
        from ngcmos.chain.registry import STAGES

        return STAGES[Stage(name)].run(job)

    return stage_command(Stage(name), doc_of(name), work)


def doc_of(name: str) -> str:
    """What a command says of itself; its module is not imported, which would take its time."""
    source = _source(f"ngcmos.commands.{name.lower()}") or _source(f"ngcmos.stages.{name.lower()}")
    return ast.get_docstring(ast.parse(source.read_bytes())) or "" if source else ""


def _source(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin)


def listed() -> Iterator[str]:
    """Lines of a list of all commands, with the first words of what each says of itself."""
    width = max(map(len, NAMES))
    for group, names in GROUPS.items():
        yield f"{group}:"
        for name in names:
            said = doc_of(name).partition("\n")[0].partition(":")[0]
            yield f"  {name:{width}}  {said.rstrip('.')}"
        yield ""
