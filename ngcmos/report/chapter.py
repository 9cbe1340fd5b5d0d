"""The chapter of the targets in the page of a night, found again by the next run: its fits and figures take longer
than the rest of the page.

``draw_chapter(content, told, made_of)``; ``read_chapter(path, made_of) -> Chapter | None``.
"""

import dataclasses
import html
import json
from collections.abc import Sequence
from pathlib import Path

from ngcmos.night.fingerprint import digest_of
from ngcmos.report.html import Html

_END = "\n</section>"


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A chapter as it stands in a page, and (name, what is found) of each target that has a curve."""

    content: Html
    told: Sequence[tuple[str, str]]


def draw_chapter(content: Html, told: Sequence[tuple[str, str]], made_of: str) -> Html:
    """The chapter; where it is told what it was made of, it can be found again."""
    if not made_of:
        return Html(f'<section class="targets">\n{content}{_END}')
    said = json.dumps(told)
    attributes = f'data-told="{html.escape(said)}" data-sum="{digest_of(said + content)}"'
    return Html(f"{_start(made_of)} {attributes}>\n{content}{_END}")


def read_chapter(path: Path, made_of: str) -> Chapter | None:
    """The chapter of a page that was made of the same; None where there is none, or one that is damaged."""
    try:
        whole = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    _, start, after = whole.partition(_start(made_of))
    chapter, end, _ = after.partition(_END)
    attributes, _, content = chapter.partition(">\n")
    words = attributes.split('"')
    if not end or len(words) != 5:
        return None
    said, total = html.unescape(words[1]), words[3]
    if total != digest_of(said + content):
        return None
    told = [(str(name), str(found)) for name, found in json.loads(said)]
    return Chapter(Html(f"{start}{chapter}{end}"), told)


def _start(made_of: str) -> str:
    return f'<section class="targets" data-made-of="{made_of}"'
