"""Which cards of a kind a header has: for the message that one is missing."""

import re
from collections.abc import Collection

from ngcmos.night.cards import Header

MOST = 6


def cards_like(header: Header, kind: re.Pattern[str], missing: Collection[str]) -> str:
    """ "; the header has DATE-LOC, TIME-OBS": cards of a kind but those looked for; "" without any."""
    there = [key for key in header if kind.search(key) and key not in missing]
    return f"; the header has {', '.join(there[:MOST])}" if there else ""
