from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from daemon.dataplane.profile import BUCKETS, VolumeProfile, volume_profile
from streams.bars import SYMBOL

SYMBOLS = np.array([b"A", b"B"], SYMBOL)


def profile(*bars: tuple[int, int, int, float]) -> VolumeProfile:
    """Bars of symbol number, day, minute since 04:00, volume."""
    columns = np.array(bars, np.float64).reshape(-1, 4).T
    return volume_profile(SYMBOLS, *columns[:3].astype(np.int64), columns[3])


def test_each_day_counts_alike_however_much_was_traded() -> None:
    days = [(0, day, minute, volume) for day, volume in ((1, 1.0), (2, 1_000.0), (3, 5.0)) for minute in (0, 10)]
    found = profile(*days, (0, 3, 10, 10.0))  # on the third day a quarter came first
    assert found.share[0, 0] == pytest.approx((0.5 + 0.5 + 0.25) / 3)
    assert found.share[0, 2] == found.share[0, -1] == 1.0


def test_a_symbol_of_few_days_takes_the_markets_profile() -> None:
    found = profile(*[(0, day, 0, 1.0) for day in range(3)], (1, 0, 500, 1.0), (1, 1, 500, 1.0))
    assert np.isnan(found.share[1]).all()
    assert found.by(5.0).tolist() == [1.0, 1.0]


def test_between_two_marks_it_is_in_proportion_and_outside_it_is_nothing_or_all() -> None:
    found = profile(*[(0, day, 0, 1.0) for day in range(3)])
    assert [found.by(minute)[0] for minute in (-5, 0, 2.5, 5, 400, 2_000)] == [0.0, 0.0, 0.5, 1.0, 1.0, 1.0]


def test_nothing_known_is_nan() -> None:
    assert np.isnan(profile().by(100.0)).all()
    assert np.isnan(profile((0, 1, 5_000, 1.0)).by(100.0)).all()


def test_on_real_bars_it_is_what_a_query_finds(data_file: Callable[[str], Path]) -> None:
    path = data_file("minute_2018_03.parquet")
    local = "(ts // 60000 * 60)::BIGINT"
    bars = duckdb.sql(
        f"""SET TimeZone = 'UTC'; SELECT symbol, ts // 86400000 AS day, volume,
        ((ts // 60000) % 1440 - CASE WHEN ts < 1520827200000 THEN 540 ELSE 480 END) AS minute
        FROM '{path}' WHERE {local} > 0 ORDER BY symbol"""
    ).fetchnumpy()
    symbols, index = np.unique(bars["symbol"].astype(SYMBOL), return_inverse=True)
    found = volume_profile(symbols, index, bars["day"], bars["minute"].astype(np.int64), bars["volume"].astype(float))
    assert found.share.shape == (283, BUCKETS)
    usual = found.by(330 + 30)  # half an hour after the open
    wanted = duckdb.sql(
        f"""WITH b AS (SELECT symbol, ts // 86400000 AS day, volume,
        ((ts // 60000) % 1440 - CASE WHEN ts < 1520827200000 THEN 540 ELSE 480 END) AS minute FROM '{path}'),
        d AS (SELECT symbol, day, coalesce(sum(volume) FILTER (minute < 360), 0) / sum(volume) AS share
        FROM b GROUP BY ALL) SELECT symbol, avg(share) AS share FROM d GROUP BY symbol HAVING count(*) >= 3
        ORDER BY symbol"""
    ).fetchnumpy()
    own = ~np.isnan(found.share[:, 0])
    np.testing.assert_allclose(usual[own], wanted["share"], rtol=1e-5)
    assert 0.08 < np.median(usual[own]) < 0.25
