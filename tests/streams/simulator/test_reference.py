from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.bars import SYMBOL
from streams.companyfile import Company, CompanyFileError, read_companies
from streams.simulator.rest import Archive
from tests.streams.simulator.market_of import Bar, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATH = "/v3/reference/tickers"
COMPANIES = {
    "AAA": Company("Alpha Inc.", "NASDAQ", "", 5e9, "Technology", "Semiconductors"),
    "BRK.B": Company("Beta Holdings", "NYSE"),
    "FUND": Company("Gamma ETF", "ARCX", "ETF"),
}


def exchange(*bars: Bar) -> Exchange:
    archive = Archive(companies=COMPANIES, symbols=np.array(["ZZZ"], SYMBOL))
    return Exchange(*(bars or (Bar("NEW", "09:30"),)), archive=archive)


def names(target: str) -> list[str]:
    return [row["ticker"] for row in exchange().get(target)["results"]]


def test_tickers_are_those_of_the_file_of_the_source_and_of_the_bars() -> None:
    assert names(PATH) == ["AAA", "BRK.B", "FUND", "NEW", "ZZZ"]


def test_a_company_is_told_as_the_vendor_does_and_one_unknown_plainly() -> None:
    rows = {row["ticker"]: row for row in exchange().get(PATH)["results"]}
    assert rows["AAA"] == {
        "ticker": "AAA", "name": "Alpha Inc.", "market": "stocks", "locale": "us", "primary_exchange": "XNAS",
        "type": "CS", "active": True, "currency_name": "usd", "last_updated_utc": "2025-03-10T00:00:00Z",
    }  # fmt: skip
    assert (rows["NEW"]["name"], rows["NEW"]["primary_exchange"]) == ("NEW Common Stock", "XNYS")
    assert (rows["FUND"]["type"], rows["FUND"]["primary_exchange"]) == ("ETF", "ARCX")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ticker=FUND", ["FUND"]),
        ("ticker.gte=FUND&ticker.lt=ZZZ", ["FUND", "NEW"]),
        ("type=ETF", ["FUND"]),
        ("exchange=XNAS", ["AAA"]),
        ("search=holdings", ["BRK.B"]),
        ("market=stocks&active=true&order=desc&limit=2", ["ZZZ", "NEW"]),
        ("active=false", []),
        ("market=crypto", []),
        ("sort=name&order=asc&limit=1", ["AAA"]),
    ],
)
def test_tickers_are_picked_by_their_fields(query: str, found: list[str]) -> None:
    assert names(f"{PATH}?{query}") == found


def test_a_company_is_listed_from_its_first_day_until_the_day_it_goes() -> None:
    companies = {
        "OLD": Company("Same Inc.", figi="BBG1", delisted="2025-03-10"),
        "NEW": Company("Same Inc.", figi="BBG1", listed="2025-03-10"),
        "LATER": Company("Later Inc.", listed="2025-03-11"),
        "GOES": Company("Goes Inc.", delisted="2025-03-11"),
    }
    market = Exchange(Bar("ZZZ", "09:30"), archive=Archive(companies=companies))
    found = {row["ticker"]: row.get("composite_figi") for row in market.get(PATH)["results"]}
    assert found == {"NEW": "BBG1", "GOES": None, "ZZZ": None}
    (gone,) = market.get(f"{PATH}?active=false")["results"]
    assert (gone["ticker"], gone["active"], gone["delisted_utc"]) == ("OLD", False, "2025-03-10T00:00:00Z")


def test_pages_hold_every_ticker_once() -> None:
    pages = exchange().pages(f"{PATH}?limit=2&active=true&apiKey=k")
    assert [[row["ticker"] for row in page] for page in pages] == [["AAA", "BRK.B"], ["FUND", "NEW"], ["ZZZ"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "sort=colour", "cursor=x"])
def test_what_makes_no_sense_is_refused(query: str) -> None:
    assert exchange().status(f"{PATH}?{query}") == 400


def test_details_tell_all_that_is_known() -> None:
    results = exchange().get(f"{PATH}/AAA?date=2025-03-10")["results"]
    assert (results["market_cap"], results["sic_description"], results["ticker_root"]) == (5e9, "SEMICONDUCTORS", "AAA")
    results = exchange().get(f"{PATH}/BRK.B")["results"]
    assert (results["ticker_root"], results["ticker_suffix"]) == ("BRK", "B")
    assert not {"market_cap", "sic_description"} & set(results)


def test_details_of_what_is_not_listed_are_not_found() -> None:
    assert exchange().status(f"{PATH}/NONE") == 404
    assert exchange().get(f"{PATH}/NONE")["message"] == "Ticker not found."


def test_a_file_may_leave_out_all_but_the_symbol(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text('symbol,market_cap,name\nA,,"One, Inc."\nB,x,\nno ticker,1,C\nA,5,Two\n')
    assert read_companies(path) == {"A": Company("Two", market_cap=5.0), "B": Company()}


def test_a_file_without_symbols_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("ticker,name\nA,One\n")
    with pytest.raises(CompanyFileError, match="column symbol: is missing; there are ticker, name"):
        read_companies(path)


def test_the_universe_is_read_whole(data_file: Callable[[str], Path]) -> None:
    companies = read_companies(data_file("universe_2024-12-31.csv.gz"))
    assert len(companies) > 6_900
    assert companies["AAL"].exchange == "NASDAQ"
    assert companies["AAL"].market_cap == 11453793260.0
