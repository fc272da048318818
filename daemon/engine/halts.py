"""Trading halts that the feed tells of: for Nasdaq's listings only, the others' are not signalled. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from daemon.engine.listings import Notice

if TYPE_CHECKING:
    from streams.polygon.messages import BandBatch

MOST: Final = 4_096
"""Symbols that are known to be halted; the one halted longest ago gives way."""


class Halts:
    """Which symbols are halted.

    Attributes:
        since_ms: the exchange's time of each halt, by symbol, oldest first.
    """

    def __init__(self) -> None:
        self.since_ms: dict[bytes, int] = {}

    def note(self, bands: BandBatch) -> list[Notice]:
        """What people should know of these messages: each transition once, in order."""
        told = []
        for at in np.flatnonzero(bands.halted | bands.resumed).tolist():
            symbol, time_ms = bytes(bands.symbol[at]), int(bands.time_ms[at])
            if bool(bands.halted[at]) != (symbol in self.since_ms):
                told.append(self._turn(symbol, time_ms, halted=bool(bands.halted[at])))
        return told

    def _turn(self, symbol: bytes, time_ms: int, *, halted: bool) -> Notice:
        fields = {"symbol": symbol.decode(), "exchange_time": f"{datetime.fromtimestamp(time_ms / 1000, UTC):%FT%TZ}"}
        if halted:
            if len(self.since_ms) >= MOST:
                del self.since_ms[next(iter(self.since_ms))]
            self.since_ms[symbol] = time_ms
            return Notice("symbol.halted", fields)
        halted_s = (time_ms - self.since_ms.pop(symbol)) / 1000
        return Notice("symbol.resumed", {**fields, "halted_seconds": f"{max(halted_s, 0.0):.0f}"})
