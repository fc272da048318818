from __future__ import annotations

import math
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from daemon.engine.errors import StateError
from daemon.engine.outcomes import MINUTES, MOST, PEERS, Move, Outcomes
from daemon.engine.sessions import SessionTable
from streams.barfile import open_bars
from streams.bars import MINUTE_MS, concat
from tests.daemon.engine.test_engine import DAY, OPEN, bar, run, wander
from tests.daemon.engine.test_telling import engine_of, planned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.engine.alerts import Alert
    from daemon.engine.engine import Engine
    from daemon.engine.outcomes import Outcome
    from streams.bars import BarBatch

RULES = """
[[rule]]
name = "up"
where = "close > sma(3) and close > close[1]"
cooldown = "20m"

[[rule]]
name = "ahead"
where = "became(pct_rank(roc(3)) > 0.9)"
cooldown = "30m"
"""
CLOSE = OPEN + 390 * MINUTE_MS


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(5)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


def outcomes_of(engine: Engine) -> dict[str, Outcome]:
    return {outcome.id: outcome for outcome in engine.outcomes.finished}


def day_of(symbols: int, first: int, last: int) -> BarBatch:
    """Random walks over some minutes of a day."""
    bars = wander(symbols, last - first)
    shift = first * MINUTE_MS
    return bars._replace(start_ms=bars.start_ms + shift, arrival_ms=bars.arrival_ms + shift)


class Twin:
    """The same from a list of bars, one symbol and one horizon at a time."""

    def __init__(self, bars: BarBatch) -> None:
        self._bars: dict[str, list[Any]] = {}
        for symbol, start, values in zip(bars.symbol.tolist(), bars.start_ms.tolist(), bars.values.T, strict=True):
            self._bars.setdefault(symbol.decode(), []).append((start, *values[1:5].tolist()))

    def move(self, symbol: str, price: float, start_ms: int, minutes: int | None) -> tuple[float, float, float]:
        """Return, highest and lowest price since."""
        until_ms = CLOSE - MINUTE_MS if minutes is None else start_ms + minutes * MINUTE_MS
        seen = [one for one in self._bars[symbol] if start_ms < one[0] <= until_ms]
        highest, lowest = max([price, *(one[1] for one in seen)]), min([price, *(one[2] for one in seen)])
        return (seen[-1][3] if seen else price) / price - 1.0, highest, lowest

    def beside(self, alert: Alert) -> list[str]:
        """Who is drawn."""
        traded = {s: one for s, bars in self._bars.items() for one in bars if one[0] == alert.bar_start_ms}
        turnover = {symbol: one[3] * one[4] for symbol, one in traded.items()}
        pool = sorted(symbol for symbol in traded if turnover[symbol] >= np.median(list(turnover.values())))
        pool = [symbol for symbol in pool if symbol != alert.symbol]
        drawn = []
        for number in range(min(PEERS, len(pool))):
            digest = sha256(f"{alert.id}/{number}".encode()).digest()[:8]
            drawn.append(pool.pop(int.from_bytes(digest, "big") % len(pool)))
        return drawn

    def price(self, symbol: str, start_ms: int) -> float:
        return next(one[3] for one in self._bars[symbol] if one[0] == start_ms)


def checked(alerts: list[Alert], found: dict[str, Outcome], twin: Twin) -> int:
    """Compare every outcome with its twin; returns how many moves there were."""
    moves = 0
    for alert in alerts:
        outcome = found[alert.id]
        assert (outcome.rule, outcome.symbol, outcome.price) == (alert.rule, alert.symbol, alert.price)
        assert list(outcome.random) == twin.beside(alert)
        for symbol, told in {alert.symbol: outcome.moves, **outcome.random}.items():
            price = alert.price if symbol == alert.symbol else twin.price(symbol, alert.bar_start_ms)
            for horizon, move in told.items():
                minutes = None if horizon == "close" else int(horizon.removesuffix("m"))
                forward, highest, lowest = twin.move(symbol, price, alert.bar_start_ms, minutes)
                assert math.isclose(move.forward, forward, abs_tol=1e-12)
                if symbol == alert.symbol and outcome.atr:
                    assert move.best is not None
                    assert move.worst is not None
                    assert math.isclose(move.best, (highest - price) / outcome.atr, abs_tol=1e-9)
                    assert math.isclose(move.worst, (lowest - price) / outcome.atr, abs_tol=1e-9)
                moves += 1
        left = (CLOSE - MINUTE_MS - alert.bar_start_ms) // MINUTE_MS
        assert list(outcome.moves) == [*(f"{m}m" for m in MINUTES if m <= left), *["close"] * (left > 0)]
    return moves


