"""What should make a human look though every frame may be measured: masters, another reduction, contradictions."""

import collections
from collections.abc import Iterable, Sequence

from ngcmos.names import Level, Stage
from ngcmos.night.accounting import BY_TYPE, LeftOut
from ngcmos.night.provenance import StaleProduct
from ngcmos.night.remarks import NEWS, Remark
from ngcmos.report.calibration import CalibrationFacts, judge_calibration
from ngcmos.report.facts import FieldFacts
from ngcmos.report.runs import StageRun
from ngcmos.report.summary import NightSummary
from ngcmos.report.verdict import CALIBRATION, Reason, without_folders

UNFLATTENED, OTHERWISE = "not flattened", "another reduction"
UNSEEN = "files not looked at"
UNSEEN_SHARE = 0.05  # a few notes among the frames are nobody's business
SHOWN = 3


def judge_masters(
    facts: CalibrationFacts, earlier: Sequence[NightSummary], runs: Iterable[StageRun]
) -> list[Reason]:
    """Reasons that the calibration of a night gives, against the newest of earlier nights."""
    found = [_say_unflattened(facts.unflattened, runs)] if facts.unflattened else []
    odd = judge_calibration(facts, earlier[0].levels) if earlier else judge_calibration(facts)
    return [*found, *(Reason(Level.LOOK, CALIBRATION, sentence) for sentence in odd)]


def _say_unflattened(fields: Sequence[str], runs: Iterable[StageRun]) -> Reason:
    failed = [run.troubles[0] for run in runs if run.stage == Stage.CREATE_FLATS and run.failed]
    why = [without_folders(one).removeprefix("master_flat.fits: ") for one in failed]
    told = "NOT FLATTENED, fluxes are 5-7 % off from star to star" + "".join(f" ({one})" for one in why)
    remedy = "with a good master_flat.fits among the masters run_night --overwrite flattens"
    return Reason(Level.LOOK, UNFLATTENED, f"{', '.join(fields)}: {told}; {remedy}")


def judge_reduction(fields: Iterable[FieldFacts], stale: Iterable[StaleProduct]) -> list[Reason]:
    """Reasons that whole products give which would be made otherwise today."""
    groups = collections.defaultdict(list)
    for product in stale:
        groups[product.differs].append(product.name)
    found = [
        f"{_some(names)} made with another {', '.join(differs)}; run_night --overwrite makes anew"
        for differs, names in groups.items()
    ]
    late = [field.name for field in fields if field.noise is not None and field.noise.stale]
    found += [f"the noise model of {_some(late)} of earlier photometry; noise_model makes it anew"] if late else []
    return [Reason(Level.LOOK, OTHERWISE, sentence) for sentence in found]


def _some(names: Sequence[str]) -> str:
    """The first of some names with the verb that fits."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} {'was' if len(names) == 1 else 'were'}"


def judge_files(unseen: Sequence[LeftOut], frames: int) -> list[Reason]:
    """A reason where so many files are not looked at that frames may be among them."""
    if len(unseen) <= UNSEEN_SHARE * (frames + len(unseen)):
        return []
    first = f"{unseen[0].path.name} for {unseen[0].reason}"
    told = f"{len(unseen)} files beside {frames} frames are not looked at, as {first}"
    return [Reason(Level.LOOK, UNSEEN, told)]


def judge_types(others: Iterable[LeftOut], frames: int) -> list[Reason]:
    """A reason where there are no frames, but files that are calibration by their type alone."""
    typed = [one for one in others if one.reason == BY_TYPE]
    if frames or not typed:
        return []
    told = f"{len(typed)} files are calibration by their IMAGETYP alone, as {typed[0].path.name}"
    return [Reason(Level.LOOK, UNSEEN, told)]


def judge_remarks(remarks: Iterable[Remark]) -> list[Reason]:
    """Reasons that contradictions give."""
    return [Reason(Level.LOOK, remark.kind, str(remark)) for remark in remarks if remark.kind not in NEWS]
