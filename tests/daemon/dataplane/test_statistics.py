from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from daemon.dataplane.panel import Split, panel
from daemon.dataplane.statistics import MEASURES, PERCENTILES, SymbolStatistics, of_sectors, of_symbols
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars, read_daily

NAN = float("nan")


def bars(*rows: tuple[str, int, float, float, float, float, float]) -> DailyBars:
    """Symbol, day, open, high, low, close, volume."""
    symbol, day, *values = zip(*sorted(rows), strict=True)
    return DailyBars(np.array(symbol, SYMBOL), np.array(day), np.array(values, np.float64), 0)


def flat(symbol: str, closes: dict[int, float], volume: float = 100.0) -> list[tuple]:
    return [(symbol, day, c, c + 1, c - 1, c, volume) for day, c in closes.items()]


def of(rows: list[tuple], today: int, splits: tuple[Split, ...] = ()) -> SymbolStatistics:
    given = bars(*rows)
    return of_symbols(panel(given, np.unique(given.symbol), np.unique(given.day), splits), today)


def test_nothing_of_today_or_later_counts() -> None:
    rows = flat("A", {day: 10.0 + day for day in range(100, 110)})
    known, cut = of(rows, 108), of(rows[:8], 108)
    for field, other in zip(known[1:], cut[1:], strict=True):
        np.testing.assert_array_equal(field, other)
    assert known.previous_close.tolist() == [117.0]


def test_a_silent_day_leaves_the_close_of_the_day_before_it() -> None:
    found = of(flat("A", {100: 10.0, 101: 11.0, 103: 12.0}) + flat("B", dict.fromkeys(range(100, 105), 1.0)), 105)
    assert found.previous_close.tolist() == [12.0, 1.0]
    assert found.previous_change[0] == pytest.approx(12 / 11 - 1)


def test_a_close_of_last_month_is_none() -> None:
    found = of(flat("A", {100: 10.0}) + flat("B", {100: 1.0, 120: 1.0}), 121)
    assert np.isnan(found.previous_close[0])
    assert np.isnan(found.previous_change[0])


def test_a_first_day_has_no_change() -> None:
    assert np.isnan(of(flat("A", {100: 10.0}), 101).previous_change[0])


def test_fewer_than_five_days_make_no_average() -> None:
    four, five = (of(flat("A", dict.fromkeys(range(100, 100 + n), 10.0)), 110) for n in (4, 5))
    assert np.isnan(four.average_volume[0])
    assert five.average_volume[0] == 100.0


def test_a_split_of_today_changes_all_days_before_it() -> None:
    rows = flat("A", dict.fromkeys(range(100, 110), 500.0))
    found = of(rows, 110, (Split(b"A", 110, 1.0, 10.0),))
    assert found.previous_close[0] == 50.0
    assert found.average_volume[0] == 1_000.0
    assert found.average_turnover[0] == 50_000.0
    assert found.high_250[0] == pytest.approx(50.1)


def test_a_split_within_leaves_what_came_after_it_alone() -> None:
    rows = flat("A", {100: 500.0, 101: 500.0, 102: 50.0})
    found = of(rows, 103, (Split(b"A", 102, 1.0, 10.0), Split(b"ZZ", 102, 1.0, 3.0)))
    assert found.previous_change[0] == pytest.approx(0.0)
    assert found.low_250[0] == pytest.approx(49.0)


def test_where_only_closes_are_known_they_are_the_extremes() -> None:
    rows = [("A", day, NAN, NAN, NAN, 10.0 + day, 5.0) for day in range(6)]
    found = of(rows, 6)
    assert (found.high_20[0], found.low_20[0]) == (15.0, 10.0)
    assert found.average_range[0] == pytest.approx(np.mean([1 / c for c in range(10, 15)]))


def test_no_symbol_and_no_day_give_nothing() -> None:
    none = np.zeros(0, SYMBOL)
    empty = DailyBars(none, np.zeros(0, np.int64), np.zeros((5, 0)), 0)
    assert len(of_symbols(panel(empty, none, np.zeros(0, np.int64)), 5).previous_close) == 0
    lonely = of_symbols(panel(empty, np.array([b"A"], SYMBOL), np.zeros(0, np.int64)), 5)
    assert all(np.isnan(field).all() for field in lonely[1:-1])
    assert of_sectors(lonely, {}).sectors == ("",)


def test_on_real_days_each_number_is_what_a_query_finds(data_file: Callable[[str], Path]) -> None:
    path = data_file("daily_2015_2018.parquet")
    days = read_daily(path)
    today = int(days.day.max()) + 1
    found = of_symbols(panel(days, np.unique(days.symbol), np.unique(days.day)), today)
    asked = duckdb.sql(
        f"""WITH d AS (SELECT symbol, date::DATE - DATE '1970-01-01' AS day, * EXCLUDE (symbol, date) FROM '{path}'
            WHERE high >= greatest(open, close, low) AND low <= least(open, close)),
        n AS (SELECT *, lag(close) OVER (PARTITION BY symbol ORDER BY day) AS before FROM d),
        w AS (SELECT DISTINCT day FROM n ORDER BY day DESC LIMIT 20)
        SELECT symbol, arg_max(close, day) AS previous_close, avg(volume) FILTER (day IN (FROM w)) AS average_volume,
        avg((greatest(high, before) - least(low, before)) / before) FILTER (day IN (FROM w)) AS average_range,
        max(high) FILTER (day IN (FROM w)) AS high_20
        FROM n GROUP BY symbol ORDER BY symbol"""
    ).fetchnumpy()
    active = np.isfinite(found.previous_close)
    assert active.sum() > 490
    for name in ("previous_close", "average_volume", "average_range", "high_20"):
        wanted = np.ma.filled(asked[name].astype(np.float64), NAN)
        np.testing.assert_allclose(getattr(found, name)[active], wanted[active], rtol=1e-12)


def test_sectors_are_described_by_their_known_symbols() -> None:
    rows = [
        row for k in range(8) for row in flat(f"S{k}", dict.fromkeys(range(100, 110), 10.0), volume=100.0 * (k + 1))
    ]
    rows += flat("T", {109: 10.0})  # too new for an average
    found = of_sectors(of(rows, 110), {f"S{k}".encode(): "x" if k < 5 else "y" for k in range(8)})
    assert found.sectors == ("", "x", "y")
    assert found.symbols.tolist() == [1, 5, 3]
    volume = MEASURES.index("average_volume")
    assert np.isnan(found.mean[0, volume])
    assert found.mean[1, volume] == pytest.approx(300.0)
    assert found.deviation[1, volume] == pytest.approx(np.std([100, 200, 300, 400, 500], ddof=1))
    np.testing.assert_allclose(found.percentiles[1, volume], np.percentile([100, 200, 300, 400, 500], PERCENTILES))
