"""Both stores, one after the other, for every test that asks for `history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.history.open import open_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.history.protocol import History

    Opener = Callable[[], History]


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store, as often as asked; all are closed at the end."""
    opened: list[History] = []

    def again(*, read_only: bool = False) -> History:
        opened.append(open_history(tmp_path / "history", read_only=read_only))
        return opened[-1]

    yield again
    for history in opened:
        history.close()


@pytest.fixture
def history(opener: Opener) -> History:
    return opener()
