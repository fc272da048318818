"""The small chart that goes along with an alert, of the minutes that the history keeps."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

import structlog

from daemon import charts
from streams.history.open import open_history

if TYPE_CHECKING:
    from pathlib import Path

    from streams.redis.alert import DeliveredAlert
    from streams.secret import Secret

log = structlog.get_logger()

BEFORE_MS: Final = 2 * 3_600_000
"""How much of the time before an alert is shown."""

FEWEST: Final = 5
"""Bars that make a picture."""

DEADLINE_S: Final = 5.0
"""An alert does not wait longer for its picture."""


class Picture:
    """Draws from a history, in a thread, one picture at a time; channels that tell the same alert share it.

    Args:
        place: of the history; None draws nothing.
    """

    def __init__(self, place: Path | Secret | None) -> None:
        self._place = place
        self._one_at_a_time = threading.Lock()
        self._newest: tuple[str, asyncio.Future[bytes]] | None = None

    async def draw(self, alert: DeliveredAlert) -> bytes:
        """A PNG; b"" where the history has too few bars, does not answer in time, or is still at an older picture."""
        if self._place is None:
            return b""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.shield(self._of(self._place, alert))
        except Exception as error:  # noqa: BLE001 - a picture never costs an alert
            log.info("no chart", symbol=alert.symbol, what=str(error) or f"it took longer than {DEADLINE_S:g} s")
            return b""

    def _of(self, place: Path | Secret, alert: DeliveredAlert) -> asyncio.Future[bytes]:
        if self._newest is None or self._newest[0] != alert.stream_id:
            drawing = asyncio.get_running_loop().run_in_executor(None, self._drawn, place, alert)
            drawing.add_done_callback(_seen)
            self._newest = alert.stream_id, drawing
        return self._newest[1]

    def _drawn(self, place: Path | Secret, alert: DeliveredAlert) -> bytes:
        if not self._one_at_a_time.acquire(blocking=False):
            return b""
        try:
            return picture(place, alert)
        finally:
            self._one_at_a_time.release()


def _seen(drawing: asyncio.Future[bytes]) -> None:
    """That it failed is known, even where nobody waits for it any more."""
    _ = drawing.cancelled() or drawing.exception()


def picture(place: Path | Secret, alert: DeliveredAlert) -> bytes:
    """Two hours of a symbol's closes up to an alert; b"" where too few are kept.

    Raises:
        HistoryError: it cannot be read.
    """
    with open_history(place, read_only=True) as history:
        table = history.minutes([alert.symbol], alert.bar_start_ms - BEFORE_MS, alert.bar_start_ms)
    minute_ms, closes = table["start_ms"].to_pylist(), table["close"].to_pylist()
    if len(closes) < FEWEST:
        return b""
    title = f"{alert.symbol} {alert.rule}"
    return charts.price([*minute_ms, alert.bar_start_ms], [*closes, alert.price], alert.bar_start_ms, title)
