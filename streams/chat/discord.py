"""Messages to a Discord webhook.

Source: Discord's API documentation, "Execute Webhook", "Uploading Files", "Rate Limits". The answer is waited for
(``wait=true``), so that a message that is taken is a message that is shown. Nobody is ever mentioned
(``allowed_mentions``); markup is escaped. Invalid requests count towards a ban of this machine's address: a webhook
that is gone is therefore REFUSED at once.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from streams.chat.text import BROKEN_AT, Markup, compose
from streams.chat.verdict import DELIVERED, by_status, without_image
from streams.chat.wire import DEADLINE_S, NoReplyError, Wire

if TYPE_CHECKING:
    from streams.chat.message import Answer, Message
    from streams.chat.settings import Settings
    from streams.chat.verdict import Reply

MARKUP: Final = Markup(
    limit=2000,
    escapes={**{character: f"\\{character}" for character in r"\*_~`|<>#-[]():"}, "@": BROKEN_AT},
    title="**{}**",
    link="<{}>",
)

_IMAGE: Final = "chart.png"
_AGENT: Final = {"User-Agent": "DiscordBot (technic, 1)"}
"""Of that form, or Discord's gate may shut."""

_NOT_WITH_IMAGE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class Discord:
    """Setting: `url`, of the webhook. Deadline: `deadline_s`, twice that where an image is not taken."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        self._url = settings.address("url")
        settings.check()
        self._wire = Wire(session, (self._url,), deadline_s)

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        try:
            reply = await self._post(message)
            if not (message.image and reply.status in _NOT_WITH_IMAGE):
                return _verdict(reply)
            answer = _verdict(await self._post(message._replace(image=b"")))
        except NoReplyError as none:
            return none.answer
        return without_image(_verdict(reply)) if answer is DELIVERED else answer

    async def close(self) -> None:
        """Nothing is held."""

    async def _post(self, message: Message) -> Reply:
        content: dict[str, Any] = {"content": compose(message, MARKUP), "allowed_mentions": {"parse": []}}
        address = str(URL(self._url.reveal()).update_query(wait="true"))
        if not message.image:
            return await self._wire.ask("POST", address, headers=_AGENT, json=content)
        content["attachments"] = [{"id": 0, "filename": _IMAGE}]
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps(content), content_type="application/json")
        form.add_field("files[0]", message.image, filename=_IMAGE, content_type="image/png")
        return await self._wire.ask("POST", address, headers=_AGENT, data=form)


def _verdict(reply: Reply) -> Answer:
    told = reply.document
    if reply.ok and "id" in told:
        return DELIVERED
    return by_status(reply, told.get("message", ""), wait_s=told.get("retry_after"))
