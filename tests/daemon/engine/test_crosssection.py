"""Rules and features on ranks, breadth and means of the market: taken at the barrier, frozen until the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from daemon.engine import rules
from daemon.engine.alerts import digest
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan, When
from daemon.engine.sectors import Sectors
from daemon.engine.sessions import SessionTable
from daemon.sectorfile import read
from streams.bars import MINUTE_MS, SECOND_MS, concat, empty
from tests.daemon.engine.test_engine import DAY, OPEN, Moody, bar, run, wander

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.engine.alerts import Alert
    from streams.bars import BarBatch

SECTORS = Sectors({"S1": "Energy", "S2": "Energy", "S3": "Utilities"})
RULES = """
[[rule]]
name = "top"
where = "rank(roc(3)) <= 2 and close > 1"

[[rule]]
name = "crosses"
on = "crosses_above(pct_rank(close / close[1]), 0.8)"
where = "breadth(close > close[1]) > 0.3 and zscore(volume, by='sector') != 0"
cooldown = "3m"

[[rule]]
name = "own"
where = "close > close[1]"
"""


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    opens = np.array([OPEN + day * DAY for day in range(30)])
    return SessionTable(opens, opens + 390 * MINUTE_MS)


def plan_of(text: str = RULES, features: tuple[str, ...] = ("roc(2)", "rank(close)")) -> Plan:
    return Plan(rules.load(text, "test.toml"), rules.features(features))


def one(where: str) -> Plan:
    return plan_of(f'[[rule]]\nname = "one"\nwhere = """{where}"""\n')


def engine_of(plan: Plan, sessions: SessionTable) -> Engine:
    return Engine(plan, sessions, Moody(), Settings(sectors=SECTORS))


def minute(number: int, **closes: float) -> BarBatch:
    return concat([bar(symbol, OPEN + number * MINUTE_MS, close) for symbol, close in closes.items()])


def told(engine: Engine, *batches: BarBatch) -> list[Alert]:
    """Alerts of all minutes, each closed."""
    alerts = [alert for batch in batches for alert in engine.step(batch)]
    return alerts + engine.advance(int(batches[-1].start_ms.max()) + 2 * MINUTE_MS)


def frozen(engine: Engine, text: str) -> list[float]:
    return engine.to_arrays()[f"evaluator/frozen/{text}"][: len(engine.symbols)].tolist()


def test_a_rule_that_names_a_cross_section_runs_when_the_minute_closes_and_others_at_the_bar(
    sessions: SessionTable,
) -> None:
    engine = engine_of(plan_of(RULES.replace("roc(3)", "close")), sessions)
    told(engine, minute(0, S1=1.0, S2=2.0, S3=3.0))
    assert {alert.rule for alert in engine.step(minute(1, S1=10.0, S2=9.0, S3=8.0))} == {"own"}
    assert engine.advance(OPEN + 2 * MINUTE_MS + 4_999) == []
    alerts = engine.advance(OPEN + 2 * MINUTE_MS + 5_000)
    assert [(alert.symbol, alert.rule) for alert in alerts] == [("S1", "top")]
    assert alerts[0].values == {"rank(close)": 1.0, "close": 10.0}
    assert (alerts[0].bar_start_ms, alerts[0].late) == (OPEN + MINUTE_MS, False)
    assert alerts[0].times.received_ms == OPEN + 2 * MINUTE_MS + 5_000


def test_alerts_of_the_barrier_come_by_row_then_by_rule(sessions: SessionTable) -> None:
    text = "".join(f'[[rule]]\nname = "{name}"\nwhere = "rank(close) < 9"\n' for name in "zab")
    alerts = told(engine_of(plan_of(text), sessions), minute(0, S3=1.0, S1=3.0))
    assert [(alert.symbol, alert.rule) for alert in alerts] == [(s, r) for s in ("S3", "S1") for r in "zab"]


def test_look_back_at_the_barrier_is_at_the_bar_before(sessions: SessionTable) -> None:
    plan = one("close[1] > 0 and close[2] > 0 and rank(close)[1] > 0 and rank(close[1]) > 0 and rank(close) > 0")
    alerts = told(
        engine_of(plan, sessions),
        minute(0, S1=1.0, S2=5.0, S3=3.0),
        minute(1, S1=4.0, S2=2.0, S3=3.0),
        minute(2, S1=7.0, S2=8.0),
    )
    assert [alert.values for alert in alerts] == [
        {"close[1]": 4.0, "close[2]": 1.0, "rank(close)[1]": 1.0, "rank(close[1])": 1.0, "rank(close)": 2.0},
        {"close[1]": 2.0, "close[2]": 5.0, "rank(close)[1]": 3.0, "rank(close[1])": 3.0, "rank(close)": 1.0},
    ]


def test_a_quiet_symbol_takes_part_with_its_last_bar_and_is_not_alerted(sessions: SessionTable) -> None:
    engine = engine_of(one("rank(close) < 9"), sessions)
    alerts = told(engine, minute(0, S1=1.0, S2=5.0), minute(1, S1=9.0))
    assert frozen(engine, "rank(close)") == [1.0, 2.0]
    assert [(alert.symbol, alert.bar_start_ms) for alert in alerts] == [("S1", OPEN), ("S2", OPEN)]


def test_what_has_not_traded_in_this_session_takes_no_part(sessions: SessionTable) -> None:
    engine = engine_of(one("rank(close) > 0"), sessions)
    told(engine, minute(-5, S1=1.0, S2=5.0), minute(3, S2=4.0))
    assert frozen(engine, "rank(close)")[1] == 1.0
    assert np.isnan(frozen(engine, "rank(close)")[0])


def test_what_is_not_known_is_counted_nowhere(sessions: SessionTable) -> None:
    engine = engine_of(one("breadth(close > sma(2)) > 2 or not breadth(close <= sma(2)) < 0.2"), sessions)
    told(engine, minute(0, S1=1.0, S2=5.0, S3=1.0), minute(1, S1=2.0, S2=4.0, S4=9.0, S3=3.0))
    assert frozen(engine, "breadth(close > sma(2))") == [2 / 3] * 4


def test_sectors_are_compared_each_by_itself_the_unknown_ones_together(sessions: SessionTable) -> None:
    engine = engine_of(one("sector_mean(close) > 0 and rank(close, by='sector') > 0"), sessions)
    told(engine, minute(0, S1=1.0, S4=5.0, S2=3.0, S3=7.0, S5=9.0))
    assert frozen(engine, "sector_mean(close)") == [2.0, 7.0, 2.0, 7.0, 7.0]
    assert frozen(engine, 'rank(close, by="sector")') == [2.0, 2.0, 1.0, 1.0, 1.0]


def test_features_read_what_was_frozen_last(sessions: SessionTable) -> None:
    engine = engine_of(plan_of("", ("rank(close)", "close")), sessions)
    seen = []
    for number in range(3):
        engine.step(minute(number, S1=float(number), S2=1.5))
        seen.append(engine.to_arrays()["engine/features"][:2, 0].tolist())
    assert np.isnan(seen[0]).all()
    assert seen[1:] == [[2.0, 1.0], [2.0, 1.0]]


def test_a_bar_sees_the_level_of_the_market_at_the_close_of_the_bar_before(sessions: SessionTable) -> None:
    engine, row = engine_of(plan_of(""), sessions), np.array([0])
    for number, close in enumerate((10.0, 11.0, 11.0)):
        engine.step(minute(number, S1=close))
    outside = engine.watch._outside(row)
    assert np.isnan(outside).all()  # minute 2 has not closed
    engine.advance(OPEN + 3 * MINUTE_MS + 5_000)
    assert np.isnan(engine.watch._outside(row)[0])
    assert engine.watch._outside(row)[1] == engine.watch.market.level == pytest.approx(1.1)


def test_a_late_bar_leaves_the_frozen_minute_alone(sessions: SessionTable) -> None:
    engine = engine_of(one("rank(close) > 0"), sessions)
    told(engine, minute(0, S1=1.0, S2=5.0), minute(1, S1=9.0))
    before = frozen(engine, "rank(close)")
    assert engine.step(minute(1, S2=50.0)) == []
    assert frozen(engine, "rank(close)") == before
    assert engine.counts.late == 1


def test_a_stand_in_takes_part_in_its_minute(sessions: SessionTable) -> None:
    engine = engine_of(one("rank(close) == 1"), sessions)
    engine.step(minute(0, S1=1.0, S2=5.0))
    engine.step(bar("S1", OPEN + MINUTE_MS, 8.0, length_ms=SECOND_MS))
    alerts = engine.step(minute(1, S2=5.0)) + engine.advance(OPEN + 3 * MINUTE_MS)
    assert [(alert.symbol, alert.bar_start_ms) for alert in alerts] == [("S2", OPEN), ("S1", OPEN + MINUTE_MS)]


def test_an_episode_of_the_barrier_is_not_ended_by_bars(sessions: SessionTable) -> None:
    engine = engine_of(one("rank(close) == 1"), sessions)
    alerts = told(engine, *(minute(number, S1=1.0, S2=5.0) for number in range(5)))
    assert [alert.bar_start_ms for alert in alerts] == [OPEN]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_however_bars_are_grouped_the_alerts_are_the_same(sessions: SessionTable, size: int) -> None:
    bars = wander(9, 90)
    whole = run(engine_of(plan_of(), sessions), bars, bars.size)
    assert {alert.rule for alert in whole} == {"top", "crosses", "own"}
    assert digest(run(engine_of(plan_of(), sessions), bars, size)) == digest(whole)


@pytest.mark.parametrize("cut", [1, 100, 333, 500])
def test_a_stop_and_start_between_any_two_bars_changes_nothing(sessions: SessionTable, cut: int) -> None:
    bars = wander(9, 90)
    whole = run(engine_of(plan_of(), sessions), bars, bars.size)
    first = engine_of(plan_of(), sessions)
    before = first.step(bars.take(slice(0, cut)))
    second = Engine(plan_of(), sessions, first.learning._teacher, Settings(sectors=SECTORS))
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    for name, array in first.to_arrays().items():
        assert array.tobytes() == second.to_arrays()[name].tobytes(), name
    assert digest(before + run(second, bars.take(slice(cut, None)), 50)) == digest(whole)


def test_a_reload_keeps_the_cross_sections_that_both_rule_files_name(sessions: SessionTable) -> None:
    engine = engine_of(plan_of(), sessions)
    told(engine, minute(0, S1=1.0, S2=5.0))
    engine.reload(plan_of('[[rule]]\nname = "new"\nwhere = "rank(open) > rank(close)"\n'))
    assert frozen(engine, "rank(close)") == [2.0, 1.0]
    assert np.isnan(frozen(engine, "rank(open)")).all()


def test_rules_are_evaluated_at_one_moment_or_on_forming_bars_too() -> None:
    text = '[[rule]]\nname = "a"\nwhere = "rank(close) > 1"\n[[rule]]\nname = "b"\nwhere = "close > 1"\nevaluate="tick"'
    judged = {when.value: flags.tolist() for when, flags in plan_of(text).judged.items()}
    assert judged == {"forming": [False, True], "closed": [False, True], "barrier": [True, False]}
    assert set(judged) == {when.value for when in When}


def test_a_cross_section_is_refused_on_forming_bars() -> None:
    text = '[[rule]]\nname = "a"\non = "crosses_above(rank(close), 5)"\nevaluate = "tick"\n'
    with pytest.raises(rules.RuleErrors, match="4:13: a cross-section is taken when the market's minute closes"):
        rules.load(text, "r.toml")


REAL_RULES = """
[[rule]]
name = "leaders"
where = "rank(roc(15)) <= 5 and market_return(15) > -100"

