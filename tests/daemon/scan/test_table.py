from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.dataplane.statistics import SymbolStatistics
from daemon.scan.table import ORDERS, Judgement, Quotes, table
from streams.bars import SYMBOL

if TYPE_CHECKING:
    from daemon.scan.table import Table

NAN = float("nan")


def ranked(
    *symbols: str,
    price: list[float],
    close: list[float],
    opened: list[float] | None = None,
    volume: list[float] | None = None,
    score: list[float] | None = None,
    sectors: list[str] | None = None,
    high: float = 200.0,
    **asked: object,
) -> Table:
    """Symbols that usually move by 2 % a day and trade 1,000 shares, half of them by now."""
    size = len(symbols)
    same = [np.full(size, value) for value in (0.0, 1_000.0, 1e5, 0.02, high, 50.0, 300.0, 40.0, 250.0)]
    statistics = SymbolStatistics(np.array(symbols, SYMBOL), np.array(close), *same)
    quotes = Quotes(
        np.array(price),
        np.array(opened or close),
        np.full(size, 150.0),
        np.full(size, 50.0),
        np.array(volume or [500.0] * size),
    )
    judgement = Judgement(np.array(score or [NAN] * size), [()] * size)
    return table(statistics, sectors or [""] * size, quotes, np.full(size, 0.5), judgement, **asked)


def names(found: Table) -> list[str]:
    return [symbol.decode() for symbol in found.symbol.tolist()]


def test_columns_are_against_what_is_usual() -> None:
    found = ranked("A", price=[110.0], close=[100.0], opened=[104.0], volume=[1_500.0])
    assert found.change[0] == pytest.approx(0.10)
    assert found.gap[0] == pytest.approx(0.04)
    assert found.relative_volume[0] == pytest.approx(3.0)
    assert found.position[0] == pytest.approx(0.6)
    assert found.activity[0] == pytest.approx(5 * np.sqrt(3))


def test_the_highest_score_comes_first_and_the_unknown_last_by_activity() -> None:
    found = ranked(
        "A", "B", "C", "D", price=[100.0, 101.0, 100.0, 105.0], close=[100.0] * 4, score=[0.5, NAN, 0.9, NAN]
    )
    assert names(found) == ["C", "A", "D", "B"]


@pytest.mark.parametrize("by", ORDERS)
def test_each_order_is_from_high_to_low(by: str) -> None:
    rng = np.random.default_rng(1)
    size = 50
    found = ranked(
        *(f"S{k:02}" for k in range(size)),
        price=(100 + rng.normal(0, 5, size)).tolist(),
        close=[100.0] * size,
        opened=(100 + rng.normal(0, 5, size)).tolist(),
        volume=rng.uniform(0, 5_000, size).tolist(),
        score=rng.random(size).tolist(),
        by=by,
    )
    column = np.abs(getattr(found, by))
    assert (np.diff(column) <= 0).all()


def test_a_fall_counts_as_much_as_a_rise() -> None:
    assert names(ranked("A", "B", price=[103.0, 90.0], close=[100.0] * 2, by="change")) == ["B", "A"]


def test_what_has_not_traded_is_left_out() -> None:
    assert names(ranked("A", "B", price=[NAN, 90.0], close=[100.0] * 2)) == ["B"]
    assert names(ranked(price=[], close=[])) == []


def test_no_more_rows_than_asked_for() -> None:
    assert names(ranked("A", "B", "C", price=[101.0, 103.0, 102.0], close=[100.0] * 3, most=2)) == ["B", "C"]


def test_a_symbol_without_yesterday_has_a_price_and_nothing_else() -> None:
    found = ranked("A", price=[10.0], close=[NAN])
    assert found.price[0] == 10.0
    assert np.isnan([found.change[0], found.gap[0], found.activity[0], found.sector_rank[0]]).all()


def test_nothing_divides_by_zero() -> None:
    found = ranked("A", price=[0.0001], close=[0.0], volume=[0.0])
    assert np.isnan(found.change[0])
    assert found.relative_volume[0] == 0.0


def test_a_sectors_rank_is_among_its_own() -> None:
    found = ranked(
        "A", "B", "C", "D", price=[101.0, 102.0, 103.0, 90.0], close=[100.0] * 4, sectors=["x", "x", "x", "y"]
    )
    assert dict(zip(names(found), found.sector_rank.tolist(), strict=True)) == {"A": 0, "B": 0.5, "C": 1, "D": 0.5}


def test_the_strongest_reasons_are_told_in_words() -> None:
    (why,) = ranked("A", price=[110.0], close=[100.0], opened=[104.0], volume=[3_450.0], high=105.0).why
    assert why == "6.9 times the usual volume; +10.0 %, 5.0 usual days' range; gap +4.0 %"


def test_a_long_high_stands_for_the_short_one() -> None:
    (why,) = ranked("A", price=[301.0], close=[300.0]).why
    assert why == "above the high of 250 days"
    (why,) = ranked("A", price=[101.0], close=[100.5], high=100.9).why
    assert why == "above the high of 20 days"


def test_an_ordinary_symbol_has_no_reason() -> None:
    assert ranked("A", price=[100.5], close=[100.0]).why == ("",)
