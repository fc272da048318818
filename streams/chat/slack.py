"""Messages to Slack: to an incoming webhook, or as a bot, which may also send images.

Source: Slack's documentation: "Sending messages using incoming webhooks", ``chat.postMessage``, "Block Kit",
"Formatting message text", "Working with files", "Rate limits". Everything but the link is in blocks of plain text,
where no markup counts. An image goes into the thread of its message, and may fail alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from streams.chat.message import Answer, Fate
from streams.chat.text import BROKEN_AT, Markup, link_of, one_line, some_lines, told_ids
from streams.chat.verdict import DELIVERED, by_status, without_image
from streams.chat.wire import DEADLINE_S, NoReplyError, Wire

if TYPE_CHECKING:
    import aiohttp

    from streams.chat.message import Message
    from streams.chat.settings import Settings
    from streams.chat.verdict import Reply

SERVER: Final = "https://slack.com/api"
LONGEST_TITLE: Final = 150
LONGEST_SECTION: Final = 3000
MARKUP: Final = Markup(
    limit=LONGEST_SECTION,
    escapes={"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": BROKEN_AT},
    link="<{}|Dashboard>",
)

_IMAGE: Final = "chart.png"
_REFUSALS: Final = frozenset(
    {
        "access_denied",
        "account_inactive",
        "action_prohibited",
        "as_user_not_supported",
        "channel_is_archived",
        "channel_not_found",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "invalid_token",
        "is_archived",
        "missing_scope",
        "no_active_hooks",
        "no_permission",
        "no_service",
        "no_service_id",
        "no_team",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "org_login_required",
        "posting_to_general_channel_denied",
        "restricted_action",
        "restricted_action_read_only_channel",
        "team_access_not_granted",
        "team_disabled",
        "team_not_found",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "user_not_found",
    }
)
_WAITS: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "service_unavailable"})


class SlackWebhook:
    """Setting: `url`, of an incoming webhook. It takes no images. Deadline: `deadline_s`."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        self._url = settings.address("url")
        settings.check()
        self._wire = Wire(session, (self._url,), deadline_s)

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        try:
            reply = await self._wire.ask("POST", self._url.reveal(), json=_content(message))
        except NoReplyError as none:
            return none.answer
        said = reply.body.strip()
        return DELIVERED if reply.ok and said == "ok" else _verdict(reply, said)

    async def close(self) -> None:
        """Nothing is held."""


class SlackBot:
    """Settings: `token` of the bot (scopes chat:write, and files:write for images), `channel`, `server` (optional).

    Deadline: `deadline_s`, twice that with an image.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S) -> None:
        self._token, self._channel = settings.secret("token"), settings.text("channel")
        self._server = settings.address("server", SERVER)
        settings.check()
        self._deadline_s = deadline_s
        self._wire = Wire(session, (self._token,), deadline_s)

    async def send(self, message: Message) -> Answer:
        """As `streams.chat.message.Sender` says."""
        try:
            reply = await self._call("chat.postMessage", json={"channel": self._channel, **_content(message)})
        except NoReplyError as none:
            return none.answer
        answer = _told(reply)
        if answer is not DELIVERED or not message.image:
            return answer
        return without_image(await self._image(message.image, reply.document))

    async def close(self) -> None:
        """Nothing is held."""

    async def _image(self, image: bytes, posted: dict[str, Any]) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._upload(image, posted)
        except NoReplyError as none:
            return none.answer
        except TimeoutError:
            return Answer(Fate.UNKNOWN, f"not taken within {self._deadline_s:g} s")

    async def _upload(self, image: bytes, posted: dict[str, Any]) -> Answer:
        place = await self._call("files.getUploadURLExternal", data={"filename": _IMAGE, "length": str(len(image))})
        answer, found = _told(place), place.document
        if answer is not DELIVERED or "upload_url" not in found:
            return by_status(place, answer.what)
        taken = await self._wire.ask("POST", str(found["upload_url"]), data=image)
        if not taken.ok:
            return by_status(taken, taken.body)
        shared = {
            "files": [{"id": found.get("file_id"), "title": _IMAGE}],
            "channel_id": posted.get("channel"),
            "thread_ts": posted.get("ts"),
        }
        return _told(await self._call("files.completeUploadExternal", json=shared))

    async def _call(self, method: str, **content: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        return await self._wire.ask("POST", f"{self._server.reveal()}/{method}", headers=headers, **content)


def _content(message: Message) -> dict[str, Any]:
    """What both ways take; `text` is what a phone shows before the message is opened."""
    lines = "\n".join(some_lines(message.lines, MARKUP, LONGEST_SECTION))
    link, ids = link_of(message.link, MARKUP), told_ids(message.ids)
    blocks = [
        {"type": "header", "text": _plain(one_line(message.title, MARKUP, LONGEST_TITLE))},
        *([{"type": "section", "text": _plain(lines)}] if lines.strip() else []),
        *([{"type": "section", "text": {"type": "mrkdwn", "text": link, "verbatim": True}}] if link else []),
        *([{"type": "context", "elements": [_plain(MARKUP.escape(ids))]}] if ids else []),
    ]
    text = one_line(message.title, MARKUP, LONGEST_TITLE)
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _told(reply: Reply) -> Answer:
    """Of a method of the Web API, which tells failures with status 200, too."""
    found = reply.document
    return DELIVERED if reply.ok and found.get("ok") is True else _verdict(reply, str(found.get("error", "")))


def _verdict(reply: Reply, said: str) -> Answer:
    fate = Fate.REFUSED if said in _REFUSALS else Fate.LATER if said in _WAITS else None
    return by_status(reply, said, fate=fate)
