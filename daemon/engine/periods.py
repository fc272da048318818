"""Timeframes as rules write them: the last argument of an indicator, ``rsi(14, "5m")``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.engine.syntax import String
from indicators.timeframes import parse

if TYPE_CHECKING:
    from daemon.engine.syntax import Call, Node

DAILY = 1_440
"""What stands for a trading day among minutes."""


def minutes_of(text: str) -> int:
    """Minutes of a timeframe: of ``5m``, ``1h``, or `DAILY` for ``1d``.

    Raises:
        ArgumentError: it is written otherwise, or longer than a regular session.
    """
    return DAILY if text == "1d" else parse(text)


def written(minutes: int) -> str:
    """The one way in which a timeframe is written in normal form."""
    if minutes == DAILY:
        return "1d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def divided(call: Call) -> tuple[tuple[Node, ...], int]:
    """Arguments of a checked indicator without its timeframe, and the timeframe's minutes."""
    if call.arguments and isinstance(last := call.arguments[-1], String):
        return call.arguments[:-1], minutes_of(last.value)
    return call.arguments, 1
