"""What hangs on the session, on the day before and on the market, where the laws' bars do not lead."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from indicators import CATALOGUE
from tests.indicators.feeds import DAY_MS, MINUTE_MS, OPEN_MS, make_bars, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indicators.naive import Bars

    Floats = NDArray[np.float64]

PRE_MS = OPEN_MS - 330 * MINUTE_MS


def values(call: str, arguments: Sequence[float], bars: Bars) -> Floats:
    return run([CATALOGUE.spec(call, arguments)], bars)


def volumes(of: dict[tuple[int, int], float], begin_ms: int = OPEN_MS) -> Bars:
    """Bars with a volume by (day, minute)."""
    flat = make_bars([10.0] * len(of), [0.0] * len(of), list(of.values()))
    session = np.array([day * DAY_MS + begin_ms for day, _ in of])
    return flat._replace(session=session, start_ms=session + np.array([minute for _, minute in of]) * MINUTE_MS)


def test_a_gap_is_told_when_the_close_of_the_day_before_becomes_known() -> None:
    bars = make_bars([11.0, 12.0, 13.0], [0.0] * 3, [1.0] * 3)._replace(previous_close=np.array([np.nan, 10.0, 10.0]))
    np.testing.assert_allclose(values("gap", [], bars)[0], [np.nan, 10.0, 10.0])
    np.testing.assert_allclose(values("change", [], bars)[0], [np.nan, 20.0, 30.0])


def test_a_silent_minute_of_an_earlier_day_counts_as_zero() -> None:
    traded = {(0, 0): 100.0, (0, 5): 60.0, (0, 389): 40.0, (1, 0): 100.0, (2, 0): 100.0, (2, 5): 60.0, (2, 389): 10.0}
    now, cumulative = values("rvol_tod", [2], volumes(traded))
    np.testing.assert_allclose(now, [np.nan] * 4 + [1.0, 60 / 30, 10 / 20])
    np.testing.assert_allclose(cumulative, [np.nan] * 4 + [1.0, 160 / 130, 170 / 150])


def test_volume_outside_of_the_regular_session_is_no_volume_of_the_day() -> None:
    early = volumes({(day, 10): 5.0 for day in range(4)}, PRE_MS)
    late = volumes({(day, 390): 5.0 for day in range(4)})
    assert np.isnan(values("rvol_tod", [1], early)).all()
    assert np.isnan(values("rvol_tod", [1], late)).all()


def test_a_session_without_early_bars_has_no_opening_range() -> None:
    bars = volumes({(0, 0): 1.0, (0, 15): 1.0, (1, 15): 1.0, (1, 16): 1.0})
    np.testing.assert_array_equal(values("opening_range", [15], bars), [[np.nan, 10.0, np.nan, np.nan]] * 2)


def test_the_market_unknown_at_a_bar_is_waited_out_and_spoils_nothing() -> None:
    rng = np.random.default_rng(3)
    bars = make_bars(50 + np.cumsum(rng.normal(0, 0.1, 40)), [0.0] * 40, [1.0] * 40)
    holed = bars._replace(market=np.where(np.arange(40) == 15, np.nan, bars.market))
    for name in ("beta", "correlation"):
        whole, found = values(name, [5], bars)[0], values(name, [5], holed)[0]
        np.testing.assert_array_equal(np.isnan(found), np.isnan(whole) | ((np.arange(40) >= 15) & (np.arange(40) < 21)))
        np.testing.assert_allclose(found[21:], whole[21:], rtol=1e-9)


def test_beta_is_two_for_a_symbol_that_moves_twice_as_far_as_the_market() -> None:
    returns = np.random.default_rng(4).normal(0, 0.01, 40)
    level, close = 1_000 * np.cumprod(1 + returns), 50 * np.cumprod(1 + 2 * returns)
    bars = make_bars(close, [0.0] * 40, [1.0] * 40)._replace(market=np.concatenate([[np.nan], level[:-1]]))
    np.testing.assert_allclose(values("beta", [10], bars)[0, 11:], 2.0)
    np.testing.assert_allclose(values("correlation", [10], bars)[0, 11:], 1.0)


def test_a_flat_symbol_has_no_beta_and_no_correlation_to_tell() -> None:
    bars = make_bars([10.0] * 40, [0.0] * 40, [1.0] * 40)
    np.testing.assert_array_equal(values("beta", [5], bars)[0, 6:], 0.0)
    assert np.isnan(values("correlation", [5], bars)).all()


def test_cumulative_volume_by_time_of_day_is_that_of_lean_while_its_days_weigh_alike(
    data_file: Callable[[str], Path],
) -> None:
    with data_file("indicator_reference/lean/spy_rdv.txt").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    days = np.array([row["Date"][:10] for row in rows], "datetime64[D]").astype(np.int64)
    first = days.searchsorted(np.unique(days)[3])  # from the fourth day on ours forgets by and by, theirs at once
    minutes = np.array([int(row["Date"][11:13]) * 60 + int(row["Date"][14:16]) for row in rows]) - OPEN_MS // MINUTE_MS
    at = zip(days.tolist(), minutes.tolist(), strict=True)
    bars = volumes({key: float(row["Volume"]) for key, row in zip(at, rows, strict=True)})
    theirs = np.array([float(row["RDV"]) for row in rows])
    known = np.flatnonzero(theirs[:first] > 0)
    assert len(known) == 7
    np.testing.assert_allclose(values("rvol_tod", [2], bars)[1, known], theirs[known], rtol=0, atol=5e-10)


def test_volume_by_time_of_day_agrees_with_its_twin_over_a_month(data_file: Callable[[str], Path]) -> None:
    bars = month(data_file("minute_2025_01.parquet"), "MELI")
    spec = CATALOGUE.spec("rvol_tod", [5])
    expected = np.array(spec.indicator.twin(bars, 5))
    assert np.isfinite(expected).sum() > 1_000
    np.testing.assert_allclose(run([spec], bars), expected, rtol=1e-9)


def month(path: Path, symbol: str) -> Bars:
    """All minutes of a symbol in January 2025, when New York opened at 14:30 UTC."""
    import duckdb

    query = "select ts, volume from read_parquet(?) where symbol = ? order by ts"
    with duckdb.connect() as connection:
        found = connection.execute(query, [str(path), symbol]).fetchnumpy()
    start_ms, volume = found["ts"], found["volume"].astype(np.float64)
    day, shift = start_ms // DAY_MS * DAY_MS, 60 * MINUTE_MS
    session = np.where(start_ms - day < OPEN_MS + shift, day + PRE_MS + shift, day + OPEN_MS + shift)
    flat = make_bars([10.0] * len(volume), [0.0] * len(volume), volume)
    return flat._replace(session=session, start_ms=start_ms)
