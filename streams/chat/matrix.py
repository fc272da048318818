"""Messages to a Matrix room.

Source: the Matrix specification, Client-Server API: sending events with a transaction id, instant messaging, user and
room mentions, content repository, rate limiting. The transaction id comes from the alerts, so a message that is sent
again is shown once. The text goes first; its image follows as an event of its own, and may fail alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from streams.chat.message import Answer, Fate
from streams.chat.text import BROKEN_AT, Markup, compose
from streams.chat.verdict import DELIVERED, by_status, seconds, without_image
from streams.chat.wire import DEADLINE_S, NoReplyError, Wire, key_of

if TYPE_CHECKING:
    import aiohttp

    from streams.chat.message import Message
    from streams.chat.settings import Settings
    from streams.chat.verdict import Reply

LIMIT: Final = 8000
"""Of either form of the text: an event may have 65,536 bytes in all."""

PLAIN: Final = Markup(limit=LIMIT, escapes={"@": BROKEN_AT})
HTML: Final = Markup(
    limit=LIMIT,
    escapes={"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "@": BROKEN_AT},
    title="<strong>{}</strong>",
    link='<a href="{}">Dashboard</a>',
)

_IMAGE: Final = "chart.png"
_NOBODY: Final[dict[str, Any]] = {"m.mentions": {}}


class Matrix:
    """Settings: `server` (its address for clients), `token`, and `room` by its id.

    Deadline: `deadline_s`, twice that with an image.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        self._server, token, self._room = settings.address("server"), settings.secret("token"), settings.text("room")
        if self._room and not self._room.startswith("!"):
            settings.fault("`room` is no id of a room, which begins with '!' (in its settings, under advanced)")
        settings.check()
        self._token, self._deadline_s = token, deadline_s
        self._wire = Wire(session, (token,), deadline_s)

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        key = key_of(message)
        try:
            answer = await self._event(key, _text(message))
        except NoReplyError as none:
            return none.answer
        if answer is not DELIVERED or not message.image:
            return answer
        return without_image(await self._image(key, message.image))

    async def close(self) -> None:
        """Nothing is held."""

    async def _image(self, key: str, image: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                reply = await self._ask("POST", f"media/v3/upload?filename={_IMAGE}", data=image, kind="image/png")
                address = reply.document.get("content_uri")
                return await self._event(f"{key}-image", _picture(image, address)) if address else _verdict(reply)
        except NoReplyError as none:
            return none.answer
        except TimeoutError:
            return Answer(Fate.UNKNOWN, f"not taken within {self._deadline_s:g} s")

    async def _event(self, key: str, content: dict[str, Any]) -> Answer:
        room = quote(self._room, safe="")
        return _verdict(await self._ask("PUT", f"client/v3/rooms/{room}/send/m.room.message/{key}", json=content))

    async def _ask(self, method: str, path: str, *, kind: str = "application/json", **content: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": kind}
        return await self._wire.ask(method, f"{self._server.reveal()}/_matrix/{path}", headers=headers, **content)


def _text(message: Message) -> dict[str, Any]:
    return {
        "msgtype": "m.text",
        "body": compose(message, PLAIN),
        "format": "org.matrix.custom.html",
        "formatted_body": compose(message, HTML).replace("\n", "<br/>"),
        **_NOBODY,
    }


def _picture(image: bytes, address: str) -> dict[str, Any]:
    """Width and height stand in the head of every PNG."""
    width, height = (int.from_bytes(image[at : at + 4]) for at in (16, 20))
    shape = {"mimetype": "image/png", "size": len(image), "w": width, "h": height}
    return {"msgtype": "m.image", "body": _IMAGE, "url": address, "info": shape, **_NOBODY}


def _verdict(reply: Reply) -> Answer:
    told = reply.document
    if reply.ok and "event_id" in told:
        return DELIVERED
    wait_s = seconds(told.get("retry_after_ms"), unit_s=0.001)
    return by_status(reply, f"{told.get('errcode', '')} {told.get('error', '')}", wait_s=wait_s)
