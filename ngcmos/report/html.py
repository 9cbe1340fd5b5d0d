"""Building blocks of a page that needs nothing but itself: from texts and numbers to HTML.

::

    body = join(verdict("good", "all is well"), section("Disk", table(["place", "free"], rows)))
    text = document("Night 20240705", body, plots=[plot], summary={...})

Every text is escaped where it enters; what a block returns is `Html` and goes in unchanged. The page forbids
itself every outside request. Plots are drawn by uPlot (MIT), which lies in `page_assets` as its authors publish
it.
"""

import base64
import functools
import html
import importlib.resources
import json
from collections.abc import Iterable, Mapping, Sequence

from ngcmos.names import Level
from ngcmos.report.plots import Plot

HEAD_BYTES = 60_000
_WITHOUT_SCRIPTS = "Headings without a plot: a script draws them, open the page in a browser that runs it."
_SUMMARY = '<meta name="ngcmos-night" content="'
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as HTML; what is not `Html` is escaped."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def join(*parts: object) -> Html:
    """Blocks one after the other."""
    return Html("\n".join(text(part) for part in parts if part))


def verdict(level: Level, sentence: str) -> Html:
    """The line that says how it is."""
    return Html(f'<p class="verdict {level}"><b>{level}</b> {text(sentence)}</p>')


def section(title: str, *parts: object, anchor: str = "") -> Html:
    """A chapter."""
    return Html(f'<section id="{text(anchor)}">\n<h2>{text(title)}</h2>\n{join(*parts)}\n</section>')


def heading(title: str) -> Html:
    """A heading within a chapter."""
    return Html(f"<h3>{text(title)}</h3>")


def paragraph(sentence: object, *, dim: bool = False) -> Html:
    """A paragraph; `dim` is for remarks."""
    return Html(f'<p class="dim">{text(sentence)}</p>' if dim else f"<p>{text(sentence)}</p>")


def items(sentences: Iterable[str]) -> Html:
    """A list; nothing where there is nothing."""
    lines = "".join(f"<li>{text(one)}</li>" for one in sentences)
    return Html(f"<ul>{lines}</ul>" if lines else "")


def command(line: str) -> Html:
    """A line to copy into a terminal."""
    return Html(f"<pre>{text(line)}</pre>")


def link(target: str, label: str) -> Html:
    """A link to a file or chapter beside this page."""
    return Html(f'<a href="{html.escape(target, quote=True)}">{text(label)}</a>')


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, marks: Sequence[str] = ()) -> Html:
    """A table; numbers are set right.

    Parameters
    ----------
    head : list of str
    rows : list of lists
        Cells; numbers (int, float) are aligned as such.
    marks : sequence of str
        Class of the first cell of each row, as `good`.
    """
    numeric = {column for row in rows for column, cell in enumerate(row) if isinstance(cell, int | float)}
    kind = dict.fromkeys(numeric, ' class="number"')
    top = "".join(f"<th{kind.get(column, '')}>{text(name)}</th>" for column, name in enumerate(head))
    lines = []
    for number, row in enumerate(rows):
        mark = {0: f' class="{marks[number]}"'} if marks else {}
        cells = (f"<td{mark.get(c) or kind.get(c, '')}>{text(_number(cell))}</td>" for c, cell in enumerate(row))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return Html(f'<div class="scroll"><table><tr>{top}</tr>\n' + "\n".join(lines) + "</table></div>")


def _number(cell: object) -> object:
    return f"{cell:.4g}" if isinstance(cell, float) else cell


def thumbnail(jpeg: bytes, caption: str) -> Html:
    """A small picture (JPEG bytes) within the page."""
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
    alt = html.escape(caption, quote=True)
    return Html(f'<figure><img src="{source}" alt="{alt}"><figcaption>{text(caption)}</figcaption></figure>')


def drawing(wide: bytes, narrow: bytes, caption: str) -> Html:
    """A figure across the page (PNG bytes), and the one that phones show in its place."""
    large, small = ("data:image/png;base64," + base64.b64encode(png).decode("ascii") for png in (wide, narrow))
    alt = html.escape(caption, quote=True)
    picture = f'<source media="(max-width: 40rem)" srcset="{small}"><img src="{large}" alt="{alt}">'
    return Html(f'<picture class="drawing">{picture}</picture>')


def thumbnails(figures: Sequence[Html]) -> Html:
    """Thumbnails side by side."""
    return Html('<div class="thumbs">' + "\n".join(figures) + "</div>") if figures else Html("")


def plot_places(plots: Iterable[Plot], *, wide: bool = False) -> Html:
    """Where plots are drawn."""
    drawn = [(heading(plot.title), f'<div id="{text(plot.key)}"></div><output></output>') for plot in plots]
    places = "\n".join(f'<div class="plot">{title}{place}</div>' for title, place in drawn)
    return Html(f'<div class="plots{" wide" if wide else ""}">{places}</div>' if places else "")


def document(
    title: str,
    body: Html,
    *,
    summary: Mapping[str, object],
    plots: Sequence[Plot] = (),
    names: Mapping[str, Sequence[str]] | None = None,
    data: Mapping[str, object] | None = None,
    scripts: Sequence[str] = (),
) -> str:
    """The whole page.

    Parameters
    ----------
    title : str
    body : Html
    summary : dict
        What other pages want to know of this one, see `read_summary`; plain JSON.
    plots : sequence of ngcmos.report.plots.Plot
    names : dict of str to list of str
        Names of the points of plots that refer to them.
    data : dict
        What further scripts know; plain JSON.
    scripts : sequence of str
        Names of these scripts in `page_assets`.

    Returns
    -------
    str
    """
    shown = {"names": names or {}, "plots": [one.as_json() for one in plots], **(data or {})}
    content = json.dumps(shown, separators=(",", ":"), allow_nan=False)
    sources = "".join(_asset(name) for name in ("page.js", *scripts))
    script = (
        f'<noscript><p class="dim">{_WITHOUT_SCRIPTS}</p></noscript>\n'
        f'<script type="application/json" id="plots">{content.replace("<", chr(92) + "u003c")}</script>\n'
        f"<script>/*\n{_asset('uPlot.LICENSE.txt')}*/\n{_library()}</script>\n<script>{sources}</script>"
    )
    told = html.escape(json.dumps(summary, separators=(",", ":"), allow_nan=False), quote=True)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
{_SUMMARY}{told}">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)}</title>
<style>{_asset("uPlot.min.css")}{_asset("page.css")}</style>
</head><body>
{body}
{script if plots else ""}
</body></html>
"""


def reloading(whole: str, seconds: int) -> str:
    """A page that browsers load again after so many seconds."""
    head, title, rest = whole.partition("<title>")
    return f'{head}<meta http-equiv="refresh" content="{seconds}">\n{title}{rest}'


def read_summary(head: str) -> dict[str, object] | None:
    """The summary of a page from its first `HEAD_BYTES` characters; None where there is none."""
    _, found, rest = head.partition(_SUMMARY)
    content, closed, _ = rest.partition('">')
    if not (found and closed):
        return None
    try:
        summary = json.loads(html.unescape(content))
    except ValueError:
        return None
    return summary if isinstance(summary, dict) else None


@functools.cache
def _asset(name: str) -> str:
    return importlib.resources.files("ngcmos.report").joinpath("page_assets", name).read_text(encoding="utf-8")


def _library() -> str:
    """uPlot without its first line, which is an address and would look like a request."""
    return _asset("uPlot.iife.min.js").partition("\n")[2]
