"""Symbols that come and go while the engine runs on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.alerts import digest
from daemon.engine.engine import Engine, Settings
from daemon.engine.listings import QUIET_DAYS, Listings
from daemon.engine.plan import Plan
from daemon.engine.sessions import NO_DAY, SessionTable
from streams.bars import MINUTE_MS, SECOND_MS, concat
from tests.daemon.engine.test_engine import DAY, OPEN, Moody, bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from daemon.engine.alerts import Alert
    from streams.bars import BarBatch

RULES = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1] and rank(close) < 99"
cooldown = "5m"

[[rule]]
name = "longer"
where = 'close > sma(2, "5m") and sma(2, "1d") > 0 and gap() > -99'

[[rule]]
name = "spurt"
where = "close > 1.001 * close[1]"
evaluate = "tick"
"""
MORE = '[[rule]]\nname = "new"\nwhere = "close > ema(3)"\n'
FEATURES = ("(high - low) / atr(14)", "rsi(14) / 100")
DAYS = 16


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(300)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(rules.load(RULES, "test.toml"), rules.features(FEATURES))


def engine_of(plan: Plan, sessions: SessionTable, most: int = 64) -> Engine:
    return Engine(plan, sessions, Moody(), Settings(max_symbols=most))


def morning(day: int, symbols: tuple[str, ...], minutes: int = 24, seed: int = 1) -> BarBatch:
    """Minute bars, and second bars of the minute after the last."""
    random = np.random.default_rng((seed, day))
    first = OPEN + day * DAY
    bars = [
        bar(symbol, first + minute * MINUTE_MS, float(random.uniform(40, 60)))
        for minute in range(minutes)
        for symbol in symbols
    ]
    seconds = [
        bar(
            symbol, first + minutes * MINUTE_MS + second * SECOND_MS, float(random.uniform(40, 60)), length_ms=SECOND_MS
        )
        for second in range(3)
        for symbol in symbols
    ]
    return concat(bars + seconds)


def of_row(engine: Engine, symbol: str) -> dict[str, bytes]:
    """All that the engine holds of a symbol, but for its row's number."""
    row = int(engine.symbols.rows(np.array([symbol], "S16"), create=False)[0])
    assert row >= 0
    capacity = engine.watch.capacity
    held: dict[str, bytes] = {}
    for name, array in engine.to_arrays().items():
        for axis in [axis for axis, size in enumerate(array.shape) if size == capacity]:
            held[f"{name}/{axis}"] = np.take(array, row, axis).tobytes()
    return held


def symbols_of(engine: Engine) -> list[str]:
    return [symbol.decode() for symbol in engine.symbols.symbols.tolist()]


