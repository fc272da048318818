from __future__ import annotations

from datetime import date

import pytest

from streams.simulator.rest import Archive
from tests.streams.simulator.market_of import MONDAY, TUESDAY, Bar, Exchange, ms, official

PATH = "/v2/snapshot/locale/us/markets/stocks"
BEFORE = [Bar("A", "09:30", 10, 20, 500), Bar("B", "09:30", 50, 40, 500)]
EARLY = [*BEFORE, Bar("A", "08:00", 24, 25, 70, TUESDAY)]
OPENED = [*EARLY, Bar("A", "09:30", 30, 32, 100, TUESDAY)]
ZEROS = {"o": 0, "h": 0, "l": 0, "c": 0, "v": 0, "vw": 0}


def snapshot(*bars: Bar, at: int, symbol: str = "A") -> dict[str, object]:
    row: dict[str, object] = Exchange(*bars, now_ms=at).get(f"{PATH}/tickers/{symbol}")["ticker"]
    return row


def test_until_half_past_three_it_is_still_yesterday() -> None:
    row = snapshot(*BEFORE, at=ms("03:29", TUESDAY))
    assert row["day"] == {"o": 10, "h": 21, "l": 9, "c": 20, "v": 500, "vw": 10.5}
    assert row["prevDay"] == ZEROS


def test_at_half_past_three_all_is_cleared_but_the_day_before() -> None:
    row = snapshot(*BEFORE, at=ms("03:30", TUESDAY))
    assert row["day"] == ZEROS
    assert row["min"] == ZEROS | {"n": 0, "t": 0, "av": 0}
    assert (row["todaysChange"], row["todaysChangePerc"], row["updated"]) == (0, 0, 0)
    assert row["prevDay"] == {"o": 10, "h": 21, "l": 9, "c": 20, "v": 500, "vw": 10.5}


def test_early_trades_move_the_minute_and_the_change_but_not_the_day() -> None:
    row = snapshot(*EARLY, at=ms("08:01", TUESDAY))
    assert row["day"] == ZEROS
    assert row["min"] == {
        "o": 24, "h": 26, "l": 23, "c": 25, "v": 70, "vw": 24.5, "n": 1, "t": ms("08:00", TUESDAY), "av": 70
    }  # fmt: skip
    assert (row["todaysChange"], row["todaysChangePerc"]) == (5, 25)
    assert row["updated"] == ms("08:01", TUESDAY) * 1_000_000


def test_the_first_regular_trade_opens_the_day_whose_volume_holds_early_shares() -> None:
    row = snapshot(*OPENED, at=ms("09:31", TUESDAY))
    assert row["day"] == {"o": 30, "h": 33, "l": 29, "c": 32, "v": 170, "vw": pytest.approx(28.0294)}
    assert row["min"]["av"] == 170  # type: ignore[index]
    assert row["todaysChange"] == 12


def test_what_has_not_traded_today_shows_the_day_before() -> None:
    row = snapshot(*OPENED, at=ms("09:31", TUESDAY), symbol="B")
    assert (row["day"], row["prevDay"]["c"], row["updated"]) == (ZEROS, 40, 0)  # type: ignore[index]


def test_over_the_weekend_it_stays_friday() -> None:
    friday = date(2025, 3, 14)
    row = snapshot(Bar("A", "09:30", day=friday), at=ms("12:00", date(2025, 3, 16)))
    assert row["day"]["c"] == 11  # type: ignore[index]


def test_the_whole_market_comes_in_one_answer_or_the_symbols_asked_for() -> None:
    exchange = Exchange(*OPENED, now_ms=ms("09:31", TUESDAY))
    document = exchange.get(f"{PATH}/tickers?include_otc=false")
    assert (document["count"], document["status"]) == (2, "OK")
    assert [row["ticker"] for row in document["tickers"]] == ["A", "B"]
    assert [row["ticker"] for row in exchange.get(f"{PATH}/tickers?tickers=B,%20NONE")["tickers"]] == ["B"]
    assert exchange.get(f"{PATH}/tickers?tickers=NONE")["tickers"] == []


def test_an_unknown_symbol_is_not_found() -> None:
    exchange = Exchange(*BEFORE)
    assert exchange.status(f"{PATH}/tickers/NONE") == 404
    assert exchange.get(f"{PATH}/tickers/NONE")["message"] == "Ticker not found."


def test_a_market_that_knows_nothing_yet_is_empty() -> None:
    assert Exchange().get(f"{PATH}/tickers")["tickers"] == []
    archive = Archive(official=official(("A", TUESDAY, 5.0)))
    assert Exchange(archive=archive, now_ms=ms("20:00", MONDAY)).get(f"{PATH}/tickers")["tickers"] == []


def test_the_official_close_is_the_base_of_the_change() -> None:
    exchange = Exchange(*OPENED, now_ms=ms("09:31", TUESDAY), archive=Archive(official=official(("A", MONDAY, 16.0))))
    row = exchange.get(f"{PATH}/tickers/A")["ticker"]
    assert (row["prevDay"]["c"], row["todaysChange"], row["todaysChangePerc"]) == (16, 16, 100)


def test_movers_have_traded_much_and_moved_far() -> None:
    bars = [Bar("A", "09:30"), Bar("B", "09:30"), Bar("C", "09:30"), Bar("D", "09:30")]
    bars += [Bar("A", "09:30", 12, 13, 20_000, TUESDAY), Bar("B", "09:30", 12, 19, 20_000, TUESDAY)]
    bars += [Bar("C", "09:30", 12, 30, 500, TUESDAY), Bar("D", "09:30", 12, 5, 20_000, TUESDAY)]
    exchange = Exchange(*bars, now_ms=ms("09:31", TUESDAY))
    assert [row["ticker"] for row in exchange.get(f"{PATH}/gainers")["tickers"]] == ["B", "A"]
    assert [row["ticker"] for row in exchange.get(f"{PATH}/losers")["tickers"]] == ["D"]


def test_a_symbol_that_only_the_daily_file_knows_has_nothing_of_today() -> None:
    archive = Archive(official=official(("Z", MONDAY, 7.0)))
    row = Exchange(*OPENED, now_ms=ms("09:31", TUESDAY), archive=archive).get(f"{PATH}/tickers/Z")["ticker"]
    assert (row["day"], row["min"]["t"], row["prevDay"]["c"], row["todaysChange"]) == (ZEROS, 0, 7, 0)
