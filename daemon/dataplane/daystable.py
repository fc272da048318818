"""Official daily bars for the engine, out of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import structlog

from daemon.dataplane.daystatistics import splits
from daemon.dataplane.renames import renames, under_new_names
from daemon.engine.days import DailyTable

if TYPE_CHECKING:
    from daemon.dataplane.shelf import Shelf
    from streams.types import Longs

log = structlog.get_logger()


async def days_table(shelf: Shelf, days: Longs, today: int) -> DailyTable:
    """Bars of all symbols on `days`, by their present names, in shares of the day before `today`.

    What is split today is told apart.

    Args:
        shelf: the store.
        days: ``int64[d]``, ascending, days since 1970, all before `today`.
        today: days since 1970.

    Raises:
        streams.history.errors.HistoryError: the store cannot answer.
    """
    if not len(days):
        return DailyTable(np.zeros(0, "S16"), np.zeros(0, np.int64), np.zeros((5, 0)))
    first, last = int(days[0]), int(days[-1])
    bars = await shelf.ask(lambda history: history.daily(None, first, last))
    bars = under_new_names(bars, await renames(shelf))
    table = DailyTable(bars.symbol, bars.day, bars.values)
    if table.closes_only:
        log.info("daily bars", bars=len(bars.day), closes_only=table.closes_only)
    for one in await splits(shelf, first, today - 1):
        table.split(one.symbol, one.day, one.old / one.new)
    return table
