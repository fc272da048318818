"""Messages to everything else, by an Apprise URL.

Apprise says no more than that it failed, not whether the service refused or was away: all its failures are UNKNOWN.
It is imported by the first such channel, for it takes a while; each message is sent in a thread, for it blocks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from streams.chat.message import Answer, Fate
from streams.chat.text import BROKEN_AT, Markup, compose
from streams.chat.verdict import DELIVERED
from streams.chat.wire import DEADLINE_S

if TYPE_CHECKING:
    import aiohttp

    from streams.chat.message import Message
    from streams.chat.settings import Settings

PLAIN: Final = Markup(limit=4000, escapes={"@": BROKEN_AT, "<": "<\u200b", "!": "!\u200b"})
"""Apprise itself escapes plain text for its services, and knows their limits; but it makes ``!here>`` a mention of
Slack's on purpose, and leaves ``<users/all>`` to Google Chat."""

_BUSY: Final = Answer(Fate.LATER, "an earlier message to it has not ended yet")
_FAILED: Final = Answer(Fate.UNKNOWN, "Apprise could not send it, and does not say why")


class Apprise:
    """Setting: `url`, in the form that Apprise documents for the service. Deadline: `deadline_s`.

    A message that is overdue is left to its thread; until that ends no other is begun, so there is one at most.
    """

    def __init__(self, settings: Settings, _: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        url = settings.secret("url")
        settings.check()
        import apprise  # noqa: PLC0415 - half a second, for those alone who use it
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415 - as above

        logging.getLogger("apprise").disabled = True  # what it complains of it shows whole, tokens included
        asset = apprise.AppriseAsset(app_id="technic", app_desc="technic", async_mode=False)
        self._peer = apprise.Apprise(asset=asset)
        if not self._peer.add(url.reveal()):
            settings.fault("`url` is none that Apprise knows")
            settings.check()
        self._attachment: Any = AttachMemory
        self._deadline_s = deadline_s
        self._thread: threading.Thread | None = None

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        if self._thread and self._thread.is_alive():
            return _BUSY
        ended = asyncio.Event()
        answers: list[Answer] = []
        loop = asyncio.get_running_loop()

        def work() -> None:
            answers.append(self._notify(message))
            with suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(ended.set)

        self._thread = threading.Thread(target=work, name="apprise", daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(self._deadline_s):
                await ended.wait()
        except TimeoutError:
            return Answer(Fate.UNKNOWN, f"no answer within {self._deadline_s:g} s; it may have been taken")
        return answers[0]

    async def close(self) -> None:
        """An overdue message is left to its thread, which does not hold up the end of the process."""

    def _notify(self, message: Message) -> Answer:
        title, _, body = compose(message, PLAIN).partition("\n")
        more: dict[str, Any] = {}
        if message.image:
            more["attach"] = self._attachment(content=message.image, name="chart.png", mimetype="image/png")
        try:
            taken = self._peer.notify(body=body or title, title=title if body else "", body_format="text", **more)
        except Exception as error:  # noqa: BLE001 - a hundred and fifty services' code
            return Answer(Fate.UNKNOWN, f"Apprise failed ({type(error).__name__})")
        return DELIVERED if taken else _FAILED
