from __future__ import annotations

from datetime import date

import pytest

from streams.bars import MINUTE_MS
from streams.simulator.rest import Archive
from tests.streams.simulator.market_of import MONDAY, TUESDAY, Bar, Exchange, ms, official

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"
RANGE = "/v2/aggs/ticker/A/range"
MORNING = [Bar("A", "04:00", 5, 6, 10), Bar("A", "09:30", 10, 11), Bar("A", "15:59", 12, 13), Bar("A", "16:00", 50, 60)]


def test_a_range_tells_minutes_by_their_start() -> None:
    document = Exchange(Bar("A", "09:30"), Bar("A", "09:31"), Bar("B", "09:31")).get(
        f"{RANGE}/1/minute/{MONDAY}/{MONDAY}"
    )
    assert [row["t"] for row in document["results"]] == [ms("09:30"), ms("09:31")]
    bar = {"o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "v": 100.0, "vw": 10.5, "t": ms("09:30"), "n": 1}
    assert document["results"][0] == bar
    assert (document["ticker"], document["status"], document["adjusted"]) == ("A", "OK", True)
    assert document["queryCount"] == document["resultsCount"] == document["count"] == 2


def test_results_are_absent_where_there_is_nothing() -> None:
    exchange = Exchange(Bar("A", "09:30"))
    for target in (f"{RANGE}/1/minute/{TUESDAY}/{TUESDAY}", f"{GROUPED}/{TUESDAY}", "/v2/aggs/ticker/NONE/prev"):
        document = exchange.get(target)
        assert "results" not in document
        assert document["resultsCount"] == document["queryCount"] == 0
        assert document["status"] == "OK"


def test_times_in_milliseconds_snap_to_whole_windows() -> None:
    exchange = Exchange(*(Bar("A", f"09:3{k}") for k in range(6)))
    rows = exchange.get(f"{RANGE}/1/minute/{ms('09:31') + 7}/{ms('09:32')}")["results"]
    assert [row["t"] for row in rows] == [ms("09:31"), ms("09:32")]
    rows = exchange.get(f"{RANGE}/5/minute/{ms('09:33')}/{ms('09:34')}")["results"]
    assert [(row["t"], row["v"]) for row in rows] == [(ms("09:30"), 500.0)]


def test_a_whole_early_session_is_one_bar_of_330_minutes() -> None:
    rows = Exchange(*MORNING).get(f"{RANGE}/330/minute/{ms('04:00')}/{ms('09:29')}")["results"]
    assert [(row["t"], row["v"]) for row in rows] == [(ms("04:00"), 10.0)]


def test_an_hour_is_folded_from_its_minutes() -> None:
    bars = [Bar("A", "09:30", 10, 11, 100), Bar("A", "09:59", 20, 30, 300), Bar("A", "10:00", 1, 1)]
    (first, second) = Exchange(*bars).get(f"{RANGE}/1/hour/{MONDAY}/{MONDAY}")["results"]
    assert first == {"o": 10, "h": 31, "l": 9, "c": 30, "v": 400, "vw": 18.0, "t": ms("09:00"), "n": 4}
    assert second["t"] == ms("10:00")


def test_a_days_bar_begins_at_midnight_in_new_york_with_prices_of_regular_hours_and_volume_of_all() -> None:
    (row,) = Exchange(*MORNING).get(f"{RANGE}/1/day/{MONDAY}/{MONDAY}")["results"]
    assert row["t"] == ms("00:00")
    assert (row["o"], row["h"], row["l"], row["c"], row["v"]) == (10, 14, 9, 13, 310)
    assert "n" not in row


def test_weeks_begin_on_sunday_and_months_on_their_first() -> None:
    bars = [Bar("A", "09:30"), Bar("A", "09:30", day=TUESDAY), Bar("A", "09:30", day=date(2025, 3, 17))]
    exchange = Exchange(*bars, now_ms=ms("20:00", date(2025, 3, 17)))
    rows = exchange.get(f"{RANGE}/1/week/2025-03-12/2025-03-12")["results"]
    assert [(row["t"], row["v"]) for row in rows] == [(ms("00:00", date(2025, 3, 9)), 200)]
    rows = exchange.get(f"{RANGE}/1/month/2025-03-12/2025-03-12")["results"]
    assert [(row["t"], row["v"]) for row in rows] == [(ms("00:00", date(2025, 3, 1)), 300)]


def test_limit_counts_minutes_and_pages_go_on_where_the_last_one_ended() -> None:
    exchange = Exchange(*(Bar("A", f"09:{k}") for k in range(30, 47)))
    pages = exchange.pages(f"{RANGE}/5/minute/{MONDAY}/{MONDAY}?limit=7&apiKey=k")
    assert [len(page) for page in pages] == [1, 1, 2]
    assert [(row["t"], row["v"]) for page in pages for row in page] == [
        (ms("09:30"), 500), (ms("09:35"), 500), (ms("09:40"), 500), (ms("09:45"), 200)
    ]  # fmt: skip


def test_a_limit_below_one_window_still_gives_whole_windows() -> None:
    exchange = Exchange(*(Bar("A", f"09:{k}") for k in range(30, 42)))
    for order in ("asc", "desc"):
        pages = exchange.pages(f"{RANGE}/5/minute/{MONDAY}/{MONDAY}?limit=2&sort={order}")
        assert sorted(row["v"] for page in pages for row in page) == [200, 500, 500]


def test_descending_pages_go_back_in_time() -> None:
    exchange = Exchange(*(Bar("A", f"09:{k}") for k in range(30, 37)))
    pages = exchange.pages(f"{RANGE}/1/minute/{MONDAY}/{MONDAY}?limit=3&sort=desc")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [row["t"] for page in pages for row in page] == [ms("09:36") - k * MINUTE_MS for k in range(7)]


def test_days_are_paged_too() -> None:
    exchange = Exchange(Bar("A", "09:30"), Bar("A", "09:30", day=TUESDAY), now_ms=ms("20:00", TUESDAY))
    pages = exchange.pages(f"{RANGE}/1/day/{MONDAY}/{TUESDAY}?limit=1")
    assert [[row["t"] for row in page] for page in pages] == [[ms("00:00")], [ms("00:00", TUESDAY)]]


def test_what_makes_no_sense_is_refused_with_the_vendors_words() -> None:
    exchange = Exchange(Bar("A", "09:30"))
    document = exchange.get(f"{RANGE}/1/minute/{TUESDAY}/{MONDAY}")
    assert document["error"] == "The parameter 'to' cannot be a time that occurs before 'from'"
    assert document["status"] == "ERROR"
    assert document["request_id"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{RANGE}/1/minute/{TUESDAY}/{MONDAY}", 400),
        (f"{RANGE}/1/minute/yesterday/{MONDAY}", 400),
        (f"{RANGE}/0/minute/{MONDAY}/{MONDAY}", 400),
        (f"{RANGE}/1/fortnight/{MONDAY}/{MONDAY}", 400),
        (f"{RANGE}/1/minute/{MONDAY}/{MONDAY}?limit=0", 400),
        (f"{RANGE}/1/minute/{MONDAY}/{MONDAY}?limit=50001", 400),
        (f"{RANGE}/1/minute/{MONDAY}/{MONDAY}?cursor=%2A", 400),
        (f"{RANGE}/1/second/{MONDAY}/{MONDAY}", 403),
        (f"{RANGE}/99999/year/1970-01-01/8999-12-31", 200),
        (f"{RANGE}/99999/week/0/999999999999999999", 200),
        (f"{RANGE}/99999/minute/0/999999999999999999", 200),
        (f"{GROUPED}/9999-12-31", 400),
        (f"{GROUPED}/2025-3-1", 400),
        (f"/v1/open-close/A/{TUESDAY}", 404),
    ],
)
def test_impossible_requests_are_answered(target: str, status: int) -> None:
    assert Exchange(Bar("A", "09:30")).status(target) == status


