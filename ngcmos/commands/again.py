"""Lines to type for the rest of a night."""

import argparse
import shlex
import sys
from pathlib import Path

from ngcmos.config import find_directories_file


def commands_again(options: argparse.Namespace, folder: Path) -> list[tuple[str, str]]:
    """[(what for, line to type), ...]: how to do the rest of a night from any folder, by the options given now."""
    directories = find_directories_file(options.config, options.directory).absolute()
    camera = Path(options.camera).absolute() if options.camera.endswith(".toml") else options.camera
    shared = ["--directory", folder, "--config", directories, "--camera", camera]
    catalogs = [part for file in getattr(options, "catalog", []) for part in ("--catalog", Path(file).absolute())]
    center = ["--center", *options.center] if getattr(options, "center", None) else []
    wanted = [
        ("All that is missing or failed is done by:", "run_night", [*shared, *catalogs, *center]),
        ("Why frames were not measured:", "why", shared),
        ("This page alone:", "night_report", shared),
    ]
    return [(what, shlex.join(map(str, [*start_of(name), *given]))) for what, name, given in wanted]


def start_of(name: str) -> list[str]:
    """Words that start a command the way this one was started: by its script, else as a module of this Python."""
    script = Path(sys.argv[0]).resolve().with_name(f"{name}.py")
    return [sys.executable, str(script)] if script.is_file() else [sys.executable, "-m", "ngcmos", name]
