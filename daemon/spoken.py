"""Numbers as people read them. Pure."""

from __future__ import annotations

import math

UNKNOWN = "not yet known"


def number(value: float, digits: int = 0) -> str:
    """With thousands separators and so many digits after the point; NaN is `UNKNOWN`."""
    return UNKNOWN if math.isnan(value) else f"{value:,.{digits}f}"


def several(count: int, one: str, many: str) -> str:
    """A count with the words that go with one, or with any other number."""
    return f"{count:,} {one if count == 1 else many}"
