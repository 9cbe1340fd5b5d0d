"""The morning page: how the night was, what became of every field, and what to do; from products and ledger alone.

``run(config, night) -> Outcome`` writes `night_report.html` into the night, a copy by date into `shifts_plots/`,
and `shifts_plots/index.html` of all nights. It is made whatever failed before it, and changes nothing else.
"""

import datetime
import logging
import re
import shutil

from ngcmos import __version__
from ngcmos.errors import ProductError
from ngcmos.night.disk import free_mb
from ngcmos.night.ledger import read_ledger
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import (
    bad_donuts_path,
    control_path,
    make_folder,
    plots_folder,
    report_copy_path,
    report_index_path,
    report_path,
    shifts_path,
    write_text,
)
from ngcmos.qc.almanac import night_almanac
from ngcmos.report.calibration import judge_calibration, read_calibration
from ngcmos.report.facts import read_fields
from ngcmos.report.html import HEAD_BYTES, read_summary
from ngcmos.report.page import NightFacts, draw_index, draw_page
from ngcmos.report.pictures import draw_field
from ngcmos.report.verdict import judge, level_of

log = logging.getLogger(__name__)

STAGE = "night_report"
MAX_BYTES = 5_000_000
_DATE = re.compile(r"(19|20)\d{6}")


def run(config, night, *, commands=()):
    """Write the page of a night and the index of all; an Outcome.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    commands : sequence of (str, str)
        What for, and the line to type: how to run the rest of the night again.

    Raises
    ------
    WriteError
        The page could not be written.
    """
    outcome = Outcome(STAGE)
    base = config.directories.base
    make_folder(plots_folder(base))
    facts = gather(config, night, commands)
    links = {field.name: find_products(base, field.name, night.date) for field in facts.fields}
    pictures = {field.name: draw_field(field) for field in facts.fields}
    whole = draw_page(facts, links, pictures)
    if len(whole.encode()) > MAX_BYTES:
        log.warning("%s: %d bytes with thumbnails, expected %d; left out", STAGE, len(whole.encode()), MAX_BYTES)
        whole = draw_page(facts, links, {})
    for path in (report_path(night.folder), report_copy_path(base, night.date)):
        write_text(path, _place_links(whole, path, base))
        outcome.products.append(path)
    write_text(report_index_path(base), draw_index(_read_summaries(base)))
    outcome.products.append(report_index_path(base))
    outcome.done.append(night.date)
    log.info("%s: %s: %s", STAGE, level_of(facts.reasons), report_path(night.folder))
    return outcome


def gather(config, night, commands=()):
    """The NightFacts of a night."""
    try:
        entries, trouble = read_ledger(night.folder), ""
    except ProductError as error:
        entries, trouble = [], str(error)
    base, files = config.directories.base, config.camera.files
    fields = read_fields(config, night, entries)
    summaries = _read_summaries(base)
    earlier = [one for one in summaries if str(one.get("night")) < night.date]
    dates = sorted((path.name for path in base.iterdir() if _DATE.fullmatch(path.name)), reverse=True)
    calibration = read_calibration(config, night, [date for date in dates if date < night.date])
    used_mb = sum(path.stat().st_size for path in night.folder.rglob("*") if path.is_file()) / 1e6
    reasons = judge(
        fields,
        entries,
        large_px=config.camera.donuts.large_px,
        free_mb=free_mb(night.folder),
        reserve_mb=files.reserve_mb,
        size_mb=used_mb,
        calibration=judge_calibration(calibration, next(iter(earlier), {})),
    )
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return NightFacts(
        date=night.date,
        camera=config.camera.name,
        fields=fields,
        entries=entries,
        reasons=reasons,
        almanac=night_almanac(night.date, config.site) if _DATE.fullmatch(night.date) else None,
        calibration=calibration,
        earlier=earlier,
        disk=_look_at_disk(config, night, used_mb),
        commands=list(commands),
        made=f"Made at {now} by ngcmos {__version__}, camera {config.camera.name}",
        ledger_trouble=trouble,
    )


def _look_at_disk(config, night, used_mb):
    """[(place, MB free, MB of this night), ...]; masters only where they lie on another disk."""
    places = [(night.folder, used_mb), (config.directories.out, 0.0)]
    disks = {}
    for path, used in places:
        if path.exists():
            disks.setdefault(path.stat().st_dev, (str(path), shutil.disk_usage(path).free / 1e6, used))
    return list(disks.values())


def find_products(base, field, date):
    """[(name, label), ...] of the pictures and movies of a field that are there, all in `shifts_plots`."""
    known = [
        (shifts_path(base, field, date, ".pdf"), "shifts (PDF)"),
        (control_path(base, field, date), "movie"),
        (bad_donuts_path(base, field, date), "movie of the frames that moved"),
    ]
    return [(f"PLOTS/{path.name}", label) for path, label in known if path.exists()]


def _place_links(whole, path, base):
    """The page with its links to products as they are seen from where it lies."""
    plots = plots_folder(base)
    if path.parent == plots:
        prefix = ""
    elif path.parent.parent == base:
        prefix = f"../{plots.name}/"
    else:
        prefix = plots.absolute().as_uri() + "/"
    return whole.replace('href="PLOTS/', f'href="{prefix}').replace('href="INDEX"', f'href="{prefix}index.html"')


def _read_summaries(base):
    """What the pages of all nights say of themselves, the newest first."""
    found = []
    for path in sorted(plots_folder(base).glob(report_copy_path(base, "*").name), reverse=True):
        with path.open(encoding="utf-8", errors="replace") as file:
            summary = read_summary(file.read(HEAD_BYTES))
        if summary is not None:
            found.append(summary)
    return found