def test_outcomes_are_what_came_after_the_alert(sessions: SessionTable) -> None:
    bars = day_of(9, 300, 390)
    engine = engine_of(planned(RULES), sessions)
    alerts = run(engine, bars, 16)
    late = [alert for alert in alerts if alert.bar_start_ms == CLOSE - MINUTE_MS]
    assert checked([alert for alert in alerts if alert not in late], outcomes_of(engine), Twin(bars)) > 500


def test_on_real_bars_too(sessions: SessionTable, data_file: Callable[[str], Path]) -> None:
    file = open_bars(data_file("minute_2025_01.parquet"), MINUTE_MS)
    bars = concat(list(file.batches(OPEN, CLOSE)))
    chosen = np.isin(bars.symbol, np.unique(bars.symbol)[:20])
    engine = engine_of(planned(RULES), sessions)
    alerts = run(engine, bars.take(chosen), 500)
    known = outcomes_of(engine)
    assert checked([alert for alert in alerts if alert.id in known], known, Twin(bars.take(chosen))) > 500
    assert len(known) > 0.95 * len(alerts)


@pytest.mark.parametrize("cut", [60, 150, 333])
def test_a_stop_and_start_loses_no_outcome(sessions: SessionTable, cut: int) -> None:
    bars, plan = day_of(9, 300, 390), planned(RULES)
    whole = engine_of(plan, sessions)
    run(whole, bars, 16)
    first, second = engine_of(plan, sessions), engine_of(plan, sessions)
    first.step(bars.take(slice(0, cut)))
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    run(second, bars.take(slice(cut, None)), 16)
    assert {**outcomes_of(first), **outcomes_of(second)} == outcomes_of(whole)


def test_what_was_told_before_a_kill_is_followed_all_the_same(sessions: SessionTable) -> None:
    bars, plan = day_of(9, 300, 390), planned(RULES)
    whole, first, second = (engine_of(plan, sessions) for _ in range(3))
    run(whole, bars, 16)
    first.step(bars.take(slice(0, 100)))
    arrays = {name: array.copy() for name, array in first.to_arrays().items()}
    second.load_arrays(arrays)
    second.remember(first.step(bars.take(slice(100, 190))))
    run(second, bars.take(slice(100, None)), 16)
    assert outcomes_of(second).keys() | outcomes_of(first).keys() == outcomes_of(whole).keys()


def test_nothing_depends_on_what_comes_after_a_horizon(sessions: SessionTable) -> None:
    bars, plan = day_of(9, 300, 390), planned(RULES)
    spoilt = bars._replace(values=bars.values.copy())
    after = bars.start_ms >= OPEN + 345 * MINUTE_MS
    spoilt.values[:4, after] *= 3.0
    both = engine_of(plan, sessions), engine_of(plan, sessions)
    for engine, given in zip(both, (bars, spoilt), strict=True):
        run(engine, given, 16)
    clean, other = map(outcomes_of, both)
    early = [one for one in clean.values() if one.bar_start_ms <= OPEN + 329 * MINUTE_MS]
    assert early
    for one in early:
        assert {h: one.moves[h] for h in ("5m", "15m")} == {h: other[one.id].moves[h] for h in ("5m", "15m")}


def test_a_symbol_that_trades_no_more_has_not_moved(sessions: SessionTable) -> None:
    engine = engine_of(planned("[[rule]]\nname = 'up'\nwhere = 'close > 10'"), sessions)
    minutes = [bar("S2", OPEN + n * MINUTE_MS, 5.0) for n in range(1, 388)]
    run(engine, concat([bar("S1", OPEN + 299 * MINUTE_MS, 12.0), *minutes[300:]]), 4)
    (outcome,) = outcomes_of(engine).values()
    assert set(outcome.moves.values()) == {Move(0.0, None, None)}
    assert outcome.random == {}


def test_more_alerts_than_can_be_followed_are_counted(sessions: SessionTable) -> None:
    engine = engine_of(planned("[[rule]]\nname = 'up'\nwhere = 'close > 10'"), sessions)
    run(engine, concat([bar(f"S{n}", OPEN, 12.0) for n in range(MOST + 7)]), 999_999)
    assert (len(engine.outcomes), engine.outcomes.lapsed) == (MOST, 7)


def test_saved_outcomes_that_do_not_fit_are_refused() -> None:
    arrays = Outcomes().to_arrays()
    with pytest.raises(StateError):
        Outcomes().load_arrays({**arrays, "rows": np.zeros((3, 2), np.int64)})
    with pytest.raises(StateError):
        Outcomes().load_arrays({})
