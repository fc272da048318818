"""Messages of a Telegram bot.

Source: Telegram's Bot API documentation: "Making requests", ``sendMessage``, ``sendPhoto``, "HTML style",
``ResponseParameters``. A message whose text is too long for a caption goes without its image.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from streams.chat.message import Answer, Fate
from streams.chat.text import BROKEN_AT, Markup, compose, size
from streams.chat.verdict import DELIVERED, by_status, without_image
from streams.chat.wire import DEADLINE_S, NoReplyError, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.chat.message import Message
    from streams.chat.settings import Settings
    from streams.chat.verdict import Reply

SERVER: Final = "https://api.telegram.org"
LONGEST_CAPTION: Final = 1024
MARKUP: Final = Markup(
    limit=4096,
    escapes={"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "@": BROKEN_AT},
    title="<b>{}</b>",
    link='<a href="{}">Dashboard</a>',
)

_NOT_WITH_IMAGE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
_REFUSALS: Final = (
    "chat not found",
    "chat_id is empty",
    "chat_id is invalid",
    "chat_restricted",
    "chat_write_forbidden",
    "group chat was upgraded",
    "have no rights to send",
    "message thread not found",
    "need administrator rights",
    "not enough rights",
    "peer_id_invalid",
    "topic_closed",
    "topic_deleted",
    "user_deactivated",
    "user not found",
)
"""Of a status 400: in the service's description, in lower case. Any other 400 is of this one message."""


class Telegram:
    """Settings: `token` of the bot, `chat_id`, and, optional, `thread_id` of a topic and `server` of one's own.

    Deadline: `deadline_s`, twice that where an image is not taken.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        self._token, self._server = settings.secret("token"), settings.address("server", SERVER)
        self._to = {"chat_id": settings.text("chat_id")}
        if thread := settings.text("thread_id", ""):
            self._to["message_thread_id"] = thread
        settings.check()
        self._wire = Wire(session, (self._token,), deadline_s)

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        text = compose(message, MARKUP)
        try:
            if not message.image:
                return _verdict(await self._text(text))
            if size(text) > LONGEST_CAPTION:
                return _or_less(_verdict(await self._text(text)), "the text is too long for a caption")
            reply = await self._photo(text, message.image)
            if reply.status not in _NOT_WITH_IMAGE:
                return _verdict(reply)
            return _or_less(_verdict(await self._text(text)), _verdict(reply).what)
        except NoReplyError as none:
            return none.answer

    async def close(self) -> None:
        """Nothing is held."""

    async def _text(self, text: str) -> Reply:
        styled = {"text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}
        return await self._wire.ask("POST", self._address("sendMessage"), json={**self._to, **styled})

    async def _photo(self, caption: str, image: bytes) -> Reply:
        form = aiohttp.FormData({**self._to, "caption": caption, "parse_mode": "HTML"})
        form.add_field("photo", image, filename="chart.png", content_type="image/png")
        return await self._wire.ask("POST", self._address("sendPhoto"), data=form)

    def _address(self, method: str) -> str:
        return f"{self._server.reveal()}/bot{self._token.reveal()}/{method}"


def _or_less(answer: Answer, reason: str) -> Answer:
    return without_image(Answer(Fate.UNKNOWN, reason)) if answer is DELIVERED else answer


def _verdict(reply: Reply) -> Answer:
    told = reply.document
    if reply.ok and told.get("ok") is True:
        return DELIVERED
    said = str(told.get("description", ""))
    more = told.get("parameters")
    parameters: Mapping[str, Any] = more if isinstance(more, dict) else {}
    if moved := parameters.get("migrate_to_chat_id"):
        said += f"; its new `chat_id` is {moved}"
    refused = reply.status == HTTPStatus.BAD_REQUEST and any(word in said.lower() for word in _REFUSALS)
    return by_status(reply, said, fate=Fate.REFUSED if refused else None, wait_s=parameters.get("retry_after"))
