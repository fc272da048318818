"""Weeks without a restart: what belongs to a day or a session is as if the engine had been started that morning."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.days import DailyTable
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS, concat, empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.bars import BarBatch

NEW_YORK = ZoneInfo("America/New_York")
HOLIDAY = date(2026, 3, 5)
HALF = date(2026, 3, 4)
DATES = [day for day in (date(2026, 2, 26) + timedelta(n) for n in range(19)) if day.weekday() < 5 and day != HOLIDAY]
"""Two weekends, a holiday, a half day, and the clock change of 2026-03-08."""

WATCHED = (
    "gap()",
    "change()",
    "opening_range(5).high",
    "opening_range(5).low",
    "session_high()",
    "session_low()",
    "session_open()",
    "session_volume()",
    "bars_in_session()",
    "bars_since_high()",
    "day_range_position()",
    "vwap()",
    "minutes_since_open",
    'sma(2, "1d")',
    'atr(3, "1d")',
)
RULES = """
[[rule]]
name = "daily"
where = "close > 0 and minutes_since_open == 3"
cooldown = "20h"

[[rule]]
name = "slow"
where = "close > 0 and minutes_since_open == 3"
cooldown = "40h"

[[rule]]
name = "open"
where = 'session == "regular"'
"""
SYMBOLS = ("A", "B", "C")


def at_ms(day: date, hour: int, minute: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK).timestamp()) * 1000


def sessions_of(dates: list[date]) -> SessionTable:
    opens = np.array([at_ms(day, 9, 30) for day in dates])
    return SessionTable(opens, np.array([at_ms(day, 13 if day == HALF else 16) for day in dates]))


def number_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def bar(symbol: str, start_ms: int, close: float, volume: float = 100.0) -> BarBatch:
    batch = empty(1)
    batch.symbol[0] = symbol.encode()
    batch.start_ms[0], batch.length_ms[0], batch.arrival_ms[0] = start_ms, MINUTE_MS, start_ms + MINUTE_MS
    batch.values[:6, 0] = [close - 0.05, close + 0.1, close - 0.1, close, volume, np.nan]
    return batch


def bars_of(day: date) -> BarBatch:
    """Some minutes before the open, after it, before the close, and after hours; C trades on every other day."""
    random = np.random.default_rng(day.toordinal())
    open_ms, close_ms = at_ms(day, 9, 30), at_ms(day, 13 if day == HALF else 16)
    minutes = [
        *range(open_ms - 3 * MINUTE_MS, open_ms + 12 * MINUTE_MS, MINUTE_MS),
        *range(close_ms - 3 * MINUTE_MS, close_ms + 2 * MINUTE_MS, MINUTE_MS),
    ]
    traded = SYMBOLS if day.toordinal() % 2 else SYMBOLS[:2]
    return concat(
        [
            bar(symbol, start_ms, float(random.uniform(40, 60)), float(random.integers(1, 1000)))
            for start_ms in minutes
            for symbol in traded
        ]
    )


def singly(bars: BarBatch) -> Iterator[BarBatch]:
    return (bars.take(slice(at, at + 1)) for at in range(bars.size))


def daily_of(bars: BarBatch, dates: list[date]) -> DailyTable:
    """What the exchange would publish of these bars: the regular session, closed by the auction's price."""
    found: list[tuple[bytes, int, list[float]]] = []
    for symbol in np.unique(bars.symbol).tolist():
        for day in dates:
            open_ms, close_ms = at_ms(day, 9, 30), at_ms(day, 13 if day == HALF else 16)
            of_day = (bars.symbol == symbol) & (bars.start_ms >= open_ms)
            regular = bars.values[:, of_day & (bars.start_ms < close_ms)]
            auction = bars.values[0, of_day & (bars.start_ms == close_ms)]
            if regular.size:
                values = [regular[0, 0], regular[1].max(), regular[2].min(), auction[0], regular[4].sum()]
                found.append((symbol, number_of(day), values))
    values = np.array([values for *_, values in found]).T
    return DailyTable(np.array([s for s, *_ in found], "S16"), np.array([d for _, d, _ in found], np.int64), values)


def engine_of(plan: Plan, daily: DailyTable | None = None) -> Engine:
    return Engine(plan, sessions_of(DATES), Untaught(), Settings(daily=daily) if daily else Settings())


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(rules.load(RULES, "day.toml"), rules.features(WATCHED))


def values_of(engine: Engine, symbol: str) -> np.ndarray:
    row = int(engine.symbols.rows(np.array([symbol], "S16"), create=False)[0])
    return engine.learning.features[row]


@pytest.mark.parametrize("known", [0, 2, len(DATES)], ids=["no file", "a file that ended", "a file"])
def test_each_day_is_that_of_an_engine_started_in_the_morning(plan: Plan, known: int) -> None:
    every = concat([bars_of(day) for day in DATES])
    daily = daily_of(every, DATES[:known]) if known else None
    running = engine_of(plan, daily)
    for number, day in enumerate(DATES):
        morning = engine_of(plan, daily_of(every, DATES[:number])) if number else engine_of(plan)
        for one in singly(bars_of(day)):
            running.step(one)
            morning.step(one)
            if number:
                symbol = one.symbol[0].decode()
                np.testing.assert_allclose(
                    values_of(running, symbol), values_of(morning, symbol), rtol=1e-12, err_msg=f"{day} {symbol}"
                )


def test_cooldowns_and_episodes_go_by_market_time_across_days(plan: Plan) -> None:
    engine = engine_of(plan)
    alerts = [a for day in DATES for a in engine.step(bars_of(day)) if a.symbol == "A"]
    told = {
        rule: [datetime.fromtimestamp(a.bar_start_ms / 1000, NEW_YORK) for a in alerts if a.rule == rule]
        for rule in ("daily", "slow", "open")
    }
    assert [at.date() for at in told["daily"]] == DATES
    assert {(at.hour, at.minute) for at in told["daily"]} == {(9, 33)}
    assert [at.date() for at in told["open"]] == DATES
    assert {(at.hour, at.minute) for at in told["open"]} == {(9, 30)}
    assert all(later - at >= timedelta(hours=40) for at, later in zip(told["slow"], told["slow"][1:], strict=False))
    assert len(told["slow"]) > len(DATES) / 2 - 1


def test_the_market_moves_within_sessions_only(plan: Plan) -> None:
    engine = engine_of(plan)
    for day in DATES:
        before = engine.watch.market.level
        fresh = engine_of(plan)
        bars = bars_of(day)
        engine.step(bars)
        engine.advance(int(bars.start_ms[-1]) + 3 * MINUTE_MS)
        fresh.step(bars)
        fresh.advance(int(bars.start_ms[-1]) + 3 * MINUTE_MS)
        assert engine.watch.market.level / before == pytest.approx(fresh.watch.market.level)
