"""Splits and renames between two days, told to a running engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.assembly import Untaught
from daemon.engine import rules
from daemon.engine.days import DailyTable
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS, concat
from tests.daemon.engine.test_engine import DAY, OPEN, bar
from tests.daemon.engine.test_listings import assert_same, copied, of_row, symbols_of

if TYPE_CHECKING:
    from streams.bars import BarBatch

WATCHED = ("gap()", "change()", 'sma(2, "1d")', 'atr(2, "1d")', "sma(3)", 'sma(1, "5m")', "session_high()")
RULES = "[[rule]]\nname = 'open'\nwhere = 'close > 0'\n[[rule]]\nname = 'up'\nwhere = 'close > close[1]'\n"
TODAY = OPEN // DAY
SPLIT = 2


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(30)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(rules.load(RULES, "test.toml"), rules.features(WATCHED))


@pytest.fixture(params=["no file", "a file that ended", "a file"])
def engine(request: pytest.FixtureRequest, plan: Plan, sessions: SessionTable) -> Engine:
    """A splits four for one on day 2; T is A as if that had long been so."""
    days = {"no file": [], "a file that ended": [-3, -2, -1, 0], "a file": [-3, -2, -1, 0, 1, 2, 3]}[request.param]
    return engine_of(plan, sessions, official({"A": 4.0, "T": 1.0}, days))


def official(factor: dict[str, float], days: list[int]) -> DailyTable:
    """Daily bars of some days from the present one, of symbols whose prices are so many times those of T."""
    bars = [
        (symbol, TODAY + day, np.append(times * np.array([50.0, 53.0, 49.0, closes(day)]), 8000.0 / times))
        for symbol, before in sorted(factor.items())
        for day, times in ((day, before if day < SPLIT else 1.0) for day in days)
    ]
    symbols, dates = np.array([s for s, *_ in bars], "S16"), np.array([d for _, d, _ in bars], np.int64)
    return DailyTable(symbols, dates, np.array([v for *_, v in bars]).reshape(-1, 5).T)


def closes(day: int) -> float:
    return 51.0 + 0.25 * day


def engine_of(plan: Plan, sessions: SessionTable, daily: DailyTable | None = None) -> Engine:
    return Engine(plan, sessions, Untaught(), Settings(daily=daily) if daily else Settings())


def day_of(day: int, factor: dict[str, float], minutes: int = 20) -> BarBatch:
    """A morning, and the auction."""
    random = np.random.default_rng(day)
    at = [OPEN + day * DAY + minute * MINUTE_MS for minute in (*range(minutes), 390)]
    prices = [*(50.0 + 4.0 * random.random(minutes)), closes(day)]
    return concat([bar(s, ms, x * price) for ms, price in zip(at, prices, strict=True) for s, x in factor.items()])


def values_of(engine: Engine, symbol: str) -> list[float]:
    return engine.learning.features[int(engine.symbols.rows(np.array([symbol], "S16"), create=False)[0])].tolist()


BEFORE, AFTER = {"A": 4.0, "T": 1.0}, {"A": 1.0, "T": 1.0}


def test_after_a_split_the_close_before_and_daily_values_are_in_new_shares(engine: Engine) -> None:
    for day in range(2):
        engine.step(day_of(day, BEFORE))
    assert engine.split("A", 1, 4, TODAY + SPLIT)
    for one in (day_of(2, AFTER), day_of(3, AFTER)):
        engine.step(one.take(slice(0, 2)))
        of_a, of_t = values_of(engine, "A"), values_of(engine, "T")
        assert of_a[:2] == of_t[:2]
        assert not np.isnan(of_a[0])
        engine.step(one.take(slice(2, None)))
    np.testing.assert_allclose(values_of(engine, "A")[2], values_of(engine, "T")[2])
    kinds = [(notice.kind, dict(notice.fields)["symbol"]) for notice in engine.notices]
    assert kinds == [("symbol.split", "A")]


def test_daily_history_of_a_file_is_told_in_new_shares_and_minutes_begin_anew(
    plan: Plan, sessions: SessionTable
) -> None:
    engine = engine_of(plan, sessions, official(BEFORE, [-3, -2, -1, 0, 1]))
    for day in range(2):
        engine.step(day_of(day, BEFORE))
    engine.split("A", 1, 4, TODAY + SPLIT)
    engine.step(day_of(2, AFTER).take(slice(0, 2)))
    of_a, of_t = values_of(engine, "A"), values_of(engine, "T")
    np.testing.assert_allclose(of_a[:4], of_t[:4])
    assert np.isnan(of_a[4:6]).all()
    assert not np.isnan(of_t[4:6]).any()
    assert of_a[6] == of_t[6]


def test_between_split_and_first_bar_a_stop_and_start_changes_nothing(engine: Engine, plan: Plan) -> None:
    engine.step(concat([day_of(0, BEFORE), day_of(1, BEFORE)]))
    engine.split("A", 1, 4, TODAY + SPLIT)
    again = Engine(plan, engine._sessions, Untaught(), engine._settings)
    again.load_arrays(copied(engine))
    assert not again.split("A", 1, 4, TODAY + SPLIT)
    assert_same(again, engine)
    for each in (again, engine):
        each.step(concat([day_of(2, AFTER), day_of(3, AFTER)]))
    assert_same(again, engine)


def test_a_split_is_made_once_and_not_after_the_first_bar_of_its_day(engine: Engine) -> None:
    engine.step(concat([day_of(0, BEFORE), day_of(1, BEFORE)]))
    assert engine.split("A", 1, 4, TODAY + SPLIT)
    assert not engine.split("A", 1, 4, TODAY + SPLIT)
    assert not engine.split("A", 1, 4, TODAY + 1)
    assert len(engine.notices) == 1
    engine.step(day_of(2, AFTER).take(slice(0, 2)))
    assert values_of(engine, "A")[:2] == values_of(engine, "T")[:2]


def test_a_split_of_a_symbol_without_a_row_counts_when_it_comes(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions, official(BEFORE, [-2, -1, 0]))
    assert not engine.split("A", 1, 4, TODAY + 1)
    assert not engine.notices
    engine.step(day_of(1, AFTER).take(slice(0, 2)))
    assert values_of(engine, "A") == pytest.approx(values_of(engine, "T"), nan_ok=True)


def test_a_split_and_a_rename_in_one_engine_are_none_in_another_with_the_same_table(
    plan: Plan, sessions: SessionTable
) -> None:
    table = official(BEFORE, [-2, -1, 0])
    engine, other = engine_of(plan, sessions, table), engine_of(plan, sessions, table)
    engine.split("A", 1, 4, TODAY + 1)
    engine.rename("T", "B")
    other.step(day_of(1, BEFORE | {"B": 1.0}).take(slice(0, 3)))
    assert values_of(other, "A")[:2] == values_of(other, "T")[:2]
    assert np.isnan(values_of(other, "B")[0])


@pytest.mark.parametrize("shares", [(0, 4), (1, 0), (-1, 4), (1, float("nan")), (float("inf"), 1)])
def test_shares_that_make_no_sense_are_refused(plan: Plan, sessions: SessionTable, shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"A: .* shares"):
        engine_of(plan, sessions).split("A", *shares, TODAY)


def test_a_renamed_symbol_goes_on_in_its_row(plan: Plan, sessions: SessionTable) -> None:
    table = official(BEFORE, [-2, -1, 0])
    one, other = engine_of(plan, sessions, table), engine_of(plan, sessions, official(BEFORE, [-2, -1, 0]))
    for engine in (one, other):
        engine.step(day_of(0, BEFORE))
    assert one.rename("A", "NEWNAME")
    assert symbols_of(one) == ["NEWNAME", "T"]
    later = day_of(1, BEFORE)
    other.step(later)
    renamed = later._replace(symbol=np.where(later.symbol == b"A", b"NEWNAME", later.symbol))
    assert {alert.symbol for alert in one.step(renamed)} == {"NEWNAME", "T"}
    assert of_row(one, "NEWNAME") == of_row(other, "A")
    assert [notice.kind for notice in one.notices] == ["symbol.renamed"]


def test_official_days_under_the_old_name_are_those_of_the_new_one(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions, official(BEFORE, [-2, -1, 0]))
    assert not engine.rename("A", "B")  # no row yet
    engine.step(day_of(1, {"B": 4.0, "T": 1.0}).take(slice(0, 2)))
    assert values_of(engine, "B")[:2] == values_of(engine, "T")[:2]


def test_a_name_that_is_taken_or_cannot_be_one_is_given_to_nobody(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(day_of(0, BEFORE))
    before = copied(engine)
    assert not engine.rename("A", "T")
    assert not engine.rename("Q", "R")
    for name in ("", "SEVENTEEN-LETTERS", "ÄÖ"):
        with pytest.raises(ValueError, match="16"):
            engine.rename("A", name)
    assert [key for key, array in engine.to_arrays().items() if array.tobytes() != before[key].tobytes()] == []
    assert not engine.notices


def test_a_released_name_may_come_back_by_a_rename(plan: Plan, sessions: SessionTable) -> None:
    engine = engine_of(plan, sessions)
    engine.step(day_of(0, BEFORE))
    engine.step(concat([day_of(5, {"T": 1.0}), day_of(12, {"T": 1.0})]))
    assert symbols_of(engine) == ["", "T"]
    assert engine.rename("T", "A")
    engine.step(day_of(13, {"A": 1.0, "T": 1.0}))
    assert symbols_of(engine) == ["T", "A"]
