"""Are bad frames told from good ones, and from each other? Simulated frames with known faults: a table.

``python tests/precision_quality.py`` writes a table of docs/precision.md: rows are what was simulated, columns
what was said.
"""

import importlib.util
from pathlib import Path

import numpy as np
from precision_sky import write_table


def spoilt():
    """The module of the tests that simulates frames with faults."""
    path = Path(__file__).parent / "photometry" / "test_quality.py"
    spec = importlib.util.spec_from_file_location("spoilt_frames", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    frames = spoilt()
    true, said = frames.told_apart(frames.make_field())
    kinds = [frames.Quality.GOOD, *frames.FAULTS]
    write_table(
        " | ".join(["simulated", *kinds]),
        (
            " | ".join([kind, *(str(np.sum((true == kind) & (said == other))) for other in kinds)])
            for kind in kinds
        ),
    )
    write_table(
        "what | measured | expected", [f"frames told rightly [%] | {100 * np.mean(true == said):.1f} | >= 99"]
    )


if __name__ == "__main__":
    main()
