"""Messages as JSON to any address: for programs of one's own, gateways and flows.

One POST a message, ``Content-Type: application/json``::

    {"v": 1, "title": "...", "lines": ["..."], "link": "...", "ids": ["..."], "image": "<PNG in base64, or empty>"}

``Idempotency-Key`` is the same whenever the same alerts are sent again. With the setting `secret`,
``X-Technic-Signature`` is ``sha256=`` and the HMAC-SHA256 of the body's bytes in hexadecimal digits. Any status 2xx
means that the message was taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from streams.chat.verdict import DELIVERED, by_status
from streams.chat.wire import DEADLINE_S, NoReplyError, Wire, key_of

if TYPE_CHECKING:
    import aiohttp

    from streams.chat.message import Answer, Message
    from streams.chat.settings import Settings


class Webhook:
    """Settings: `url`, and `secret` to sign with (optional). Deadline: `deadline_s` a message."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        self._url, self._secret = settings.address("url"), settings.secret("secret", "")
        settings.check()
        self._wire = Wire(session, (self._url, self._secret), deadline_s)

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        body = json.dumps({"v": 1, **message._asdict(), "image": base64.b64encode(message.image).decode()}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key_of(message), **self._signature(body)}
        try:
            reply = await self._wire.ask("POST", self._url.reveal(), headers=headers, data=body)
        except NoReplyError as none:
            return none.answer
        return DELIVERED if reply.ok else by_status(reply, reply.body)

    async def close(self) -> None:
        """Nothing is held."""

    def _signature(self, body: bytes) -> dict[str, str]:
        if not self._secret:
            return {}
        digest = hmac.new(self._secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        return {"X-Technic-Signature": f"sha256={digest}"}
