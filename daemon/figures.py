"""What the engine's thread lets others read: numbers of one moment, that never change again. Pure.

Gauges, status page and readiness are read on the event loop while the engine works in its own thread; they look at
the newest `Figures`, which a turn leaves behind, and never at the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from indicators.ring import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.engine.engine import Engine
    from daemon.scoring.judge import Quality
    from streams.bars import BarBatch

TURNS = 8
"""Turns whose newest bars are remembered: more than one burst of bars that come late."""


class Figures(NamedTuple):
    """An engine's numbers between two steps.

    Attributes:
        counts: what happened to the bars so far, see `daemon.engine.engine.Counts`.
        disagreed: minutes whose bar differs from what its seconds had built, by field.
        compared: minutes that had second bars to compare with.
        now_ms: market time.
        closed_ms: start of the newest closed minute.
        newest_ms: start of the newest minute that held a bar, 0 before the first.
        came_ms: start of the newest bar of each of the last `TURNS` turns that took bars, the last one last; not
            saved, so that it begins anew with each start.
        view_ms: newest minute that the model in use has learned, None before the first model.
        symbols: rows taken in the symbol table.
        refused: times that a symbol got no row.
        released: rows taken from symbols that are traded no more.
        lapsed: questions dropped unanswered.
        grace_ms: how long after its end the market's minute closes.
        waiting: symbols that wait for what an outage of the feed has hidden.
        kept: bars that are kept for them.
        rules: names of those in force.
        quality: how good the score has been.
    """

    counts: Mapping[str, int]
    disagreed: Mapping[str, int]
    compared: int
    now_ms: int
    closed_ms: int
    newest_ms: int
    came_ms: tuple[int, ...]
    view_ms: int | None
    symbols: int
    refused: int
    released: int
    lapsed: int
    grace_ms: int
    waiting: int
    kept: int
    rules: tuple[str, ...]
    quality: Quality


def of(engine: Engine, before: Figures | None = None, batch: BarBatch | None = None) -> Figures:
    """The numbers of `engine` now, in the thread that steps it; about 5 µs.

    Args:
        engine: between two steps.
        before: the last ones of the same engine; the score is judged anew only after a closed minute, for 50 µs.
        batch: what was taken since.
    """
    counts = msgspec.structs.asdict(engine.counts)
    judged = before is not None and before.counts["minutes"] == counts["minutes"]
    return Figures(
        counts=counts,
        disagreed=dict(zip(FIELDS, engine.disagreed.tolist(), strict=True)),
        compared=engine.compared,
        now_ms=engine.barrier.now_ms,
        closed_ms=engine.barrier.closed_ms,
        newest_ms=engine.barrier.newest_ms,
        came_ms=_came(before.came_ms if before else (), batch),
        view_ms=engine.view.minute_ms if engine.view else None,
        symbols=len(engine.symbols),
        refused=engine.symbols.refused,
        released=engine.released,
        lapsed=engine.learning.lapsed,
        grace_ms=engine.barrier.grace_ms,
        waiting=engine.waiting.count,
        kept=engine.waiting.kept,
        rules=tuple(rule.name for rule in engine.plan.rules),
        quality=before.quality if before and judged else engine.learning.judge.quality(),
    )


def _came(before: tuple[int, ...], batch: BarBatch | None) -> tuple[int, ...]:
    return (*before, int(batch.start_ms.max()))[-TURNS:] if batch and batch.size else before
