"""An alert as programs read it from the stream, and what an entry must be to be one.

Pure. The writer's side is the daemon's; what both agree on stands in ``docs/schemas/alert.schema.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Of the JSON form, field ``v``: the one that is read here. New fields do not change it."""

MOST_BYTES = 1_000_000
"""Of an alert's JSON; one with every field full has some ten thousand."""


LATEST_MS: Final = 4_102_444_800_000
"""The year 2100: whatever claims to be later is no time."""

Moment = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]


class PoisonError(ValueError):
    """An entry that is no alert; the text says why. Skip it: it will not become one."""


class Times(msgspec.Struct, frozen=True):
    """Milliseconds since the epoch, UTC.

    Attributes:
        event_ms: end of the bar, market time.
        received_ms: arrival of the bar's frame, market time.
        scored_ms: when the engine had decided, wall clock.
    """

    event_ms: Moment
    received_ms: Moment
    scored_ms: Moment = 0


class Member(msgspec.Struct, frozen=True):
    """Another symbol of the sector, told by the same alert."""

    symbol: str
    price: float | None = None
    change: float | None = None


class DeliveredAlert(msgspec.Struct, frozen=True):
    """An alert, with where and how often it was delivered. What each field means: ``docs/schemas/alert.schema.json``.

    Fields that came later than the first release have a default, so that older entries can be read; fields that are
    not known here are left out, so that newer ones can be.

    Attributes:
        id: of the alert: the same in every repeat, and after every restart. Do not act twice on one id.
        stream_id: of the entry, ``ms-n``.
        deliveries: tries at the entry, this one included; what was given back at an orderly end is none.
        published_ms: when the alert was on disk and on its way, wall clock.
    """

    id: str
    rule: str
    symbol: str
    bar_start_ms: Moment
    price: float
    times: Times
    rule_version: str = ""
    name: str = ""
    sector: str = ""
    session: str = ""
    timeframe: str = ""
    severity: str = ""
    evaluate: str = ""
    change: float | None = None
    volume: float | None = None
    score: float | None = None
    order: float | None = None
    contributions: dict[str, float] = {}
    values: dict[str, float | None] = {}
    coverage: str = ""
    late: bool = False
    forming: bool = False
    members: tuple[Member, ...] = ()
    about: dict[str, Any] = {}
    v: int = VERSION
    stream_id: str = ""
    deliveries: int = 1
    published_ms: int = 0


class _Versioned(msgspec.Struct):
    v: int


_version = msgspec.json.Decoder(_Versioned)
_alert = msgspec.json.Decoder(DeliveredAlert)


def opened(
    fields: Mapping[bytes, bytes], stream_id: str, deliveries: int, most_bytes: int = MOST_BYTES
) -> DeliveredAlert:
    """The alert of an entry.

    Raises:
        PoisonError: there is none in it, or none of a version that is read here.
    """
    data = fields.get(b"data")
    if data is None:
        raise PoisonError("it has no field data")
    if len(data) > most_bytes:
        raise PoisonError(f"its data has {len(data):,} bytes, and at most {most_bytes:,} are read")
    try:
        version = _version.decode(data).v
        if version != VERSION:
            raise PoisonError(f"its version is {version}, and {VERSION} is the one that is read: update the program")
        alert = _alert.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PoisonError(f"its data is no alert: {error}") from error
    at_ms = _number(fields.get(b"published_ms")) or int(stream_id.partition("-")[0])
    return msgspec.structs.replace(alert, stream_id=stream_id, deliveries=deliveries, published_ms=at_ms)


def _number(text: bytes | None) -> int:
    """A field of digits, 0 if it is none."""
    return int(text) if text and text.isdigit() and len(text) <= 16 else 0  # noqa: PLR2004 (digits of ms, with room)
