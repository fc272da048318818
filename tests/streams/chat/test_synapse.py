"""The Matrix sender against a real server: what it sends is in the room, once."""

from __future__ import annotations

import asyncio
import signal
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from streams.chat.message import Answer, Fate, Message
from streams.chat.open import sender
from tests.fakes.synapse import PYTHON, Synapse
from tests.streams.chat.channels import CHART, HOSTILE, MESSAGE, PNG

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from streams.chat.message import Sender
    from tests.fakes.synapse import Member

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason=f"Synapse is not installed in {PYTHON.parents[1]}: `make synapse`"
)

DELIVERED = Answer(Fate.DELIVERED, "")
LIMIT = {"rc_message": {"per_second": 4, "burst_count": 5}}


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    server = Synapse(tmp_path_factory.mktemp("synapse"), LIMIT)
    server.start()
    yield server
    server.kill()


class Room(NamedTuple):
    """A room with the bot and a reader, and the way there."""

    identity: str
    bot: Member
    reader: Member
    server: Synapse
    session: aiohttp.ClientSession

    def sender(self, deadline_s: float = 10.0, **other: str) -> Sender:
        settings = {"server": self.server.origin, "token": self.bot.token, "room": self.identity, **other}
        return sender("matrix", settings, self.session, deadline_s)

    async def messages(self) -> list[dict[str, Any]]:
        return await self.server.messages(self.identity, self.reader, self.session)


@pytest.fixture
async def room(synapse: Synapse, session: aiohttp.ClientSession) -> Room:
    """With a bot of its own, whose limits no other test has used."""
    await synapse.ready(session)
    name = uuid.uuid4().hex[:8]
    bot, reader = [await synapse.member(f"{kind}-{name}", session) for kind in ("bot", "reader")]
    return Room(await synapse.room(bot, reader, session), bot, reader, synapse, session)


async def test_a_message_and_its_image_arrive_in_the_room(room: Room) -> None:
    assert await room.sender().send(CHART) == DELIVERED
    text, image = await room.messages()
    assert text["msgtype"] == "m.text"
    assert text["body"].splitlines() == [MESSAGE.title, *MESSAGE.lines, MESSAGE.link, "alert 0123456789ab"]
    assert text["formatted_body"].startswith("<strong>ACME breaks out</strong><br/>volume 3.1 times its usual<br/>")
    assert (image["msgtype"], image["info"]["w"], image["info"]["h"]) == ("m.image", 640, 360)
    assert await room.server.media(image["url"], room.reader, room.session) == PNG


async def test_a_message_sent_again_is_there_once(room: Room) -> None:
    for title in ("first", "again"):
        assert await room.sender().send(MESSAGE._replace(title=title)) == DELIVERED
    (only,) = await room.messages()
    assert only["body"].startswith("first")


async def test_a_server_that_stands_still_leaves_it_unknown_and_the_repeat_is_there_once(room: Room) -> None:
    room.server.send_signal(signal.SIGSTOP)
    try:
        answer = await room.sender(deadline_s=0.5).send(MESSAGE)
    finally:
        room.server.send_signal(signal.SIGCONT)
    assert answer.fate is Fate.UNKNOWN
    assert await room.sender().send(MESSAGE) == DELIVERED
    assert len(await room.messages()) == 1


async def test_its_limit_is_obeyed_and_all_arrive_in_order(room: Room) -> None:
    own = room.sender()
    waits = 0
    for number in range(12):
        while (answer := await own.send(Message(str(number), (), ids=(str(number),)))).fate is Fate.LATER:
            assert 0 < answer.retry_after_s <= 1.0
            assert answer.what.startswith("HTTP 429: M_LIMIT_EXCEEDED")
            waits += 1
            await asyncio.sleep(answer.retry_after_s)
        assert answer == DELIVERED
    assert 0 < waits < 12
    assert [message["body"].splitlines()[0] for message in await room.messages()] == [str(k) for k in range(12)]


async def test_hostile_text_calls_nobody_and_is_shown_as_it_is(room: Room) -> None:
    assert await room.sender().send(MESSAGE._replace(title=HOSTILE, lines=(room.reader.name, "@room"))) == DELIVERED
    state = await room.server.ask("GET", "/_matrix/client/v3/sync", room.reader.token, room.session)
    counts = state["rooms"]["join"][room.identity]["unread_notifications"]
    assert (counts["notification_count"], counts["highlight_count"]) == (1, 0)
    (told,) = await room.messages()
    assert "<script>" not in told["formatted_body"]


async def test_a_wrong_token_and_a_foreign_room_are_refused(room: Room) -> None:
    wrong = await room.sender(token="syt_nobody_at_all").send(MESSAGE)  # noqa: S106 - of nobody
    assert wrong.fate is Fate.REFUSED
    assert wrong.what.startswith("HTTP 401: M_UNKNOWN_TOKEN")
    foreign = await room.sender(room="!elsewhere:localhost").send(MESSAGE)
    assert foreign.fate is Fate.REFUSED
    assert foreign.what.startswith("HTTP 403: M_FORBIDDEN")


async def test_what_is_too_long_still_arrives(room: Room) -> None:
    assert await room.sender().send(MESSAGE._replace(lines=("😀&<" * 2000,) * 50)) == DELIVERED
    (told,) = await room.messages()
    assert "more lines)" in told["body"]


async def test_after_a_crash_messages_arrive_again(room: Room) -> None:
    room.server.kill()
    try:
        assert (await room.sender().send(MESSAGE)).fate is Fate.LATER
    finally:
        room.server.start()
    await room.server.ready(room.session)
    assert await room.sender().send(MESSAGE) == DELIVERED
    assert len(await room.messages()) == 1
