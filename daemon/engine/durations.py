"""Lengths of time as people write them: ``90s``, ``10m``, ``1h``, ``1d``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str) -> int | None:
    """Milliseconds, None where `text` is written otherwise."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _UNIT_MS[match[2]] if match else None
