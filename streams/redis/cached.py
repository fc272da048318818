"""What a cache entry holds, and how long it may be served.

An entry is ``TC1``, the CRC-32 of what follows, and a msgpack array: as-of, fresh until, usable until (milliseconds
since 1970, UTC), source, content. The server is a stranger: whatever does not read as that is no entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
MOST_BYTES: Final = 16 << 20
"""A larger entry is none."""

_MARK: Final = b"TC1"
_HEAD: Final = len(_MARK) + 4


class Lifetime(NamedTuple):
    """How long a kind of entry may be served.

    Attributes:
        fresh_ms: as it is.
        stale_ms: after that, while it is fetched anew; never in an alert.
    """

    fresh_ms: int
    stale_ms: int = 0


LIFETIMES: Final[Mapping[str, Lifetime]] = {
    "status": Lifetime(MINUTE_MS),
    "snapshot": Lifetime(2_000),
    "news": Lifetime(15 * MINUTE_MS, 2 * HOUR_MS),
    "splits": Lifetime(6 * HOUR_MS, 12 * HOUR_MS),
    "dividends": Lifetime(DAY_MS, 3 * DAY_MS),
    "statistics": Lifetime(DAY_MS),
    "profile": Lifetime(DAY_MS, 3 * DAY_MS),
    "history": Lifetime(DAY_MS),
    "tickers": Lifetime(DAY_MS, 7 * DAY_MS),
    "details": Lifetime(DAY_MS, 14 * DAY_MS),
    "related": Lifetime(7 * DAY_MS, 30 * DAY_MS),
}
"""By kind. What moves with the market is never served stale; who a company is changes seldom."""


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One answer, kept.

    Attributes:
        as_of_ms: when it was true.
        fresh_ms, usable_ms: until when it is fresh, and until when it may stand in while it is fetched anew.
        source: where it came from, for people.
        content: bytes, as the kind has them.
    """

    as_of_ms: int
    fresh_ms: int
    usable_ms: int
    source: str
    content: bytes

    def is_fresh(self, now_ms: int) -> bool:
        """Whether it may be served as it is, alerts included."""
        return self.as_of_ms <= now_ms < self.fresh_ms or now_ms < self.as_of_ms < now_ms + MINUTE_MS

    def is_usable(self, now_ms: int) -> bool:
        """Whether it may stand in, outside alerts."""
        return self.is_fresh(now_ms) or self.as_of_ms <= now_ms < self.usable_ms


_decode = msgspec.msgpack.Decoder(Entry).decode


def entry(kind: str, content: bytes, source: str, as_of_ms: int) -> Entry:
    """A new entry of a kind of `LIFETIMES`."""
    fresh_ms, stale_ms = LIFETIMES[kind]
    return Entry(as_of_ms, as_of_ms + fresh_ms, as_of_ms + fresh_ms + stale_ms, source, content)


def encode(kept: Entry) -> bytes:
    """The bytes that are kept."""
    body = msgspec.msgpack.encode(kept)
    return _MARK + crc32(body).to_bytes(4, "big") + body


def decode(raw: bytes) -> Entry | None:
    """The entry, or None if the bytes are not one: altered, torn, or somebody else's."""
    body = raw[_HEAD:]
    if raw[:_HEAD] != _MARK + crc32(body).to_bytes(4, "big"):
        return None
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return None
