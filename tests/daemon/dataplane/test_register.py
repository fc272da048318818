"""A file of companies adds to what is known, and takes nothing of it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from daemon.dataplane.shelf import Shelf
from daemon.dataplane.universe import register
from streams.companyfile import Company
from streams.history.open import open_history
from streams.history.tables import DETAILS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from streams.history.protocol import Register

WHOLE = Company("Apple Inc.", "XNAS", "CS", 3e12, "Technology", "Computers")


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with Shelf(lambda: open_history(tmp_path)) as one:
        yield one


async def row(shelf: Shelf, table: Register) -> dict[str, Any]:
    (only,) = (await shelf.ask(lambda history: history.get(table))).to_pylist()
    return dict(only)


async def test_what_a_file_does_not_say_stays_known(shelf: Shelf) -> None:
    await register(shelf, {"AAPL": WHOLE}, 1)
    known = {"symbol": "AAPL", "name": "Apple Inc.", "exchange": "XNAS", "type": "CS", "active": True}
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
