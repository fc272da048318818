"""Frames and elements that a client must survive. Pure."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from streams.simulator import wire
from streams.simulator.faultkinds import ANY, GARBAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

YEAR_9999_MS: Final = 253_370_764_800_000

HOSTILE: Final = "__proto__\x00\n\x1b[31m<script>alert(1)</script>\u202e"
"""A symbol that wants to be more than one."""

ODD_STATUSES: Final = (
    b'{"ev":"status","status":"strange","message":"something nobody has heard of"}',
    b'{"ev":"status","status":"success"}',
    b'{"ev":"status","status":7,"message":["not","a","text"]}',
    b'{"ev":"status","status":"","message":""}',
    b'{"ev":"status","message":"no status at all"}',
    b'{"ev":"status","status":"info","message":"\\u0000\\u001b[31m<script>alert(1)</script>\\u202e"}',
)

_FRAMES: Final[Mapping[str, bytes]] = {
    "text": b"<html><body>502 Bad Gateway</body></html>",
    "truncated": b'[{"ev":"A","sym":"ZZTOP","v":312,"o":12.4,"c":12.',
    "utf8": b'[{"ev":"status","status":"success","message":"\xc3\x28 \xff\xfe"}]',
}
_PIECE: Final = b" " * (1 << 20)
_TEXT_COMPRESSED, _LONG_16, _LONG_64 = 0xC1, 126, 127
_SHORT_MOST, _MIDDLE_MOST = 125, 0xFFFF


def garbage(how: str, rng: np.random.Generator) -> tuple[str, bytes]:
    """Which garbage it is, and the payload of a text frame."""
    which = str(rng.choice(GARBAGE)) if how == ANY else how
    return which, _FRAMES[which]


def element(good: bytes, how: str) -> bytes:
    """A bar's JSON object with a value that cannot be; ``nan`` is not even JSON."""
    bar: dict[str, Any] = json.loads(good)
    match how:
        case "nan":
            bar |= {"o": float("nan"), "c": float("nan")}
        case "negative":
            bar |= {"l": -bar["l"], "v": -5}
        case "text":
            bar |= {"o": "high", "s": "soon"}
        case "high_below_low":
            bar |= {"h": bar["l"], "l": bar["h"] + 1}
        case "huge":
            bar |= {"h": 1e308, "v": 1e308}
        case "year_1970":
            bar |= {"s": 0, "e": bar["e"] - bar["s"]}
        case "long_number":
            bar |= {"s": 10**400}
        case "symbol":
            bar |= {"sym": HOSTILE}
        case _:
            bar |= {"s": YEAR_9999_MS, "e": YEAR_9999_MS + bar["e"] - bar["s"]}
    return json.dumps(bar, separators=(",", ":")).encode()


def status(kind: str, message: str, rng: np.random.Generator) -> bytes:
    """The frame of a status: that one, or an odd one."""
    if kind or message:
        return wire.frame([wire.status(kind, message)])
    return wire.frame([ODD_STATUSES[int(rng.integers(len(ODD_STATUSES)))]])


def oversize(size_bytes: int) -> bytes:
    """A sound text of that size."""
    return b"[" + b" " * max(size_bytes - 2, 0) + b"]"


def fragments(count: int) -> bytes:
    """A sound text in so many websocket frames of a byte each, at least two."""
    count = max(count, 2)
    return b"\x01\x01[" + b"\x00\x01 " * (count - 2) + b"\x80\x01]"


def bomb(size_bytes: int) -> bytes:
    """A whole websocket frame: a compressed text of at least that many bytes, a thousandth of them on the wire.

    Each MiB is flushed on its own, so that the same packed bytes stand for all of them.
    """
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(_PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = (piece * -(-size_bytes // len(_PIECE))).removesuffix(b"\x00\x00\xff\xff")
    return _header(len(packed)) + packed


def _header(size: int) -> bytes:
    if size <= _SHORT_MOST:
        return bytes([_TEXT_COMPRESSED, size])
    if size <= _MIDDLE_MOST:
        return bytes([_TEXT_COMPRESSED, _LONG_16]) + size.to_bytes(2)
    return bytes([_TEXT_COMPRESSED, _LONG_64]) + size.to_bytes(8)
