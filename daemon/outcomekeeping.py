"""Outcomes as rows of the history, and back. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.engine.outcomes import HORIZONS, MINUTES, Move, Outcome
from streams.history.tables import OUTCOMES, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

LENGTHS: Final = dict(zip(HORIZONS, (*MINUTES, 0), strict=True))
"""Minutes of a horizon, 0 for that to the close."""
NAMES: Final = {minutes: name for name, minutes in LENGTHS.items()}


def rows_of(outcomes: Sequence[Outcome]) -> pa.Table:
    """As rows of `streams.history.tables.OUTCOMES`."""
    return rows(OUTCOMES, [row for one in outcomes for row in _rows(one)])


def outcomes_of(table: pa.Table, alerts: Mapping[str, tuple[str, str]]) -> list[Outcome]:
    """Outcomes from such rows, as far as judging needs them: without price and ATR.

    Args:
        table: rows of any alerts.
        alerts: rule and symbol by id; rows of others are left out.
    """
    moves: dict[str, dict[str, dict[str, Move]]] = {}
    starts_ms: dict[str, int] = {}
    for row in table.to_pylist():
        if row["id"] in alerts and row["horizon_minutes"] in NAMES:
            starts_ms[row["id"]] = row["bar_start_ms"]
            of = moves.setdefault(row["id"], {}).setdefault(row["symbol"], {})
            of[NAMES[row["horizon_minutes"]]] = Move(row["forward_return"], row["best"], row["worst"])
    return [_outcome(alert, *alerts[alert], starts_ms[alert], found) for alert, found in moves.items()]


def _outcome(alert: str, rule: str, symbol: str, start_ms: int, moves: dict[str, dict[str, Move]]) -> Outcome:
    beside = {other: move for other, move in moves.items() if other != symbol}
    own = moves.get(symbol, {})
    return Outcome(alert, rule, "", symbol, start_ms, price=float("nan"), atr=None, moves=own, random=beside)


def _rows(one: Outcome) -> Iterator[tuple[object, ...]]:
    for symbol, moves in {one.symbol: one.moves, **one.random}.items():
        for name, move in moves.items():
            control = symbol != one.symbol
            yield one.id, LENGTHS[name], symbol, one.bar_start_ms, control, move.forward, move.best, move.worst
