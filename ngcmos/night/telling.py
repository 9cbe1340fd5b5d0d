"""Which cards of a kind a header has: for the message that one is missing."""

import re
from collections.abc import Collection

from ngcmos.night.cards import Header

MOST = 6


def cards_like(header: Header, kind: re.Pattern[str], key: str, *, tried: Collection[str] = ()) -> str:
    """ "; the header has DATE-LOC, UT: name ...": cards of a kind but those tried, and the key of the profile;
    "" without any."""
    there = [name for name in header if kind.search(name) and name not in tried]
    return f"; the header has {', '.join(there[:MOST])}: name the right one in headers.{key}" if there else ""
