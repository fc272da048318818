"""What the engine's thread lets others read: numbers of one moment, that never change again. Pure.

Gauges, status page and readiness are read on the event loop while the engine works in its own thread; they look at
the newest `Figures`, which a turn leaves behind, and never at the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.engine.engine import Engine
    from daemon.scoring.judge import Quality


class Figures(NamedTuple):
    """An engine's numbers between two steps.

    Attributes:
        counts: what happened to the bars so far, see `daemon.engine.engine.Counts`.
        now_ms: market time.
        closed_ms: start of the newest closed minute.
        view_ms: newest minute that the model in use has learned, None before the first model.
        symbols: rows taken in the symbol table.
        refused: times that a symbol got no row.
        lapsed: questions dropped unanswered.
        rules: names of those in force.
        quality: how good the score has been.
    """

    counts: Mapping[str, int]
    now_ms: int
    closed_ms: int
    view_ms: int | None
    symbols: int
    refused: int
    lapsed: int
    rules: tuple[str, ...]
    quality: Quality


def of(engine: Engine, before: Figures | None = None) -> Figures:
    """The numbers of `engine` now, in the thread that steps it; about 5 µs.

    Args:
        engine: between two steps.
        before: the last ones of the same engine; the score is judged anew only after a closed minute, for 50 µs.
    """
    counts = msgspec.structs.asdict(engine.counts)
    judged = before is not None and before.counts["minutes"] == counts["minutes"]
    return Figures(
        counts=counts,
        now_ms=engine.barrier.now_ms,
        closed_ms=engine.barrier.closed_ms,
        view_ms=engine.view.minute_ms if engine.view else None,
        symbols=len(engine.symbols),
        refused=engine.symbols.refused,
        lapsed=engine.lapsed,
        rules=tuple(rule.name for rule in engine.plan.rules),
        quality=before.quality if before and judged else engine.judge.quality(),
    )
