"""The stages of a night, declared once: what each works on, needs and makes, and what its failure costs."""

import dataclasses
import enum
import importlib
from collections.abc import Callable, Sequence

from ngcmos.errors import UsageError
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome


class Unit(enum.StrEnum):
    """What a stage works on at a time."""

    FRAME = "frame"
    FIELD = "field"
    NIGHT = "night"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A stage of the chain.

    Attributes
    ----------
    name : Stage
        Also that of its script, and what `--only` and `--skip` call it.
    unit : Unit
        Stages of frames are those that following applies to each frame as it comes.
    needs, makes : str
        For people.
    parallel : bool
        Whether it works in several processes.
    extra : bool
        The frames of the night are measured all the same where it fails; that is only told.
    of_table : bool
        It has nothing to do where there is no photometry table.
    """

    name: Stage
    unit: Unit
    needs: str
    makes: str
    parallel: bool = False
    extra: bool = False
    of_table: bool = False

    @property
    def run(self) -> Callable[..., Outcome]:
        """`run(job, ...)` of its module, which is imported now."""
        function: Callable[..., Outcome] = importlib.import_module(f"ngcmos.stages.{self.name.lower()}").run
        return function


_ENTRIES = (
    Entry(Stage.QC_DONUTS, Unit.FRAME, "frames", "shifts: JSON, figure, movie of those that moved", parallel=True),
    Entry(Stage.QC_CONTROL, Unit.FIELD, "frames", "movie of every fifth frame", parallel=True),
    Entry(Stage.SIMPLE_WRAPPER, Unit.FRAME, "frames, TIC", "catalogs, plate solutions in headers", parallel=True),
    Entry(Stage.CHECK_CMOS, Unit.FRAME, "plate solutions, shifts", "bad frames set aside", parallel=True),
    Entry(Stage.ADDING_HEADERS, Unit.FIELD, "frames", "AIRMASS, FILTER, BJD, HJD in headers", parallel=True),
    Entry(Stage.CREATE_FLATS, Unit.NIGHT, "twilight flats, bias, dark", "master_flat.fits", extra=True),
    Entry(
        Stage.PROCESS_CMOS, Unit.FRAME, "plate solutions, catalogs, masters", "phot_{field}.fits", parallel=True
    ),
    Entry(
        Stage.RELATIVE_PHOTOMETRY,
        Unit.FIELD,
        "phot_{field}.fits",
        "rel_phot_{field}.fits",
        extra=True,
        of_table=True,
    ),
    Entry(
        Stage.NOISE_MODEL, Unit.FIELD, "phot_{field}.fits", "noise_model_{field}.png", extra=True, of_table=True
    ),
    Entry(
        Stage.SEASON,
        Unit.NIGHT,
        "phot_{field}.fits of all nights",
        "seasons/{field}/",
        parallel=True,
        extra=True,
        of_table=True,
    ),
    Entry(Stage.NIGHT_REPORT, Unit.NIGHT, "products, ledger", "night_report.html", extra=True),
)
STAGES = {entry.name: entry for entry in _ENTRIES}


def chosen_stages(only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Entry]:
    """The stages to run, in their order.

    Raises
    ------
    UsageError
        A name is no stage, or nothing is left.
    """
    unknown = [name for name in (*only, *skip) if name not in list(STAGES)]
    if unknown:
        raise UsageError(f"no stage {', '.join(unknown)}, expected one of {', '.join(STAGES)}")
    chosen = [entry for name, entry in STAGES.items() if (not only or name in only) and name not in skip]
    if not chosen:
        raise UsageError("--only and --skip leave no stage to run")
    return chosen
