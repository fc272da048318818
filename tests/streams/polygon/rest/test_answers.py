"""What the vendor's own client is tested with, and answers that are not as they should be."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.polygon.rest import answers, records
from streams.polygon.rest.answers import NoAnswerError
from tests.fakes.rest import bar, grouped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MINUTE = 1_736_000_040_000


@pytest.fixture
def mock(data_file: Callable[[str], Path]) -> Callable[[str], bytes]:
    """A recorded answer by a part of its name."""

    def read(name: str) -> bytes:
        return data_file(f"polygon_fixtures/client-python_mocks/{name}.json").read_bytes()

    return read


def results(body: bytes) -> list[msgspec.Raw]:
    return list(answers.page(body).results)


def test_a_grouped_day_as_recorded(mock: Callable[[str], bytes]) -> None:
    body = mock("v2__aggs__grouped__locale__us__market__stocks__2005-04-04_adjusted_true")
    days = answers.grouped_days(results(body), 12_877)
    assert (days.symbol.tolist(), days.day.tolist(), days.rejected) == ([b"GIK"], [12_877], 0)
    assert days.values[:, 0].tolist() == [9.99, 10.02, 9.9, 10.02, 895_345.0]


def test_daily_bars_as_recorded_are_of_their_new_york_dates(mock: Callable[[str], bytes]) -> None:
    days = answers.symbol_days(results(mock("v2__aggs__ticker__AAPL__range__1__day__2005-04-01__2005-04-04")), "AAPL")
    assert [str(np.datetime64(int(day), "D")) for day in days.day] == ["2005-04-01", "2005-04-04"]
    previous = answers.symbol_days(results(mock("v2__aggs__ticker__AAPL__prev")), "AAPL")
    assert str(np.datetime64(int(previous.day[0]), "D")) == "2022-04-26"
    assert previous.values[3, 0] == 156.8


def test_the_whole_market_as_recorded(mock: Callable[[str], bytes]) -> None:
    found = answers.snapshot(mock("v2__snapshot__locale__us__markets__stocks__tickers__index"))
    assert found.symbol.tolist() == [b"BCAT"]
    assert found.updated_ms.tolist() == [1_605_192_894_630]
    assert found.minute_start_ms.tolist() == [1_684_428_600_000]
    assert (found.day[3, 0], found.minute[4, 0], found.previous[1, 0]) == (20.506, 5000.0, 21.0)
    assert found.accumulated_volume.tolist() == [37_216.0]


def test_companies_splits_dividends_and_holidays_as_recorded(mock: Callable[[str], bytes]) -> None:
    listed, left_out = answers.records(results(mock("v3__reference__tickers")), records.Listed)
    assert ([one.ticker for one in listed], left_out) == (["A", "AA"], 0)
    apple = answers.details(mock("v3__reference__tickers__AAPL"))
    assert (apple.name, apple.market_cap, apple.primary_exchange) == ("Apple Inc.", 2_488_795_282_370, "XNAS")
    splits, left_out = answers.records(results(mock("v3__reference__splits")), records.Split)
    assert splits[0] == records.Split("GOOGL", date(2022, 7, 18), 1, 20)
    assert left_out == 0
    dividends, left_out = answers.records(results(mock("v3__reference__dividends")), records.Dividend)
    assert (dividends[0].ex_dividend_date, dividends[0].cash_amount, left_out) == (date(2025, 6, 12), 0.59375, 0)
    holidays = answers.holidays(mock("v1__marketstatus__upcoming"))
    assert (holidays[0].date, holidays[0].name) == (date(2022, 5, 30), "Memorial Day")
    assert answers.market_status(mock("v1__marketstatus__now")).market in {"open", "closed", "extended-hours"}


def test_before_the_open_a_snapshots_day_is_not_known() -> None:
    zero = dict.fromkeys(("o", "h", "l", "c", "v", "vw"), 0)
    minute = {"o": 10, "h": 11, "l": 9, "c": 10, "v": 5, "vw": 10, "av": 70, "t": MINUTE, "n": 1}
    body = {"status": "OK", "tickers": [{"ticker": "A", "day": zero, "min": minute, "prevDay": zero}, {"ticker": "B"}]}
    found = answers.snapshot(msgspec.json.encode(body))
    assert np.isnan(found.day).all()
    assert found.minute[3].tolist()[0] == 10.0
    assert found.minute_start_ms.tolist() == [MINUTE, 0]
    assert np.isnan(found.minute[:, 1]).all()


def test_minutes_are_in_order_and_each_once_in_its_last_version() -> None:
    rows = [bar(t=MINUTE + 60_000), bar(t=MINUTE, c=10.1), bar(t=MINUTE, c=10.2), bar(t=MINUTE + 1), bar(t=MINUTE, v=0)]
    found, left_out = answers.minute_bars(results(msgspec.json.encode(grouped(*rows))), "A")
    assert found.start_ms.tolist() == [MINUTE, MINUTE + 60_000]
    assert found.values[3].tolist() == [10.2, 10.5]
    assert found.arrival_ms.tolist() == [MINUTE + 60_000, MINUTE + 120_000]
    assert left_out == 3


def test_no_results_are_none() -> None:
    for body in (b'{"status":"OK"}', b'{"status":"OK","results":null}', b'{"status":"OK","results":[]}'):
        assert results(body) == []
    assert len(answers.snapshot(b'{"status":"OK"}').symbol) == 0
    assert answers.minute_bars([], "A")[0].size == 0


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_whatever_a_row_holds_it_is_a_bar_or_left_out(value: object) -> None:
    row = msgspec.json.encode({**bar(), "c": value})
    found = answers.grouped_days([msgspec.Raw(row)], 20_000)
    assert len(found.day) + found.rejected == 1


@given(st.binary(max_size=100))
def test_whatever_a_body_holds_it_is_an_answer_or_refused(body: bytes) -> None:
    for read in (answers.page, answers.snapshot, answers.details, answers.holidays, answers.market_status):
        try:
            read(body)
        except NoAnswerError:
            continue


@pytest.mark.parametrize("status", ["ERROR", "NOT_AUTHORIZED", "NOT_FOUND", "anything"])
def test_garbage_that_is_a_complaint_is_never_taken_for_no_results(status: str) -> None:
    complaint = json.dumps({"status": status, "error": "maintenance"}).encode()
    with pytest.raises(NoAnswerError, match=status):
        answers.page(complaint)
    with pytest.raises(NoAnswerError, match=status):
        answers.snapshot(complaint)


@pytest.mark.parametrize("updated", [10**40, -(10**40), 1e300, 2**64, -1])
def test_garbage_in_the_time_of_one_symbol_leaves_the_market_standing(updated: float) -> None:
    rows = [{"ticker": "A", "updated": updated}, {"ticker": "B", "updated": 1_736_000_000_000_000_000}]
    market = answers.snapshot(json.dumps({"status": "OK", "tickers": rows}).encode())
    assert market.symbol.tolist() == [b"A", b"B"]
    assert market.updated_ms.tolist() == [0, 1_736_000_000_000]
