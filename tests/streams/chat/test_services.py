"""What is each service's own: the form of its requests, its words for refusals, its images."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from streams.chat.message import Answer, Fate
from streams.chat.open import sender
from tests.fakes.chatservice import HANG, says
from tests.streams.chat.channels import CHART, HOSTILE, MESSAGE, PNG, TOKEN, channel

if TYPE_CHECKING:
    import aiohttp

    from tests.fakes.chatservice import ChatService

DELIVERED = Answer(Fate.DELIVERED, "")


async def test_a_webhook_gets_json_that_is_signed(service: ChatService, session: aiohttp.ClientSession) -> None:
    own = sender("webhook", {"url": f"{service.origin}/hook", "secret": "shared-by-both"}, session)
    await own.send(CHART)
    await own.send(CHART._replace(title="again"))
    first, again = service.taken
    assert first.document == {
        "v": 1,
        "title": MESSAGE.title,
        "lines": list(MESSAGE.lines),
        "link": MESSAGE.link,
        "ids": list(MESSAGE.ids),
        "image": base64.b64encode(PNG).decode(),
    }
    expected = hmac.new(b"shared-by-both", first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Technic-Signature"] == f"sha256={expected}"
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert first.headers["Content-Type"] == "application/json"


async def test_a_webhook_without_a_secret_signs_nothing(service: ChatService, session: aiohttp.ClientSession) -> None:
    await channel("webhook", service, session).send(MESSAGE)
    assert "X-Technic-Signature" not in service.taken[0].headers


async def test_discord_mentions_nobody_and_waits(service: ChatService, session: aiohttp.ClientSession) -> None:
    await channel("discord", service, session).send(MESSAGE)
    (asked,) = service.taken
    assert asked.query == {"wait": "true"}
    assert asked.headers["User-Agent"].startswith("DiscordBot (")
    assert asked.document["allowed_mentions"] == {"parse": []}
    assert asked.document["content"].splitlines()[0] == "**ACME breaks out**"
    assert f"<{MESSAGE.link}>" in asked.document["content"]


async def test_discord_gets_the_image_as_a_file(service: ChatService, session: aiohttp.ClientSession) -> None:
    assert await channel("discord", service, session).send(CHART) == DELIVERED
    (asked,) = service.taken
    assert asked.form["files[0]"] == PNG
    assert asked.document["attachments"] == [{"id": 0, "filename": "chart.png"}]


@pytest.mark.parametrize("name", ["discord", "telegram"])
async def test_an_image_that_is_not_taken_does_not_cost_the_message(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(says(413, {"message": "too large", "description": "Request Entity Too Large"}))
    answer = await channel(name, service, session).send(CHART)
    assert answer.fate is Fate.DELIVERED
    assert answer.what.startswith("without its image: HTTP 413: ")
    assert not service.taken[0].form


async def test_discord_escapes_all_its_markup(service: ChatService, session: aiohttp.ClientSession) -> None:
    await channel("discord", service, session).send(MESSAGE._replace(lines=(HOSTILE,), link=""))
    line = service.taken[0].document["content"].splitlines()[1]
    assert not re.search(r"(?<!\\)[*_~`|<>#\[\]()]", line)


async def test_discords_own_pause_is_finer_than_the_header(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(says(429, {"message": "slow", "retry_after": 0.65, "global": False}, Retry_After="1"))
    answer = await channel("discord", service, session).send(MESSAGE)
    assert answer == Answer(Fate.LATER, "HTTP 429: slow", 0.65)


async def test_a_discord_webhook_that_is_gone_is_refused(service: ChatService, session: aiohttp.ClientSession) -> None:
    service.fail(says(404, {"message": "Unknown Webhook", "code": 10015}))
    answer = await channel("discord", service, session).send(MESSAGE)
    assert answer == Answer(Fate.REFUSED, "HTTP 404: Unknown Webhook")


async def test_telegram_gets_escaped_html(service: ChatService, session: aiohttp.ClientSession) -> None:
    await channel("telegram", service, session).send(MESSAGE._replace(lines=("a < b & c",)))
    (asked,) = service.taken
    assert asked.path == f"/bot{TOKEN}/sendMessage"
    assert asked.document == {
        "chat_id": "-100123",
        "text": "<b>ACME breaks out</b>\na &lt; b &amp; c\n"
        '<a href="http://127.0.0.1:8080/symbol/ACME?at=1&amp;tf=1m">Dashboard</a>\nalert 0123456789ab',
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }


async def test_telegram_gets_an_image_with_a_caption(service: ChatService, session: aiohttp.ClientSession) -> None:
    own = sender("telegram", {"server": service.origin, "token": TOKEN, "chat_id": "@c", "thread_id": 7}, session)
    assert await own.send(CHART) == DELIVERED
    (asked,) = service.taken
    assert asked.path.endswith("/sendPhoto")
    assert asked.form["photo"] == PNG
    assert asked.form["caption"].startswith(b"<b>ACME breaks out</b>\n")
    assert (asked.form["chat_id"], asked.form["message_thread_id"]) == (b"@c", b"7")
    assert asked.form["parse_mode"] == b"HTML"


async def test_a_text_that_is_no_caption_goes_without_its_image(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    answer = await channel("telegram", service, session).send(CHART._replace(lines=("x" * 1100,)))
    assert answer == Answer(Fate.DELIVERED, "without its image: the text is too long for a caption")
    assert service.taken[0].path.endswith("/sendMessage")


@pytest.mark.parametrize(
    ("status", "description", "fate"),
    [
        (400, "Bad Request: chat not found", Fate.REFUSED),
        (400, "Bad Request: not enough rights to send text messages to the chat", Fate.REFUSED),
        (400, "Bad Request: message thread not found", Fate.REFUSED),
        (400, "Bad Request: can't parse entities: unsupported start tag", Fate.UNKNOWN),
        (400, "Bad Request: message is too long", Fate.UNKNOWN),
        (401, "Unauthorized", Fate.REFUSED),
        (403, "Forbidden: bot was kicked from the group chat", Fate.REFUSED),
        (404, "Not Found", Fate.REFUSED),
        (500, "Internal Server Error", Fate.UNKNOWN),
    ],
)
async def test_telegrams_words(
    status: int, description: str, fate: Fate, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(says(status, {"ok": False, "error_code": status, "description": description}))
    answer = await channel("telegram", service, session).send(MESSAGE)
    assert answer == Answer(fate, f"HTTP {status}: {description}")


async def test_telegram_says_where_a_group_has_gone(service: ChatService, session: aiohttp.ClientSession) -> None:
    moved = "Bad Request: group chat was upgraded to a supergroup chat"
    service.fail(says(400, {"ok": False, "description": moved, "parameters": {"migrate_to_chat_id": -1009}}))
    answer = await channel("telegram", service, session).send(MESSAGE)
    assert answer == Answer(Fate.REFUSED, f"HTTP 400: {moved}; its new `chat_id` is -1009")


async def test_telegram_says_in_its_body_how_long_to_wait(service: ChatService, session: aiohttp.ClientSession) -> None:
    service.fail(says(429, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 35}}))
    assert (await channel("telegram", service, session).send(MESSAGE)).retry_after_s == 35.0


@pytest.mark.parametrize("name", ["slack webhook", "slack bot"])
async def test_slack_gets_blocks_of_plain_text(name: str, service: ChatService, session: aiohttp.ClientSession) -> None:
    assert await channel(name, service, session).send(MESSAGE._replace(lines=("*a* < b & c", "d"))) == DELIVERED
    document = service.taken[0].document
    assert document["text"] == "ACME breaks out"
    assert (document["unfurl_links"], document["unfurl_media"]) == (False, False)
    header, section, link, context = document["blocks"]
    assert header == {"type": "header", "text": plain("ACME breaks out")}
    assert section == {"type": "section", "text": plain("*a* &lt; b &amp; c\nd")}
    assert link["text"]["text"] == "<http://127.0.0.1:8080/symbol/ACME?at=1&amp;tf=1m|Dashboard>"
    assert context == {"type": "context", "elements": [plain("alert 0123456789ab")]}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


async def test_slack_takes_a_message_of_a_title_alone(service: ChatService, session: aiohttp.ClientSession) -> None:
    bare = MESSAGE._replace(lines=(), link="", ids=())
    assert await channel("slack bot", service, session).send(bare) == DELIVERED
    assert [block["type"] for block in service.taken[0].document["blocks"]] == ["header"]


@pytest.mark.parametrize(
    ("status", "word", "fate"),
    [
        (410, "channel_is_archived", Fate.REFUSED),
        (404, "no_service", Fate.REFUSED),
        (403, "invalid_token", Fate.REFUSED),
        (400, "user_not_found", Fate.REFUSED),
        (200, "no_service", Fate.REFUSED),
        (400, "invalid_blocks", Fate.UNKNOWN),
        (500, "rollup_error", Fate.UNKNOWN),
        (429, "rate_limited", Fate.LATER),
    ],
)
async def test_words_of_slacks_webhooks(
    status: int, word: str, fate: Fate, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(says(status, word))
    assert await channel("slack webhook", service, session).send(MESSAGE) == Answer(fate, f"HTTP {status}: {word}")


@pytest.mark.parametrize(
    ("word", "fate"),
    [
        ("is_archived", Fate.REFUSED),
        ("not_in_channel", Fate.REFUSED),
        ("token_revoked", Fate.REFUSED),
        ("ratelimited", Fate.LATER),
        ("internal_error", Fate.UNKNOWN),
        ("msg_too_long", Fate.UNKNOWN),
    ],
)
async def test_words_of_slacks_web_api_come_with_status_200(
    word: str, fate: Fate, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(says(200, {"ok": False, "error": word}))
    assert await channel("slack bot", service, session).send(MESSAGE) == Answer(fate, f"HTTP 200: {word}")


async def test_slack_gets_the_image_into_the_thread_of_its_message(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    assert await channel("slack bot", service, session).send(CHART) == DELIVERED
    posted, place, upload, shared = service.taken
    assert [asked.path for asked in (posted, place, upload, shared)] == [
        "/chat.postMessage",
        "/files.getUploadURLExternal",
        "/upload",
        "/files.completeUploadExternal",
    ]
    assert place.form == {"filename": b"chart.png", "length": str(len(PNG)).encode()}
    assert upload.body == PNG
    assert "Authorization" not in upload.headers
    assert shared.document == {
        "files": [{"id": "F2", "title": "chart.png"}],
        "channel_id": "C123",
        "thread_ts": "1.0",
    }
    assert {asked.headers["Authorization"] for asked in (posted, place, shared)} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("name", ["slack bot", "matrix"])
@pytest.mark.parametrize("fault", [says(403), says(200, {"ok": False, "error": "missing_scope"}), HANG])
async def test_an_image_that_fails_after_its_text_leaves_it_delivered(
    name: str, fault: tuple[int, Any, Any], service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(*[says(200, {"ok": True, "event_id": "$1"}), fault])
    answer = await channel(name, service, session, deadline_s=0.3).send(CHART)
    assert answer.fate is Fate.DELIVERED
    assert answer.what.startswith("without its image: ")


async def test_matrix_puts_text_and_html_and_mentions_nobody(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    assert await channel("matrix", service, session).send(MESSAGE._replace(lines=("a < b",))) == DELIVERED
    (asked,) = service.taken
    assert asked.method == "PUT"
    assert asked.path.startswith("/_matrix/client/v3/rooms/!abc/d:example.org/send/m.room.message/")
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.document == {
        "msgtype": "m.text",
        "body": f"ACME breaks out\na < b\n{MESSAGE.link}\nalert 0123456789ab",
        "format": "org.matrix.custom.html",
        "formatted_body": "<strong>ACME breaks out</strong><br/>a &lt; b<br/>"
        f'<a href="{MESSAGE.link.replace("&", "&amp;")}">Dashboard</a><br/>alert 0123456789ab',
        "m.mentions": {},
    }


async def test_matrix_gets_the_same_transaction_for_the_same_alerts(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    own = channel("matrix", service, session)
    for message in (MESSAGE, MESSAGE._replace(title="again"), MESSAGE._replace(ids=("other",))):
        await own.send(message)
    first, again, other = (asked.path.rpartition("/")[2] for asked in service.taken)
    assert first == again != other


async def test_matrix_gets_the_image_as_an_event_of_its_own(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    assert await channel("matrix", service, session).send(CHART) == DELIVERED
    _, upload, event = service.taken
    assert (upload.path, upload.query) == ("/_matrix/media/v3/upload", {"filename": "chart.png"})
    assert (upload.headers["Content-Type"], upload.body) == ("image/png", PNG)
    assert event.document == {
        "msgtype": "m.image",
        "body": "chart.png",
        "url": "mxc://here/2",
        "info": {"mimetype": "image/png", "size": len(PNG), "w": 640, "h": 360},
        "m.mentions": {},
    }


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (
            429,
            {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 1250},
            Answer(Fate.LATER, "HTTP 429: M_LIMIT_EXCEEDED Too Many Requests", 1.25),
        ),
        (
            403,
            {"errcode": "M_FORBIDDEN", "error": "not in room"},
            Answer(Fate.REFUSED, "HTTP 403: M_FORBIDDEN not in room"),
        ),
        (401, {"errcode": "M_UNKNOWN_TOKEN"}, Answer(Fate.REFUSED, "HTTP 401: M_UNKNOWN_TOKEN")),
        (413, {"errcode": "M_TOO_LARGE"}, Answer(Fate.UNKNOWN, "HTTP 413: M_TOO_LARGE")),
    ],
)
async def test_words_of_matrix(
    status: int, body: dict[str, Any], answer: Answer, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(says(status, json.dumps(body)))
    assert await channel("matrix", service, session).send(MESSAGE) == answer
