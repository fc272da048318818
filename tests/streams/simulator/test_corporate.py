from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streams.simulator.corporate import Corporate
from streams.simulator.corporatefile import CorporateFileError, read_corporate
from streams.simulator.rest import Archive
from tests.streams.simulator.market_of import MONDAY, TUESDAY, Bar, Exchange, ms

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = {
    "splits": [
        {"ticker": "A", "execution_date": "2025-03-11", "split_from": 1, "split_to": 10},
        {"ticker": "B", "execution_date": "2024-06-03", "split_from": 3, "split_to": 2, "id": "b1"},
        {"ticker": "A", "execution_date": "2025-03-14", "split_from": 1, "split_to": 2},
    ],
    "dividends": [
        {"ticker": "A", "ex_dividend_date": "2025-03-20", "cash_amount": 0.5, "declaration_date": "2025-03-11"},
        {"ticker": "B", "ex_dividend_date": "2025-03-12", "cash_amount": 0.25, "frequency": 4, "dividend_type": "CD"},
    ],
    "news": [
        {"title": "early", "published_utc": "2025-03-10T12:00:00Z", "tickers": ["A", "B"], "publisher": {"name": "P"}},
        {"title": "late", "published_utc": "2025-03-11T13:30:00Z", "tickers": ["A"]},
    ],
    "related": {"A": ["B", "C"]},
    "holidays": [
        {"date": "2025-03-12", "name": "Rest Day"},
        {"date": "2025-01-01", "name": "New Year"},
        {"date": "2025-03-13", "name": "Eve", "status": "early-close", "exchange": "NYSE"},
    ],
}
BARS = [Bar("A", "09:30", 100, 110, 50), Bar("B", "09:30"), Bar("A", "09:30", 10, 11, 500, TUESDAY)]


def exchange(now_ms: int = ms("20:00", TUESDAY)) -> Exchange:
    corporate = msgspec.convert(DOCUMENT, Corporate)
    return Exchange(*BARS, now_ms=now_ms, archive=Archive(corporate=corporate))


def results(target: str, now_ms: int = ms("20:00", TUESDAY)) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exchange(now_ms).get(target)["results"]
    return rows


def test_splits_come_newest_first_with_an_id_each() -> None:
    rows = results("/v3/reference/splits")
    assert [row["execution_date"] for row in rows] == ["2025-03-14", "2025-03-11", "2024-06-03"]
    assert rows[2] == {"ticker": "B", "execution_date": "2024-06-03", "split_from": 3, "split_to": 2, "id": "b1"}
    assert len({row["id"] for row in rows}) == 3


def test_splits_are_picked_by_ticker_and_date() -> None:
    query = "ticker=A&execution_date.gte=2025-03-10&execution_date.lte=2025-03-12"
    assert [row["execution_date"] for row in results(f"/v3/reference/splits?{query}")] == ["2025-03-11"]
    pages = exchange().pages("/v3/reference/splits?limit=1&order=asc")
    assert [row["execution_date"] for page in pages for row in page] == ["2024-06-03", "2025-03-11", "2025-03-14"]


def test_a_dividend_is_known_from_its_declaration_on() -> None:
    assert [row["ticker"] for row in results("/v3/reference/dividends", ms("20:00", MONDAY))] == ["B"]
    rows = results("/v3/reference/dividends?ex_dividend_date.gt=2025-03-12")
    assert [(row["ticker"], row["cash_amount"]) for row in rows] == [("A", 0.5)]


def test_news_is_known_from_its_publication_on_and_newest_first() -> None:
    assert [row["title"] for row in results("/v2/reference/news", ms("09:29", TUESDAY))] == ["early"]
    rows = results("/v2/reference/news", ms("09:30", TUESDAY))
    assert [row["title"] for row in rows] == ["late", "early"]
    assert (rows[1]["tickers"], rows[1]["publisher"]) == (["A", "B"], {"name": "P"})
    assert "ticker" not in rows[0]
    assert [row["title"] for row in results("/v2/reference/news?ticker=B")] == ["early"]
    assert [row["title"] for row in results("/v2/reference/news?published_utc.gte=2025-03-11")] == ["late"]


def test_related_companies_come_nearest_first() -> None:
    assert results("/v1/related-companies/A?ticker=A") == [{"ticker": "B"}, {"ticker": "C"}]
    assert exchange().status("/v1/related-companies/NONE") == 404


def test_holidays_to_come_have_a_row_for_each_exchange() -> None:
    rows = exchange().get("/v1/marketstatus/upcoming")
    assert [(row["date"], row["exchange"], row["status"]) for row in rows] == [
        ("2025-03-12", "NYSE", "closed"), ("2025-03-12", "NASDAQ", "closed"), ("2025-03-13", "NYSE", "early-close")
    ]  # fmt: skip


def test_on_a_holiday_the_market_is_closed() -> None:
    assert exchange(ms("12:00", date(2025, 3, 12))).get("/v1/marketstatus/now")["market"] == "closed"
    assert exchange(ms("12:00", date(2025, 3, 13))).get("/v1/marketstatus/now")["market"] == "open"


def test_bars_are_adjusted_for_splits_up_to_today_unless_told_otherwise() -> None:
    for span in ("minute", "day"):
        target = f"/v2/aggs/ticker/A/range/1/{span}/{MONDAY}/{TUESDAY}"
        rows = results(target)
        assert [(row["o"], row["c"], row["v"]) for row in rows] == [(10, 11, 500), (10, 11, 500)]
        rows = results(f"{target}?adjusted=false")
        assert [(row["o"], row["c"], row["v"]) for row in rows] == [(100, 110, 50), (10, 11, 500)]
        assert [row["c"] for row in results(target, ms("20:00", MONDAY))][:1] == [110]
    grouped = f"/v2/aggs/grouped/locale/us/market/stocks/{MONDAY}"
    assert [row["c"] for row in results(grouped)] == [11, 11]
    assert [row["c"] for row in results(f"{grouped}?adjusted=false")] == [110, 11]
    assert results("/v2/aggs/ticker/A/prev")[0]["c"] == 11
    assert exchange().get(f"/v1/open-close/A/{MONDAY}")["close"] == 11


def test_without_a_file_there_is_nothing() -> None:
    bare = Exchange(*BARS)
    for target in ("/v3/reference/splits", "/v3/reference/dividends", "/v2/reference/news"):
        assert bare.get(target)["results"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "truncated"),
        ('{"split": []}', "unknown field `split`"),
        (
            '{"splits": [{"ticker": "A", "execution_date": "soon", "split_from": 1, "split_to": 2}]}',
            r"splits\[0\]",
        ),
        ('{"splits": [{"ticker": "A", "execution_date": "2025-03-11", "split_from": 0, "split_to": 2}]}', "above 0"),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "corporate.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CorporateFileError, match=said) as caught:
        read_corporate(path)
    assert str(path) in str(caught.value)


def test_a_file_may_hold_any_part(tmp_path: Path) -> None:
    path = tmp_path / "corporate.json"
    path.write_bytes(msgspec.json.encode(DOCUMENT))
    assert len(read_corporate(path).splits) == 3
    path.write_text("{}")
    assert read_corporate(path) == Corporate()
