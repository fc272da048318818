"""What is listed, from a store that a file has filled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.commands.universe import Filter, matching, strangers
from daemon.dataplane.statistics import SymbolStatistics
from daemon.dataplane.universe import Universe
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.open import open_history
from streams.history.protocol import Span
from tests.fakes.program import technic

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NAN = float("nan")
KNOWN = Universe(
    np.array([b"A", b"B", b"C", b"D"], SYMBOL),
    *[["", "", "", ""]] * 2,
    ["CS", "ETF", "CS", "CS"],
    ["Energy", "", "Health Care", "Energy"],
    ["", "", "", ""],
    np.array([1e9, NAN, 5e9, 2e12]),
    np.array([True, True, True, False]),
)
USUAL = SymbolStatistics(
    KNOWN.symbols, np.array([5.0, 50.0, NAN, 100.0]), *[np.array([1e6, 1e5, 1e4, 1e9]) for _ in range(9)]
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), "ABC"),  # D is listed no more
        (Filter(kinds=("cs",)), "AC"),
        (Filter(kinds=("CS", "ETF"), sectors=("energy",)), "A"),
        (Filter(min_price=5.0), "AB"),
        (Filter(max_price=10.0), "A"),
        (Filter(min_volume=1e5), "AB"),
        (Filter(min_market_cap=1e9), "AC"),
        (Filter(sectors=("Nothing",)), ""),
    ],
)
def test_only_what_is_wanted_and_known_to_be_so(wanted: Filter, found: str) -> None:
    assert b"".join(KNOWN.symbols[matching(KNOWN, USUAL, wanted)].tolist()).decode() == found


def test_a_sector_or_type_that_nothing_has_is_told_with_those_there_are() -> None:
    assert strangers(KNOWN, Filter(sectors=("energy",), kinds=("cs",))) == ""
    said = strangers(KNOWN, Filter(sectors=("Enrgy",)))
    assert said == "no symbol has the sector Enrgy; there are Energy, Health Care"
    nothing = KNOWN._replace(sector=[""] * 4)
    assert "none is known: see --import FILE" in strangers(nothing, Filter(sectors=("Energy",)))


@pytest.fixture
def companies(tmp_path: Path) -> Path:
    path = tmp_path / "companies.csv"
    path.write_text("symbol,name,sector,market_cap\nXOM,Exxon,Energy,5e11\nPFE,Pfizer,Health Care,1e11\n")
    return path


def universe(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return technic("universe", *arguments, folder=folder, environ={"TECHNIC_STATE__FOLDER": str(folder / "state")})


def test_a_file_is_taken_in_and_known_from_then_on(companies: Path, tmp_path: Path) -> None:
    taken = universe(tmp_path, "--import", companies)
    assert taken.returncode == 0, taken.stderr
    assert "2 companies taken in" in taken.stderr
    assert "Exxon" in taken.stdout
    (only,) = json.loads(universe(tmp_path, "--sector", "health care", "--json").stdout)
    assert (only["symbol"], only["market_cap"], only["previous_close"]) == ("PFE", 1e11, None)


def test_sectors_are_told_with_how_their_symbols_spread(companies: Path, tmp_path: Path) -> None:
    with open_history(tmp_path / "state" / "history") as history:
        days = closes({"XOM": [100.0, 110.0], "CVX": [100.0, 120.0], "PFE": [50.0, 49.0]})
        history.write_daily(days, "test", 0)
        history.mark_fetched("grouped days", [Span("", int(days.day[0]), int(days.day[1]), 0)])
    companies.write_text("symbol,name,sector\nXOM,Exxon,Energy\nPFE,Pfizer,Health Care\nCVX,Chevron,Energy\n")
    told = universe(tmp_path, "--import", companies, "--by-sector", "--json")
    energy, health = json.loads(told.stdout)
    assert (energy["sector"], energy["symbols"], health["symbols"]) == ("Energy", 2, 1)
    assert energy["previous_change"]["mean"] == pytest.approx(0.15)
    assert energy["previous_change"]["deviation"] == pytest.approx(0.1 / 2**0.5)
    assert energy["previous_change"]["p50"] == pytest.approx(0.15)
    assert health["previous_change"]["deviation"] is None  # of one
    shown = universe(tmp_path, "--by-sector").stdout
    assert "+15.0%" in shown
    assert all(line == line.rstrip() for line in shown.splitlines())


def closes(of: dict[str, list[float]]) -> DailyBars:
    """Closes of 24 and 25 September 2026."""
    symbol = np.repeat(np.array([name.encode() for name in of], SYMBOL), 2)
    close = np.array([one for pair in of.values() for one in pair])
    days = (np.datetime64("2026-09-24") - np.datetime64("1970-01-01")).astype(int) + np.tile([0, 1], len(of))
    return DailyBars(symbol, days, np.stack([close, close, close, close, close * 1_000]), 0)


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    told = universe(tmp_path)
    assert (told.returncode, told.stdout) == (0, "")
    assert "nothing is known yet" in told.stderr


def test_a_file_that_is_no_list_of_companies_is_told(companies: Path, tmp_path: Path) -> None:
    companies.write_text("ticker\nXOM\n")
    told = universe(tmp_path, "--import", companies)
    assert told.returncode == 65
    assert "symbol" in told.stderr
    assert "Traceback" not in told.stderr
