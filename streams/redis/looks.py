"""What people look at, told by whoever shows it to whoever fetches ahead: the stream ``technic:looks``.

An entry has ``source`` (who shows it) and ``symbols`` (with commas). Looks are a hint: nothing waits for them, and a
lost one costs nothing.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from redis.exceptions import RedisError

from streams.redis.connection import DEADLINE_S, connect
from streams.redis.verdict import LIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STREAM: Final = "looks"
MOST_SYMBOLS: Final = 100
"""Symbols that one entry names; of more the first."""

MOST_ENTRIES: Final = 1_000

_SYMBOL = re.compile(r"[A-Za-z0-9./-]{1,16}")


async def tell(url: str, prefix: str, source: str, symbols: Sequence[str]) -> bool:
    """Tell that somebody looks at these; whether the server took it, within its deadline."""
    entry = {"source": source, "symbols": ",".join(symbols[:MOST_SYMBOLS])}
    with suppress(RedisError, OSError, *LIES):
        async with asyncio.timeout(DEADLINE_S), connect(url) as client:
            await client.xadd(f"{prefix}{STREAM}", entry, maxlen=MOST_ENTRIES, approximate=True)  # type: ignore[arg-type]
            return True
    return False


def symbols_of(fields: Mapping[str, str]) -> list[str]:
    """The symbols of an entry, whatever else it holds."""
    named = fields.get("symbols", "")[: MOST_SYMBOLS * 17].split(",")
    return [symbol for symbol in named if _SYMBOL.fullmatch(symbol)][:MOST_SYMBOLS]