def test_a_symbol_is_released_when_the_day_after_ten_silent_ones_begins(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(morning(0, ("A", "GONE", "B")))
    for day in range(1, QUIET_DAYS + 1):
        engine.step(morning(day, ("A", "B"), 2))
    assert symbols_of(engine) == ["A", "GONE", "B"]
    assert not engine.notices
    engine.step(bar("A", OPEN + (QUIET_DAYS + 1) * DAY, 50.0))
    assert symbols_of(engine) == ["A", "", "B"]
    assert engine.released == 1
    (notice,) = engine.notices
    assert notice.kind == "symbols.released"
    assert (notice.fields["count"], notice.fields["names"]) == ("1", "GONE")


def test_holidays_and_weekends_are_no_silent_days(plan: Plan) -> None:
    opens = np.array([OPEN + day * 5 * DAY for day in range(DAYS)])
    engine = engine_of(plan, SessionTable(opens, opens + 390 * MINUTE_MS))
    engine.step(morning(0, ("A", "GONE")))
    for day in range(1, QUIET_DAYS + 1):
        engine.step(morning(5 * day, ("A",), 2))
    assert symbols_of(engine) == ["A", "GONE"]
    engine.step(morning(5 * (QUIET_DAYS + 1), ("A",), 2))
    assert symbols_of(engine) == ["A", ""]


def test_a_row_that_is_used_again_equals_a_fresh_one_in_every_part(plan: Plan, sessions: SessionTable) -> None:
    used, fresh = (Engine(plan, sessions, Untaught(), Settings()) for _ in range(2))
    for engine in (used, fresh):
        engine.step(morning(0, ("A", "GONE", "B"), 40))
        engine.reload(Plan(rules.load(RULES + MORE, "test.toml"), plan.features))
        engine.step(morning(1, ("A", "GONE", "B"), 40))
        engine.step(morning(8, ("A", "B"), 2))
        engine.step(bar("A", OPEN + 13 * DAY, 50.0))
        assert symbols_of(engine) == ["A", "", "B"]
    fresh.symbols._free.clear()  # so that the next symbol gets a row that was never used
    for bars in (bar("NEW", OPEN + 13 * DAY, 50.0), morning(13, ("NEW",)), morning(14, ("NEW", "A"))):
        used.step(bars)
        fresh.step(bars)
        assert [symbols_of(used)[1], symbols_of(fresh)[3]] == ["NEW", "NEW"]
        one, other = of_row(used, "NEW"), of_row(fresh, "NEW")
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []


def test_a_released_row_holds_nothing(plan: Plan, sessions: SessionTable) -> None:
    engine, bare = engine_of(plan, sessions), engine_of(plan, sessions)
    bare._reserve()
    engine.step(morning(0, ("A", "GONE"), 40))
    engine.step(morning(8, ("A",), 2))
    engine.step(bar("A", OPEN + 13 * DAY, 50.0))
    assert symbols_of(engine) == ["A", ""]
    arrays = engine.to_arrays()
    for name, array in bare.to_arrays().items():
        for axis in [axis for axis, size in enumerate(array.shape) if size == bare.watch.capacity]:
            assert np.take(arrays[name], 1, axis).tobytes() == np.take(array, 1, axis).tobytes(), name


def test_a_symbol_that_comes_back_starts_cold(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(morning(0, ("A", "GONE"), 40))
    engine.step(bar("GONE", OPEN + (QUIET_DAYS + 1) * DAY, 50.0))
    row = engine.symbols.rows(np.array(["GONE"], "S16"), create=False)
    assert engine.watch.minutes.count[row].tolist() == [1]


def churn(days: int) -> Iterator[BarBatch]:
    """Each day one symbol more is listed and the oldest is gone."""
    for day in range(days):
        names = [f"S{(day + n) % 1000}" for n in range(8)]
        yield concat([bar(name, OPEN + day * DAY + m * MINUTE_MS, 50.0 + m) for m in range(3) for name in names])


def test_delistings_never_fill_the_table(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions, most=8 + QUIET_DAYS + 1)
    for bars in churn(250):
        engine.step(bars)
    assert engine.symbols.refused == 0
    assert engine.symbols.size <= 8 + QUIET_DAYS + 1
    assert engine.watch.capacity == engine_of(plan, sessions).watch.capacity
    assert engine.released == 250 - 1 - QUIET_DAYS


@pytest.mark.parametrize("cut", [1, 300, 1000, 2500])
def test_state_saved_across_releases_goes_on_bit_for_bit(plan: Plan, sessions: SessionTable, cut: int) -> None:
    bars = weeks()
    whole = engine_of(plan, sessions)
    said = whole.step(bars)
    first = engine_of(plan, sessions)
    before = first.step(bars.take(slice(0, cut)))
    second = engine_of(plan, sessions)
    second.load_arrays(copied(first))
    second.learning._teacher = first.learning._teacher
    assert digest(before + second.step(bars.take(slice(cut, None)))) == digest(said)
    assert_same(second, whole)


@pytest.mark.parametrize("size", [1, 100, 777])
def test_however_bars_are_grouped_releases_are_the_same(plan: Plan, sessions: SessionTable, size: int) -> None:
    bars = weeks()
    whole, parted = engine_of(plan, sessions), engine_of(plan, sessions)
    said = whole.step(bars)
    cuts = [*range(0, bars.size, size), bars.size]
    alerts: list[Alert] = []
    for first, end in pairwise(cuts):
        alerts += parted.step(bars.take(slice(first, end)))
    assert digest(alerts) == digest(said)
    assert whole.released == parted.released > 0
    assert list(whole.notices) == list(parted.notices)
    assert_same(parted, whole)


def weeks() -> BarBatch:
    """Symbols that stop, come back, and are new, over more than three weeks of trading days."""
    traded = {"A": range(26), "B": range(3), "C": (0, 1, 14, 15, 25), "D": range(13, 26), "E": (0, 12, 24)}
    return concat([morning(day, tuple(s for s in traded if day in traded[s]), 20) for day in range(26)])


def copied(engine: Engine) -> dict[str, NDArray[Any]]:
    return {name: array.copy() for name, array in engine.to_arrays().items()}


def assert_same(one: Engine, other: Engine) -> None:
    arrays = other.to_arrays()
    assert one.to_arrays().keys() == arrays.keys()
    assert [name for name, array in one.to_arrays().items() if array.tobytes() != arrays[name].tobytes()] == []


def test_a_state_of_before_this_was_kept_takes_the_last_bar_for_it(plan: Plan, sessions: SessionTable) -> None:
    engine, later = engine_of(plan, sessions), engine_of(plan, sessions)
    engine.step(morning(0, ("A", "B")))
    engine.step(morning(1, ("A",)))
    later.load_arrays({name: array for name, array in copied(engine).items() if not name.startswith("listings/")})
    later.step(bar("A", OPEN + 11 * DAY, 50.0))
    assert symbols_of(later) == ["A", ""]


def test_bars_are_cut_where_a_later_day_begins(sessions: SessionTable) -> None:
    listings = Listings(sessions)
    days = np.array([0, 0, 1, 0, 1, 3])
    today = OPEN // DAY
    assert list(listings.parts(OPEN + days * DAY)) == [
        (slice(0, 2), today),
        (slice(2, 5), today + 1),
        (slice(5, 6), today + 3),
    ]
    listings.begin(today + 3)
    assert list(listings.parts(OPEN + days * DAY)) == [(slice(0, 6), NO_DAY)]
    assert list(listings.parts(np.zeros(0, np.int64))) == [(slice(0, 0), NO_DAY)]


def test_beyond_the_calendar_no_day_begins(sessions: SessionTable) -> None:
    listings = Listings(sessions)
    listings.begin(int(sessions.open_ms[-1]) // DAY)
    assert list(listings.parts(np.array([sessions.end_ms + 50 * DAY]))) == [(slice(0, 1), NO_DAY)]
    assert list(Listings(sessions).parts(np.array([0]))) == [(slice(0, 1), NO_DAY)]
