"""The chapter of the targets stands in the page until anything of it is another."""

import os

import pytest

from ngcmos.errors import WorkError
from ngcmos.night.folder import open_night
from ngcmos.night.products import report_path
from ngcmos.report.chapter import draw_chapter, read_chapter
from ngcmos.report.digest import tell_night
from ngcmos.report.html import Html
from ngcmos.report.night import gather
from ngcmos.report.page import draw_page

TOLD = [('TIC 5, "Demo" b <x>', "Transit: depth 1.2% ± 0.1")]


def page_with(chapter, path):
    path.write_text(f"<html>\n<section>\n{chapter}\n<section>\n</section></html>", encoding="utf-8")
    return path


def test_chapter_is_found_again_as_it_was(tmp_path):
    chapter = draw_chapter(Html("<h2>TIC 5 ±</h2>"), TOLD, "abc")
    found = read_chapter(page_with(chapter, tmp_path / "page.html"), "abc")
    assert found.content == chapter and found.told == TOLD


@pytest.mark.parametrize(
    "old, new", [("TIC 5 ±", "TIC 6 ±"), ("depth", "width"), ("\n</section>", ""), ('data-sum="', 'data-sum="0')]
)
def test_chapter_that_is_damaged_is_not_taken(tmp_path, old, new):
    chapter = draw_chapter(Html("<h2>TIC 5 ±</h2>"), TOLD, "abc")
    assert read_chapter(page_with(chapter.replace(old, new), tmp_path / "page.html"), "abc") is None


def test_chapter_of_something_else_is_not_taken(tmp_path):
    page = page_with(draw_chapter(Html("<h2>TIC 5</h2>"), TOLD, "abc"), tmp_path / "page.html")
    assert read_chapter(page, "abd") is None and read_chapter(tmp_path / "none.html", "abc") is None


def drawn_again(config, folder):
    """(the page of a night, what is told of it), as the next run would make them."""
    facts = gather(config, open_night(config, folder))
    return draw_page(facts, {}), tell_night(facts, report_path(folder)), facts.targets[0]


def chapter_again(config, folder):
    """The chapter of the targets that the next run would find; None where they were looked at again."""
    return gather(config, open_night(config, folder)).targets[0].chapter


def look_at_nothing(*_args):
    raise WorkError("there is no time for a fit")


@pytest.fixture(scope="module")
def page_there(transit_night):
    config, folder, _ = transit_night
    before = report_path(folder).read_bytes() if report_path(folder).exists() else None
    report_path(folder).unlink(missing_ok=True)
    page, told, targets = drawn_again(config, folder)
    report_path(folder).write_text(page, encoding="utf-8")
    yield config, folder, page, told, targets
    report_path(folder).unlink()
    if before is not None:
        report_path(folder).write_bytes(before)


def lasting_lines(page, folder):
    """Those that tell neither the time nor how full the disk is."""
    return [line for line in page.splitlines() if "Made at" not in line and str(folder) not in line]


def test_targets_of_a_standing_night_are_neither_fitted_nor_drawn_again(page_there, monkeypatch):
    config, folder, page, told, targets = page_there
    assert targets.chapter is None and any("TIC" in line for line in told)
    monkeypatch.setattr("ngcmos.report.target.look", None)
    monkeypatch.setattr("ngcmos.report.target.plot_target", None)
    again, told_again, _ = drawn_again(config, folder)
    assert told_again == told and lasting_lines(again, folder) == lasting_lines(page, folder)


@pytest.mark.parametrize("pattern", ["phot_*.fits", "rel_phot_*.fits", "*_catalog.fits"])
def test_targets_of_other_tables_are_looked_at_again(page_there, pattern, monkeypatch):
    config, folder, *_ = page_there
    monkeypatch.setattr("ngcmos.report.target.look", look_at_nothing)
    [path] = folder.glob(pattern)
    times = path.stat()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert chapter_again(config, folder) is None
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert chapter_again(config, folder) is not None


def test_targets_of_another_list_are_looked_at_again(page_there, monkeypatch):
    config, folder, *_ = page_there
    monkeypatch.setattr("ngcmos.report.target.look", look_at_nothing)
    path = config.directories.out / "targets.csv"
    path.write_text("name,tic_id\nDemo b,7\n")
    assert chapter_again(config, folder) is None
    path.unlink()
    assert chapter_again(config, folder) is not None
