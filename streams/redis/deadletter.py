"""What the stream of dead letters holds of an entry that was given up. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.typing import EncodableT, FieldT

    from streams.redis.group import Entry

MOST = 10_000
"""Letters that the stream keeps, about."""

MOST_BYTES = 65_536
"""Of an entry's data that a letter keeps."""

FLAT_BYTES = 500
"""Of each other field."""

FLAT = (b"id", b"rule", b"symbol", b"bar_start_ms", b"score", b"severity", b"published_ms")


def letter(entry: Entry, reason: str, group: str, consumer: str) -> dict[FieldT, EncodableT]:
    """Which entry, who gave it up and why; and what it held, cut where it is too long."""
    fields = entry.fields or {}
    data = fields.get(b"data", b"")
    return {
        **{name: fields[name][:FLAT_BYTES] for name in FLAT if name in fields},
        "stream_id": entry.stream_id,
        "reason": reason,
        "group": group,
        "consumer": consumer,
        "deliveries": str(entry.deliveries),
        "data_bytes": str(len(data)),
        "data": data[:MOST_BYTES],
    }
