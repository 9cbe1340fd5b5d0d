"""Which commands there are, by who needs them."""

import importlib
from collections.abc import Iterator
from types import ModuleType

from ngcmos.names import Stage

GROUPS: dict[str, tuple[str, ...]] = {
    "Every morning": ("run_night", "why"),
    "By hand": ("run_nights", *Stage),
    "A scientist": ("analyse_cmos", "inject_transits"),
    "Setting up": ("doctor", "simulate_night"),
}
NAMES = tuple(str(name) for names in GROUPS.values() for name in names)


def module_of(name: str) -> ModuleType:
    """The module of a command; its `main` runs it, its docstring describes it."""
    return importlib.import_module(f"ngcmos.commands.{name.lower()}")


def listed() -> Iterator[str]:
    """Lines of a list of all commands, with the first words of what each says of itself."""
    width = max(map(len, NAMES))
    for group, names in GROUPS.items():
        yield f"{group}:"
        for name in names:
            said = (module_of(name).__doc__ or "").partition("\n")[0].partition(":")[0]
            yield f"  {name:{width}}  {said.rstrip('.')}"
        yield ""
