"""The chain of a night: every stage in its order, only where something is missing, none stopped by another."""

import contextlib
import importlib
import logging
import time

from ngcmos.errors import UsageError, WorkError, WriteError
from ngcmos.night.disk import require_space
from ngcmos.night.folder import open_night
from ngcmos.night.ledger import DONE, REFUSED, open_ledger, recall, record
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path

log = logging.getLogger(__name__)

# script: (module of the stage, whether it works in several processes)
STAGES = {
    "QC_Donuts": ("qc_donuts", True),
    "QC_control": ("qc_control", True),
    "simple_wrapper": ("simple_wrapper", True),
    "check_cmos": ("check_cmos", True),
    "adding_headers": ("adding_headers", True),
    "create_flats": ("create_flats", False),
    "process_cmos": ("process_cmos", True),
    "relative_photometry": ("relative_photometry", False),
    "noise_model": ("noise_model", False),
    "night_report": ("night_report", False),
}
REPORT = "night_report"
OF_TABLES = ("relative_photometry", "noise_model")
EXTRAS = (*OF_TABLES, REPORT)  # what goes wrong in them is told; the photometry of the night is none the worse
RUN = "run"


class ChainOutcome(Outcome):
    """Outcome whose `done` and `failed` are stages."""

    def summary(self):
        """One line for the log."""
        told = f"{self.stage}: {len(self.done)} stages done"
        trouble = f", {len(self.failed)} in trouble, the first: {self.troubles[0]}" if self.troubles else ""
        return told + trouble


def run(config, folder, *, catalogs=(), only=(), skip=(), workers=1, quiet=False, commands=()):
    """Run the stages of a night; an Outcome whose `done` and `failed` are stages.

    Parameters
    ----------
    config : ngcmos.config.Config
    folder : Path
        The night folder.
    catalogs : sequence of paths
        Local TIC extracts for simple_wrapper.
    only, skip : sequence of str
        Names of scripts.
    commands : sequence of (str, str)
        For the morning page: what for, and the line to type.
    """
    total = ChainOutcome("run_night")
    rows = []
    chosen = chosen_stages(only, skip)
    special = {"simple_wrapper": {"catalogs": catalogs} | _one_write(chosen), REPORT: {"commands": commands}}
    out_of_disk = False
    for script in chosen:
        if out_of_disk and script != REPORT:
            continue
        module, parallel = STAGES[script]
        options = {"workers": workers, "quiet": quiet} if parallel else {}
        started = time.monotonic()
        if script in OF_TABLES and not _tables(folder) and not _are_extras(chosen):
            log.info("%s: no photometry table, nothing to make", script)
            continue
        outcome = _run_stage(config, folder, script, module, options | special.get(script, {}))
        rows.append((script, outcome, time.monotonic() - started))
        _remember(folder, *rows[-1])
        _add(total, script, outcome, excused=_is_excused(script, outcome, chosen))
        out_of_disk |= outcome.out_of_disk
    _tell(rows, folder)
    return total


def _tables(folder):
    return sorted(folder.glob(photometry_path(folder, "*").name))


def _is_excused(script, outcome, chosen):
    """Whether a night is none the worse for a stage that failed; not where nothing else was asked for."""
    full = outcome.out_of_disk and script != REPORT
    return script in EXTRAS and not full and not _are_extras(chosen)


def _are_extras(chosen):
    return set(chosen) <= set(EXTRAS)


def _one_write(chosen):
    """Option of simple_wrapper to write the cards of adding_headers too, where that will run."""
    if not {"simple_wrapper", "adding_headers"} <= set(chosen):
        return {}
    return {"prepare_cards": importlib.import_module("ngcmos.stages.adding_headers").prepare_cards}


def chosen_stages(only=(), skip=()):
    """Names of the stages to run, in their order.

    Raises
    ------
    UsageError
        A name is no stage, or nothing is left.
    """
    unknown = [name for name in (*only, *skip) if name not in STAGES]
    if unknown:
        raise UsageError(f"no stage {', '.join(unknown)}, expected one of {', '.join(STAGES)}")
    chosen = [name for name in STAGES if (not only or name in only) and name not in skip]
    if not chosen:
        raise UsageError("--only and --skip leave no stage to run")
    return chosen


def _run_stage(config, folder, script, module, options):
    """Outcome of one stage; whatever goes wrong in it stays in it, as if it were a process of its own."""
    outcome = Outcome(script)
    try:
        if script != REPORT:  # a page is small, and tells that the disk is full
            require_space(folder, config.camera.files.reserve_mb)
        stage = importlib.import_module(f"ngcmos.stages.{module}")
        return stage.run(config, open_night(config, folder), **options)
    except WriteError as error:
        outcome.out_of_disk = True
        outcome.troubles.append(str(error))
        log.error("%s: %s; nothing further is tried", script, error)
    except WorkError as error:
        outcome.troubles.append(str(error))
        log.error("%s: %s", script, error)
    except Exception as error:  # a bug of ours in one stage must not cost the others
        outcome.troubles.append(f"a bug in ngcmos: {error!r}")
        log.exception("%s: a bug in ngcmos, please report it with this traceback", script)
    return outcome


def _remember(folder, script, outcome, seconds):
    """Write into the ledger what a stage did and how long it took, where anything can be written."""
    counts = {"done": len(outcome.done), "before": len(outcome.skipped), "refused": len(outcome.failed)}
    numbers = counts | {"seconds": round(seconds, 1), "order": list(STAGES).index(script)}
    numbers["troubles"] = list(outcome.troubles)
    verdict = REFUSED if outcome.exit_code else DONE
    reason = "; ".join(outcome.troubles) or ("all frames refused" if outcome.exit_code else "")
    with contextlib.suppress(WriteError), open_ledger(folder) as ledger:
        earlier = recall(ledger, RUN).get(script)
        if not outcome.done and verdict == DONE and earlier is not None and earlier.verdict == DONE:
            return  # nothing was left to do: the run that did it says more
        record(ledger, RUN, script, "", verdict, reason, numbers)


def _add(total, script, outcome, *, excused):
    total.products.extend(outcome.products)
    if excused and outcome.exit_code:
        return  # told in the log and on the page
    total.troubles.extend(f"{script}: {trouble}" for trouble in outcome.troubles)
    if outcome.exit_code:
        total.failed[script] = outcome.troubles[0] if outcome.troubles else "all frames refused"
    else:
        total.done.append(script)


def _tell(rows, folder):
    """The table at the end: a line a stage, then where the photometry lies."""
    log.info("%-19s %8s %8s %8s %8s", "stage", "done", "before", "refused", "seconds")
    for script, outcome, seconds in rows:
        counts = (len(outcome.done), len(outcome.skipped), len(outcome.failed), seconds)
        log.info("%-19s %8d %8d %8d %8.1f%s", script, *counts, "  in trouble" if outcome.troubles else "")
    for path in _tables(folder):
        log.info("photometry: %s", path)
