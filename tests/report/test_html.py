"""Blocks of a page: what goes in comes out escaped, whole, and without a request."""

import hashlib
import html.parser
import importlib.resources
import json
import re

import numpy as np
import pytest

from ngcmos.names import Level
from ngcmos.report import html as page
from ngcmos.report.plots import BLUE, Plot, line, merge, plain, points, worth_drawing

EVIL = '</script><script>alert("1")</script> & \'<b>'
PUBLISHED = {  # of uplot 1.6.32, as its authors publish it
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


class Tree(html.parser.HTMLParser):
    """Tags that must be closed, in balance; scripts and texts collected."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.scripts, self.tags = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.texts).append(data)


def whole(**more):
    body = page.join(
        page.verdict(Level.LOOK, EVIL),
        page.section(EVIL, page.table([EVIL], [[EVIL], [3]]), page.command(EVIL), anchor="a"),
        page.thumbnails([page.thumbnail(b"jpeg", EVIL)]),
        page.items([EVIL]),
    )
    return page.document(EVIL, body, summary={"night": EVIL}, **more)


def test_texts_come_back_as_they_were_given():
    tree = Tree(whole())
    assert tree.open == []
    assert tree.scripts == []
    assert tree.texts.count(EVIL) == 7


def test_names_of_points_cannot_end_the_script():
    shown = Plot("p", EVIL, np.array([1.0]), [points(EVIL, np.array([2.0]), BLUE)], names="f")
    tree = Tree(whole(plots=[shown], names={"f": [EVIL]}))
    content = json.loads(tree.scripts[0])
    assert content["names"] == {"f": [EVIL]}
    assert content["plots"][0]["series"][0]["label"] == EVIL


def test_page_asks_for_nothing_outside():
    shown = Plot("p", "t", np.array([1.0]), [points("s", np.array([2.0]), BLUE)])
    text = whole(plots=[shown])
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
    assert "default-src 'none'" in text


def test_summary_is_read_back_from_the_beginning():
    assert page.read_summary(whole()[: page.HEAD_BYTES]) == {"night": EVIL}


@pytest.mark.parametrize("head", ["", "<html>", '<meta name="ngcmos-night" content="{">', whole()[:100]])
def test_page_of_another_kind_has_no_summary(head):
    assert page.read_summary(head) is None


@pytest.mark.parametrize("name", PUBLISHED)
def test_library_is_the_published_one(name):
    content = importlib.resources.files("ngcmos.report").joinpath("page_assets", name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == PUBLISHED[name]


def test_licence_of_the_library_goes_with_it():
    shown = Plot("p", "t", np.array([1.0]), [points("s", np.array([2.0]), BLUE)])
    assert "Copyright (c) 2022 Leon Sorokin" in whole(plots=[shown])


def test_numbers_that_are_none_are_null():
    assert plain(np.array([1.0, np.nan, np.inf, 123456.0, 0.000123456])) == [1, None, None, 123460, 0.00012346]


def test_times_keep_their_milliseconds():
    shown = Plot("p", "t", np.array([1720250857.751]), [points("s", np.array([2.0]), BLUE)], time=True)
    assert shown.as_json()["x"] == [1720250857.751]


def test_plot_of_nothing_is_not_drawn():
    assert worth_drawing([Plot("p", "t", np.arange(3.0), [points("s", np.full(3, np.nan), BLUE)]), None]) == []


def test_logarithm_leaves_out_what_is_not_positive():
    shown = Plot("p", "t", np.arange(3.0), [line("s", np.array([-1.0, 0.0, 5.0]), BLUE)], log=True)
    assert shown.as_json()["series"][0]["y"] == [None, None, 5]


def test_merged_series_stand_at_their_own_x():
    x, merged = merge(([3.0, 1.0], {"a": [30.0, 10.0]}), ([2.0], {"b": [20.0]}))
    assert x.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(merged["a"], [10, np.nan, 30])
    np.testing.assert_array_equal(merged["b"], [np.nan, 20, np.nan])


def test_page_with_plots_says_that_they_need_a_script_where_none_runs():
    plot = Plot("p", "A plot", [1.0, 2.0], [points("y", [1.0, 2.0], BLUE)])
    assert "<noscript>" in page.document("t", page.Html(""), summary={}, plots=[plot])
    assert "<noscript>" not in page.document("t", page.Html(""), summary={})
