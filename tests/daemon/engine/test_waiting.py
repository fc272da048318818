"""A gap in the feed, mended: the state and the alerts of an unbroken run, however long the gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.errors import StateError
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from daemon.engine.waiting import Waiting
from streams.bars import MINUTE_MS, SECOND_MS, empty
from tests.daemon.engine.test_engine import OPEN, bar, wander

if TYPE_CHECKING:
    from daemon.engine.alerts import Alert
    from streams.bars import BarBatch

RULES = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1] and rsi(14, '5m') between 0 and 100"
cooldown = "5m"

[[rule]]
name = "run"
where = "close > 1.004 * close[2]"
hold = "2m"
"""
MINUTES, SYMBOLS = 200, 9
EQUAL = ("timeframes/1/out/", "timeframes/5/out/", "evaluator/", "telling/episodes/", "days/")
MARKET = 9  # of a bar, what the market's level was, which goes by the bars that were there


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(rules.load(RULES, "test.toml"))


def engine_of(plan: Plan) -> Engine:
    sessions = SessionTable(np.array([OPEN]), np.array([OPEN + 390 * MINUTE_MS]))
    return Engine(plan, sessions, Untaught(), Settings())


def by_minute(engine: Engine, bars: BarBatch, first: int, end: int) -> list[Alert]:
    found: list[Alert] = []
    for minute in range(first, end):
        found += engine.step(bars.take(bars.start_ms == OPEN + minute * MINUTE_MS))
    return found


def state(engine: Engine) -> dict[str, bytes]:
    arrays = {name: array for name, array in engine.to_arrays().items() if name.startswith(EQUAL)}
    return {name: (array[:MARKET] if "bar(" in name else array).tobytes() for name, array in arrays.items()}


def told(alerts: list[Alert]) -> list[tuple[object, ...]]:
    return sorted((one.id, one.symbol, one.bar_start_ms, one.price, tuple(one.values.items())) for one in alerts)


@pytest.mark.parametrize(("first", "end", "mended"), [(60, 61, 62), (60, 63, 66), (60, 75, 75), (40, 130, 160)])
def test_after_a_gap_is_mended_all_is_as_in_an_unbroken_run(plan: Plan, first: int, end: int, mended: int) -> None:
    bars = wander(SYMBOLS, MINUTES)
    whole, broken = engine_of(plan), engine_of(plan)
    expected = by_minute(whole, bars, 0, MINUTES) + whole.advance(2**60)
    found = by_minute(broken, bars, 0, first)
    assert broken.suspend(OPEN + (end - 1) * MINUTE_MS) == SYMBOLS
    waiting = by_minute(broken, bars, end, mended)
    assert waiting == []
    hidden = bars.take((bars.start_ms >= OPEN + first * MINUTE_MS) & (bars.start_ms < OPEN + end * MINUTE_MS))
    names, now_ms = np.unique(bars.symbol), OPEN + mended * MINUTE_MS
    late = []
    for part in (names[5:], names[:5]):
        missing = hidden.take(np.isin(hidden.symbol, part))
        late += broken.mend(part, missing.take(np.random.default_rng(3).permutation(missing.size)), now_ms)
    assert all(alert.late for alert in late if alert.bar_start_ms < OPEN + (mended - 2) * MINUTE_MS)
    found += [*late, *by_minute(broken, bars, mended, MINUTES), *broken.advance(2**60)]
    assert state(broken) == state(whole)
    assert told(found) == told(expected)
    assert len(late) > 0
    assert (broken.waiting.count, broken.waiting.kept) == (0, 0)


def test_nothing_stands_in_for_a_minute_of_which_only_some_seconds_came(plan: Plan) -> None:
    engine = engine_of(plan)
    engine.step(bar("A", OPEN, 50.0))
    engine.step(bar("A", OPEN + MINUTE_MS, 51.0, length_ms=SECOND_MS))
    engine.suspend(OPEN + 2 * MINUTE_MS)
    engine.step(bar("A", OPEN + 3 * MINUTE_MS + SECOND_MS, 55.0, length_ms=SECOND_MS))
    engine.advance(OPEN + 10 * MINUTE_MS)
    assert (engine.counts.stood_in, engine.waiting.shed) == (0, 1)
    engine.mend(np.array([b"A"], "S16"), empty(), OPEN + 10 * MINUTE_MS)
    assert int(engine.watch.minutes.count[0]) == 1


def test_of_a_bar_that_came_both_ways_that_of_the_feed_counts(plan: Plan) -> None:
    engine = engine_of(plan)
    engine.step(bar("A", OPEN, 50.0))
    engine.suspend(OPEN + 2 * MINUTE_MS)
    engine.step(bar("A", OPEN + 2 * MINUTE_MS, 52.0))
    engine.mend(np.array([b"A"], "S16"), bar("A", OPEN + 2 * MINUTE_MS, 60.0), OPEN + 3 * MINUTE_MS)
    rows = np.zeros(1, np.int64)
    assert (int(engine.watch.minutes.count[0]), float(engine.watch.minutes.bar("close", rows)[0])) == (2, 52.0)


def test_whoever_has_the_newest_bar_of_the_gap_does_not_wait(plan: Plan) -> None:
    engine = engine_of(plan)
    for name, minute in (("A", 0), ("B", 1)):
        engine.step(bar(name, OPEN + minute * MINUTE_MS, 50.0))
    assert engine.suspend(OPEN + MINUTE_MS) == 1
    engine.step(bar("B", OPEN + 2 * MINUTE_MS, 51.0))
    assert engine.counts.bars == 3


def test_who_waits_survives_a_restart(plan: Plan) -> None:
    bars = wander(SYMBOLS, MINUTES)
    first, second, whole = engine_of(plan), engine_of(plan), engine_of(plan)
    by_minute(first, bars, 0, 60)
    first.suspend(OPEN + 63 * MINUTE_MS)
    by_minute(first, bars, 64, 70)
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    by_minute(second, bars, 70, 80)
    hidden = bars.take((bars.start_ms >= OPEN + 60 * MINUTE_MS) & (bars.start_ms < OPEN + 64 * MINUTE_MS))
    second.mend(np.unique(bars.symbol), hidden, OPEN + 80 * MINUTE_MS)
    by_minute(whole, bars, 0, 80)
    assert state(second) == state(whole)


def test_what_is_kept_is_bounded_and_what_is_lost_is_counted() -> None:
    waiting, bars = Waiting(most=3), wander(1, 10)
    waiting.reserve(4)
    waiting.begin(np.array([2]))
    rows = np.full(bars.size, 2)
    assert not waiting.keep(bars, rows).any()
    assert (waiting.kept, waiting.lost) == (3, bars.size - 3)
    assert waiting.end(np.array([2])).size == 3
    assert waiting.keep(bars, rows).all()


@pytest.mark.parametrize("name", ["rows", "own", "values", "start_ms"])
def test_arrays_that_do_not_fit_are_refused(name: str) -> None:
    waiting, bars = Waiting(), wander(1, 5)
    waiting.reserve(4)
    waiting.begin(np.array([2]))
    waiting.keep(bars, np.full(bars.size, 2))
    arrays = waiting.to_arrays()
    Waiting().load_arrays(arrays)
    for wrong in (arrays[name][..., :2], arrays[name].astype(np.float32)):
        with pytest.raises(StateError):
            Waiting().load_arrays({**arrays, name: wrong})
    with pytest.raises(StateError):
        Waiting().load_arrays({**arrays, "own": arrays["own"] + 7})
