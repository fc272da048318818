"""What all senders have in common: fates, pauses, deadlines, secrets, mentions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.chat.message import Fate
from tests.fakes.chatservice import CUT, GARBAGE, HANG, ChatService, says
from tests.streams.chat.channels import CHANNELS, CHART, HOSTILE, MESSAGE, TOKEN, channel

if TYPE_CHECKING:
    import aiohttp

    from tests.fakes.chatservice import Fault

ECHOES = [says(status, f"no {TOKEN} here") for status in (400, 404, 500)]
every_channel = pytest.mark.parametrize("name", CHANNELS)
PARSED = [name for name in CHANNELS if name != "webhook"]


@every_channel
async def test_a_message_is_taken(name: str, service: ChatService, session: aiohttp.ClientSession) -> None:
    answer = await channel(name, service, session).send(MESSAGE)
    assert (answer.fate, answer.what) == (Fate.DELIVERED, "")
    (asked,) = service.taken
    for part in ("ACME breaks out", "volume 3.1 times its usual", "0123456789ab"):
        assert part in asked.body.decode().replace("\\\\", "")


@every_channel
@pytest.mark.parametrize(
    ("fault", "fate"),
    [
        (says(401), Fate.REFUSED),
        (says(403), Fate.REFUSED),
        (says(404), Fate.REFUSED),
        (says(410), Fate.REFUSED),
        (says(301, Location="http://127.0.0.1:1/elsewhere"), Fate.REFUSED),
        (says(302, Location="http://127.0.0.1:1/sign-in"), Fate.LATER),
        (says(429), Fate.LATER),
        (says(503), Fate.LATER),
        (says(500), Fate.UNKNOWN),
        (says(502, "<html>"), Fate.UNKNOWN),
        (says(400), Fate.UNKNOWN),
    ],
)
async def test_what_happens_has_its_fate(
    name: str, fault: Fault, fate: Fate, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(fault)
    answer = await channel(name, service, session).send(MESSAGE)
    assert answer.fate is fate
    assert answer.what
    assert len(service.asked) == 1, "redirects are not followed, and who calls decides on repeats"


@every_channel
async def test_a_connection_that_breaks_after_the_request_leaves_it_unknown(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.break_down(CUT)
    answer = await channel(name, service, session).send(MESSAGE)
    assert answer.fate is Fate.UNKNOWN
    assert len({asked.path for asked in service.asked}) == 1, "a PUT is repeated by aiohttp, with its transaction id"


@pytest.mark.parametrize("name", PARSED)
async def test_an_answer_that_is_not_the_services_leaves_it_unknown(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(GARBAGE)
    assert (await channel(name, service, session).send(MESSAGE)).fate is Fate.UNKNOWN


@every_channel
async def test_no_answer_within_the_deadline_leaves_it_unknown(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail(HANG)
    answer = await channel(name, service, session, deadline_s=0.1).send(MESSAGE)
    assert answer.fate is Fate.UNKNOWN
    assert answer.what == "no answer within 0.1 s; it may have been taken"


@every_channel
async def test_what_cannot_be_reached_has_taken_nothing(name: str, session: aiohttp.ClientSession) -> None:
    async with ChatService() as gone:
        away = channel(name, gone, session)
    answer = await away.send(MESSAGE)
    assert answer.fate is Fate.LATER
    assert "no connection" in answer.what


@every_channel
async def test_a_limit_says_how_long_to_wait_and_holds_for_one_channel(
    name: str, session: aiohttp.ClientSession
) -> None:
    async with ChatService(limit=2, window_s=30.0) as service:
        own = channel(name, service, session)
        fates = [(await own.send(MESSAGE._replace(ids=(str(k),)))).fate for k in range(3)]
        limited = await own.send(MESSAGE._replace(ids=("2",)))
    assert fates == [Fate.DELIVERED, Fate.DELIVERED, Fate.LATER]
    assert 0 < limited.retry_after_s <= 30.0


@every_channel
@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0.0),
        ({"Retry-After": "9" * 30}, 86_400.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "-1"}, 0.0),
        ({}, 0.0),
    ],
)
async def test_retry_after_is_read_as_seconds_and_as_date(
    name: str, headers: dict[str, str], wait_s: float, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.fail((503, "", headers))
    answer = await channel(name, service, session).send(MESSAGE)
    assert (answer.fate, answer.retry_after_s) == (Fate.LATER, wait_s)


@every_channel
@pytest.mark.parametrize("fault", [*ECHOES, GARBAGE, CUT, HANG])
async def test_no_secret_is_told_even_if_the_service_repeats_it(
    name: str, fault: Fault, service: ChatService, session: aiohttp.ClientSession
) -> None:
    service.break_down(fault)
    own = channel(name, service, session, deadline_s=0.2)
    told = f"{await own.send(CHART)!r} {own!r} {vars(own)!r}"
    assert TOKEN not in told
    assert service.origin not in told


@every_channel
async def test_one_repeats_what_the_service_said_without_the_secret(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    words = f"no channel for {TOKEN}"
    body = {"message": words, "error": words, "description": words}
    service.fail(says(404, words if name == "slack webhook" else body))
    told = (await channel(name, service, session).send(MESSAGE)).what
    assert told.startswith("HTTP 404: ")
    assert "***" in told


@pytest.mark.parametrize("name", PARSED)
async def test_markup_mentions_and_control_characters_mean_nothing(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    await channel(name, service, session).send(MESSAGE._replace(title=HOSTILE, lines=(HOSTILE, HOSTILE)))
    text = shown(service)
    for dangerous in ("@everyone", "@here", "@room", "<!channel>", "<@U1>", "<script>", "\x1b", "\u202e"):
        assert dangerous not in text
    assert text.count("next") >= 3


def shown(service: ChatService) -> str:
    """All texts of the one message taken that a reader's program takes for markup."""
    document = service.taken[0].document
    return "\n".join(texts({name: value for name, value in document.items() if name != "body"}))


def texts(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for part in parts for text in texts(part)]


@pytest.mark.parametrize("name", PARSED)
@pytest.mark.parametrize("line", ["x" * 50, "&<>*_@" * 20, "😀" * 60, "y" * 9000])
async def test_what_is_too_long_is_cut_with_a_note(
    name: str, line: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    long = MESSAGE._replace(title="T" * 5000, lines=(line,) * 700)
    assert (await channel(name, service, session).send(long)).fate is Fate.DELIVERED
    document = service.taken[0].document
    limits = {"slack webhook": 3000, "slack bot": 3000, "discord": 2000, "telegram": 4096, "matrix": 10_000}
    assert max(len(text.encode("utf-16-le")) // 2 for text in texts(document)) <= limits[name]
    told = "\n".join(texts(document)).replace("\\", "")
    assert "more lines)" in told
    assert "0123456789ab" in told, "the ids are never cut"


@every_channel
async def test_a_connection_is_never_used_twice(
    name: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    own = channel(name, service, session)
    for _ in range(2):
        await own.send(MESSAGE)
    assert {asked.headers["Connection"] for asked in service.asked} == {"close"}
