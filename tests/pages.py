"""What users read: the README and the pages in docs/ that it leads to, one for each question."""

import re

from running import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = ("trouble", "folders", "scripts", "again", "calibration", "catalog", "targets", "tables", "camera")
NAMES += ("exclude", "simulate", "old_scripts")
PAGES = {f"docs/{name}.md": (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in NAMES}


def lowered(page):
    """A page as a chapter: its titles one level down."""
    parts = re.split(r"(^```.*?^```$)", page, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if part.startswith("```") else re.sub(r"^#", "##", part, flags=re.MULTILINE) for part in parts
    )


def anchors(text):
    """What links into a page can name."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links(text):
    """[(file or "", anchor or ""), ...] of a page."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([\w-]+))?\)", text)
    return [(name, at) for name, at in found if "://" not in name]


def chapter(title):
    """A chapter of the README, or a page of that title."""
    return WHOLE.split(f"\n## {title}\n")[1].split("\n## ")[0]


WHOLE = "\n".join([README, *map(lowered, PAGES.values())])