[[rule]]
name = "apart"
where = "breadth(close > vwap()) > 0 and zscore(roc(15), by='sector') > 2 and sector_mean(roc(5)) > -100"
"""
REAL_OPEN = 1_737_729_000_000  # 2025-01-24 09:30 in New York
MINUTES = 120
REAL_QUERY = """
    WITH v AS (
        SELECT symbol, ts, close, 100 * (close / lag(close, 15) OVER w - 1) AS roc,
               sum((high + low + close) / 3 * volume) OVER w / sum(volume) OVER w AS vwap
        FROM read_parquet($1) WHERE ts >= $2 AND ts < $3
        WINDOW w AS (PARTITION BY symbol ORDER BY ts)
    )
    SELECT * FROM v QUALIFY ts = max(ts) OVER (PARTITION BY symbol) ORDER BY symbol
"""


def real_bars(path: Path) -> BarBatch:
    query = "SELECT * FROM read_parquet(?) WHERE ts BETWEEN ? AND ? ORDER BY ts, symbol"
    columns = duckdb.execute(query, [str(path), REAL_OPEN, REAL_OPEN + MINUTES * MINUTE_MS - 1]).fetchnumpy()
    bars = empty(len(columns["ts"]))
    bars.symbol[:] = columns["symbol"].astype("S16")
    bars.start_ms[:], bars.length_ms[:] = columns["ts"], MINUTE_MS
    bars.arrival_ms[:] = bars.start_ms + MINUTE_MS
    for row, name in enumerate(("open", "high", "low", "close", "volume")):
        bars.values[row] = columns[name]
    return bars


def test_on_real_bars_each_number_is_what_a_query_finds(
    data_file: Callable[[str], Path], sessions: SessionTable
) -> None:
    by_symbol = read(data_file("sectors.csv"), "2025")
    path = data_file("minute_2025_01.parquet")
    bars = real_bars(path)
    engine = Engine(plan_of(REAL_RULES), sessions, Moody(), Settings(sectors=Sectors(by_symbol)))
    alerts = run(engine, bars, bars.size)
    assert {alert.rule for alert in alerts} == {"leaders", "apart"}
    found = duckdb.execute(REAL_QUERY, [str(path), REAL_OPEN, REAL_OPEN + MINUTES * MINUTE_MS]).fetchnumpy()
    names = found["symbol"].tolist()
    roc = np.ma.filled(found["roc"], np.nan).astype(float)
    place = {symbol.decode(): row for row, symbol in enumerate(engine.symbols.symbols)}
    rows = [place[name] for name in names]
    ranks = [1 + np.nansum(roc > x) + (np.nansum(roc == x) - 1) / 2 if np.isfinite(x) else np.nan for x in roc]
    np.testing.assert_allclose(np.array(frozen(engine, "rank(roc(15))"))[rows], ranks)
    above = float(np.mean(found["close"] > found["vwap"]))
    np.testing.assert_allclose(np.array(frozen(engine, "breadth(close > vwap())"))[rows], above)
    sector = np.array([by_symbol.get(name, "") for name in names])
    scores = [
        (x - np.nanmean(roc[sector == mine])) / np.nanstd(roc[sector == mine])
        if np.nanstd(roc[sector == mine]) > 0
        else np.nan
        for x, mine in zip(roc, sector, strict=True)
    ]
    np.testing.assert_allclose(np.array(frozen(engine, 'zscore(roc(15), by="sector")'))[rows], scores, rtol=1e-9)
    assert len(set(sector.tolist())) > 5


@pytest.mark.parametrize("size", [97, 1_000])
def test_on_real_bars_grouping_changes_nothing(
    data_file: Callable[[str], Path], sessions: SessionTable, size: int
) -> None:
    bars = real_bars(data_file("minute_2025_01.parquet"))
    bars = bars.take(slice(0, 4_000))
    plan = plan_of(REAL_RULES)
    whole = run(engine_of(plan, sessions), bars, bars.size)
    assert any(alert.rule == "leaders" for alert in whole)
    assert digest(run(engine_of(plan, sessions), bars, size)) == digest(whole)
