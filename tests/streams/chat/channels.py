"""One channel of each kind at a chat service on loopback, and what to send there."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

from streams.chat.message import Message
from streams.chat.open import sender
from streams.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from streams.chat.message import Sender
    from tests.fakes.chatservice import ChatService

TOKEN = "xoxb-123456:a-secret-of-many-characters"  # noqa: S105 - of nobody


def png(width: int, height: int) -> bytes:
    """Black, all of it."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(bytes((width + 1) * height))), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PNG = png(640, 360)
MESSAGE = Message(
    title="ACME breaks out",
    lines=("volume 3.1 times its usual", "rsi(14) 71.2 > 70"),
    link="http://127.0.0.1:8080/symbol/ACME?at=1&tf=1m",
    ids=("0123456789abcdef0123456789abcdef",),
)
CHART = MESSAGE._replace(image=PNG)
HOSTILE = "@everyone @here @room <!channel> <@U1> & *b* _i_ `c` [x](http://y) <script> \x1b[31m\u202eevil\nnext"

CHANNELS: dict[str, Callable[[str], dict[str, Any]]] = {
    "webhook": lambda origin: {"url": Secret(f"{origin}/hook/{TOKEN}")},
    "slack webhook": lambda origin: {"url": Secret(f"{origin}/services/T0/B0/{TOKEN}")},
    "slack bot": lambda origin: {"server": origin, "token": Secret(TOKEN), "channel": "C123"},
    "discord": lambda origin: {"url": Secret(f"{origin}/api/webhooks/1/{TOKEN}")},
    "telegram": lambda origin: {"server": origin, "token": Secret(TOKEN), "chat_id": -100123},
    "matrix": lambda origin: {"server": origin, "token": Secret(TOKEN), "room": "!abc/d:example.org"},
}


def channel(name: str, service: ChatService, session: aiohttp.ClientSession, deadline_s: float = 10.0) -> Sender:
    return sender(name.split(maxsplit=1)[0], CHANNELS[name](service.origin), session, deadline_s)
