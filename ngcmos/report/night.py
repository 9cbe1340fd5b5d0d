"""All that the morning page tells of a night, gathered from products and ledger.

``gather(config, night, commands) -> NightFacts``
"""

import dataclasses
import datetime
import re
import shutil
from collections.abc import Mapping, Sequence

import numpy as np

from ngcmos import __version__
from ngcmos.config import Config
from ngcmos.errors import ProductError
from ngcmos.names import Stage
from ngcmos.night.accounting import LeftOut, unseen_among
from ngcmos.night.accounting import sum_up as sum_up_files
from ngcmos.night.disk import free_mb
from ngcmos.night.folder import Night
from ngcmos.night.ledger import Entry, read_ledger
from ngcmos.night.products import report_path
from ngcmos.night.provenance import stale_products
from ngcmos.night.remarks import Remark, read_remarks
from ngcmos.qc.almanac import Almanac, night_almanac
from ngcmos.report.calibration import CalibrationFacts, read_calibration
from ngcmos.report.facts import FieldFacts, clear_zero_points_of, read_fields
from ngcmos.report.oddities import judge_files, judge_masters, judge_reduction, judge_remarks, judge_types
from ngcmos.report.runs import StageRun, read_runs
from ngcmos.report.summary import NightSummary, read_summaries
from ngcmos.report.target import FieldTargets, find_field_targets
from ngcmos.report.tonight import Tonight, judge_tonight, read_tonight
from ngcmos.report.verdict import Reason, Room, judge, level_of, sum_up

_DATE = re.compile(r"(19|20)\d{6}")


@dataclasses.dataclass(frozen=True)
class Disk:
    """A place, what is free there, and what this night uses of it (0: nothing), in MB."""

    place: str
    free_mb: float
    used_mb: float


@dataclasses.dataclass(frozen=True, eq=False)
class NightFacts:
    """All that the page tells.

    Attributes
    ----------
    date : str
    fields : list of ngcmos.report.facts.FieldFacts
    runs : list of ngcmos.report.runs.StageRun
    remarks : list of ngcmos.night.remarks.Remark
    reasons : list of ngcmos.report.verdict.Reason
        The gravest first.
    almanac : Almanac or None
        None where the folder's name is no date.
    calibration : CalibrationFacts
    earlier : list of ngcmos.report.summary.NightSummary
        Earlier nights, the newest first.
    disks : list of Disk
    commands : sequence of (str, str)
        What for, and the line to type.
    made : str
        When and by which version.
    files : str
        How many files of which kind lie in the night.
    unseen : list of ngcmos.night.accounting.LeftOut
        Those that nobody looks at.
    tonight : dict of str to ngcmos.report.tonight.Tonight
        Of each field that has a season.
    targets : list of ngcmos.report.target.FieldTargets
    ledger_trouble : str
        Why there is no ledger; "" where there is one.
    """

    date: str
    fields: list[FieldFacts]
    runs: list[StageRun]
    remarks: list[Remark]
    reasons: list[Reason]
    almanac: Almanac | None
    calibration: CalibrationFacts
    earlier: list[NightSummary]
    disks: list[Disk]
    commands: Sequence[tuple[str, str]]
    made: str
    ledger_trouble: str = ""
    files: str = ""
    unseen: Sequence[LeftOut] = ()
    tonight: Mapping[str, Tonight] = dataclasses.field(default_factory=dict)
    targets: Sequence[FieldTargets] = ()

    @property
    def summary(self) -> NightSummary:
        """What other pages keep of this night."""
        counts = [field.counts for field in self.fields]
        most = max(self.fields, key=lambda field: (not field.filter_name, field.counts.measured), default=None)
        clear = clear_zero_points_of(self.fields)[most.name] if most else np.nan
        return NightSummary(
            night=self.date,
            verdict=level_of(self.reasons),
            why=sum_up(self.reasons),
            fields=tuple(field.name for field in self.fields),
            taken=sum(count.taken for count in counts),
            measured=sum(count.measured for count in counts),
            clear_zp=float(f"{clear:.4f}") if np.isfinite(clear) else None,
            levels=self.calibration.levels,
        )


def gather(config: Config, night: Night, commands: Sequence[tuple[str, str]] = ()) -> NightFacts:
    """The NightFacts of a night; `commands` are what the page offers: what for, and the line to type."""
    entries, trouble = _read_entries(night)
    fields, runs = read_fields(config, night, entries), read_runs(entries)
    earlier = [one for one in read_summaries(config.directories.base) if one.night < night.date]
    calibration = read_calibration(config, night, _earlier_nights(config, night))
    disks = _look_at_disks(config, night)
    odd = judge_masters(calibration, earlier, runs) + judge_reduction(fields, stale_products(entries))
    odd += judge_remarks(read_remarks(entries))
    frames = sum(map(len, night.whole_fields.values()))
    others = [
        one for one in night.others if one.path != report_path(night.folder)
    ]  # an earlier page changes nothing
    odd += [*judge_files(unseen_among(others), frames), *judge_types(others, frames)]
    tonight = _read_tonight(config, night.date, fields)
    seen = [NightSummary(night.date, levels=calibration.levels), *earlier]
    for name, one in tonight.items():
        odd += judge_tonight(name, one, seen, max(config.camera.detector.shape))
    room = Room(free_mb(night.folder), config.camera.files.reserve_mb, disks[0].used_mb)
    told = [run for run in runs if not (calibration.unflattened and run.stage == Stage.CREATE_FLATS)]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return NightFacts(
        date=night.date,
        fields=fields,
        runs=runs,
        remarks=read_remarks(entries),
        reasons=judge(fields, told, room, large_px=config.camera.donuts.large_px, others=odd),
        almanac=night_almanac(night.date, config.site) if _DATE.fullmatch(night.date) else None,
        calibration=calibration,
        earlier=earlier,
        disks=disks,
        commands=commands,
        made=f"Made at {now} by ngcmos {__version__}, camera {config.camera.name}",
        ledger_trouble=trouble,
        files=sum_up_files(others, frames),
        unseen=unseen_among(others),
        tonight=tonight,
        targets=[own for field in fields if (own := find_field_targets(config, night.folder, field))],
    )


def _read_tonight(config: Config, date: str, fields: Sequence[FieldFacts]) -> dict[str, Tonight]:
    """The earlier nights of each field that has a season."""
    found = {field.name: read_tonight(config, field.name, date) for field in fields}
    return {name: one for name, one in found.items() if one is not None}


def _read_entries(night: Night) -> tuple[list[Entry], str]:
    """Entries of the ledger, or why there is none."""
    try:
        return read_ledger(night.folder), ""
    except ProductError as error:
        return [], str(error)


def _earlier_nights(config: Config, night: Night) -> list[str]:
    """Dates of the night folders before this one, the newest first."""
    dates = sorted((path.name for path in config.directories.base.iterdir()), reverse=True)
    return [date for date in dates if _DATE.fullmatch(date) and date < night.date]


def _look_at_disks(config: Config, night: Night) -> list[Disk]:
    """That of the night, then that of the masters where they lie on another one."""
    files = {path for path in night.folder.rglob("*") if path.is_file()} - {report_path(night.folder)}
    used_mb = sum(path.stat().st_size for path in files) / 1e6
    disks: dict[int, Disk] = {}
    for path, used in ((night.folder, used_mb), (config.directories.out, 0.0)):
        if path.exists():
            free = shutil.disk_usage(path).free / 1e6
            disks.setdefault(path.stat().st_dev, Disk(str(path), free, used))
    return list(disks.values())
