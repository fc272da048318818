"""Whether a symbol is one at all: the leaderboard knows it, or the list of what is listed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from daemon import silencing
from daemon.dataplane.universe import universe
from streams.history.errors import HistoryError
from streams.redis.silenced import ANY

if TYPE_CHECKING:
    from daemon.dataplane.shelf import Shelf
    from streams.redis.silences import Silences


async def check_listed(symbol: str, kept: Silences, shelf: Shelf) -> None:
    """Raise unless it is scored, listed, or nobody can tell: silence is wanted most when something is wrong.

    Raises:
        SilencingError: there are lists, and it is in none of them.
        RedisRefusedError: the server is away, or will not.
    """
    if symbol == ANY or await kept.scored(symbol):
        return
    listed: list[str] = []
    with suppress(HistoryError):
        listed = [known.decode() for known in (await universe(shelf)).symbols.tolist()]
    if listed and symbol not in listed:
        raise silencing.stranger(symbol, listed)