def test_a_markets_day_is_told_by_its_end_and_not_before_it_has_closed() -> None:
    bars = [Bar("A", "09:30"), Bar("B", "15:59"), Bar("C", "08:00")]
    assert "results" not in Exchange(*bars, now_ms=ms("15:59")).get(f"{GROUPED}/{MONDAY}")
    rows = Exchange(*bars, now_ms=ms("16:00")).get(f"{GROUPED}/{MONDAY}?include_otc=false")["results"]
    assert [(row["T"], row["t"]) for row in rows] == [("A", ms("16:00")), ("B", ms("16:00"))]
    assert rows[0] == {"T": "A", "o": 10, "h": 12, "l": 9, "c": 11, "v": 100, "vw": 10.5, "t": ms("16:00")}


def test_the_previous_day_is_the_last_one_that_traded_before_today() -> None:
    bars = [Bar("A", "09:30"), Bar("A", "09:30", 70, 80, day=TUESDAY)]
    for now_ms in (ms("04:00", TUESDAY), ms("19:00", TUESDAY), ms("03:00", date(2025, 3, 11))):
        (row,) = Exchange(*bars, now_ms=now_ms).get("/v2/aggs/ticker/A/prev")["results"]
        assert (row["T"], row["c"], row["t"]) == ("A", 11, ms("16:00"))


def test_open_and_close_know_the_prices_beside_regular_hours() -> None:
    document = Exchange(*MORNING).get(f"/v1/open-close/A/{MONDAY}")
    assert document.pop("request_id")
    assert document == {
        "status": "OK", "from": "2025-03-10", "symbol": "A", "open": 10, "high": 14, "low": 9, "close": 13,
        "volume": 310, "preMarket": 5, "afterHours": 60,
    }  # fmt: skip


def test_an_official_close_goes_before_the_built_one_once_the_day_has_closed() -> None:
    archive = Archive(official=official(("A", MONDAY, 20.0), ("Z", MONDAY, 7.0), ("A", TUESDAY, 99.0)))
    before = Exchange(Bar("A", "09:30"), now_ms=ms("15:59"), archive=archive)
    assert [row["c"] for row in before.get(f"{RANGE}/1/day/{MONDAY}/{TUESDAY}")["results"]] == [11]
    after = Exchange(Bar("A", "09:30"), now_ms=ms("16:00"), archive=archive)
    (row,) = after.get(f"{RANGE}/1/day/{MONDAY}/{TUESDAY}")["results"]
    assert (row["o"], row["h"], row["l"], row["c"], row["v"]) == (10, 20, 9, 20, 100)
    rows = after.get(f"{GROUPED}/{MONDAY}")["results"]
    assert [(row["T"], row["o"], row["c"]) for row in rows] == [("A", 10, 20), ("Z", 7, 7)]
    later = Exchange(Bar("A", "09:30"), now_ms=ms("04:00", TUESDAY), archive=archive)
    assert later.get("/v2/aggs/ticker/Z/prev")["results"][0]["c"] == 7
