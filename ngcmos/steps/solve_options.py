"""How the frames of a field are to be solved."""

import dataclasses
import enum
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ngcmos.arrays import Place


class Part(enum.StrEnum):
    """A part of the stage that can be done alone."""

    CATALOG = "catalog"
    SOLVE = "solve"


@dataclasses.dataclass(frozen=True)
class SolveOptions:
    """How a field is solved.

    Attributes
    ----------
    catalogs : sequence of paths
        Local TIC extracts to use instead of the network.
    center : (float, float), optional
        Where the fields are, whatever their cards say; degrees. Without, what the profile says.
    defocus_mm : float
        Defocus of the telescope: wider detection kernels.
    force3rd : bool
        Fit the distortion to third order however few the stars.
    save_matched_cat : bool
        Keep the matched stars of each frame beside it.
    only : Part, optional
        Do that part alone.
    time_cards : bool
        Write the cards of adding_headers too, so that a frame is written once for both.
    overwrite : bool
        Solve again what is solved.
    server : str
        Address of VizieR or a mirror, instead of those of the profile.
    sleep : callable
        Waits so many seconds between two tries there.
    """

    catalogs: Sequence[str | Path] = ()
    center: Place | None = None
    defocus_mm: float = 0.0
    force3rd: bool = False
    save_matched_cat: bool = False
    only: Part | None = None
    time_cards: bool = False
    overwrite: bool = False
    server: str = ""
    sleep: Callable[[float], None] = time.sleep


USUAL = SolveOptions()
