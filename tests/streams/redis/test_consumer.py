"""Alerts for programs: each at least once, whoever dies in between; what is none goes to the dead letters."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from streams.redis.connection import connect
from streams.redis.consumer import AlertConsumer
from streams.redis.embedded import EmbeddedValkey
from streams.redis.errors import RedisRefusedError, RedisUrlError, TooManyHeldError
from tests.fakes.program import environment
from tests.fakes.proxy import Proxy
from tests.streams.redis.conftest import KEY, free_port, say
from tests.streams.redis.consuming import (
    DEAD,
    GROUP,
    HURRIED,
    add,
    add_data,
    alert_of,
    consumer_of,
    letters,
    pending_of,
    url_of,
)
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

    from streams.redis.alert import DeliveredAlert
    from streams.redis.consumer import ConsumerEvent
    from tests.fakes.proxy import Mode

pytestmark = pytest.mark.usefixtures("its_servers")
PATIENT = HURRIED._replace(idle_s=60.0)


async def take(consumer: AlertConsumer, number: int) -> list[str]:
    """Ids of the next alerts."""
    async with asyncio.timeout(10):
        return [(await anext(consumer)).id for _ in range(number)]


async def handled(consumer: AlertConsumer) -> None:
    """Ask for another alert as a loop would, until that is known to have gone out."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(consumer)


def named(*numbers: int) -> list[str]:
    return [f"alert-{n}" for n in numbers]


async def test_alerts_come_typed_in_order_and_are_acknowledged_when_the_next_one_is_asked_for(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2, 3, score=0.25, members=[{"symbol": "MSFT", "price": 2.0}], unheard_of=True)
    seen: list[DeliveredAlert] = []
    async with consumer_of(redis_port) as consumer:
        async for alert in consumer:
            seen.append(alert)
            assert await pending_of(redis) == [(alert.stream_id, 1)]
            if len(seen) == 3:
                break
    first = seen[0]
    assert [alert.id for alert in seen] == named(1, 2, 3)
    assert (first.symbol, first.price, first.score, first.times.event_ms) == ("AAPL", 10.5, 0.25, 60_000)
    assert (first.stream_id, first.deliveries, first.published_ms) == ("1-0", 1, 1)
    assert first.members[0].symbol == "MSFT"
    assert consumer.delivered == 3


async def test_when_the_publishing_is_told_it_goes_before_the_id_of_the_entry(redis: Redis, redis_port: int) -> None:
    data = json.dumps(alert_of(1))
    await redis.xadd(KEY, {"data": data, "published_ms": "1736173800123"}, id="1-0")
    async with consumer_of(redis_port) as consumer:
        assert (await anext(consumer)).published_ms == 1_736_173_800_123


async def test_a_new_group_begins_where_it_is_told_to(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2, 3)
    async with consumer_of(redis_port, group="all", start="0") as consumer:
        assert await take(consumer, 1) == named(1)
    async with consumer_of(redis_port, group="some", start="2-0") as consumer:
        assert await take(consumer, 1) == named(3)
    async with consumer_of(redis_port, group="new", start="$") as consumer:
        await handled(consumer)
        await add(redis, 4)
        assert await take(consumer, 1) == named(4)


async def test_a_group_goes_on_where_it_was(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 2) == named(1, 2)
        await handled(consumer)
    await add(redis, 3)
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 1) == named(3)


async def test_members_of_a_group_share_the_alerts_and_groups_have_all_of_them(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    async with (
        consumer_of(redis_port, "one", PATIENT) as one,
        consumer_of(redis_port, "two", PATIENT) as two,
        consumer_of(redis_port, "one", PATIENT, group="other") as other,
    ):
        assert await take(one, 1) + await take(two, 1) == named(1, 2)
        assert await take(other, 2) == named(1, 2)


async def test_an_exception_in_the_loop_leaves_the_alert_pending_and_it_comes_again(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2)

    async def fail_at_once() -> None:
        async with consumer_of(redis_port) as consumer:
            async for alert in consumer:
                raise LookupError(alert.id)

    with pytest.raises(LookupError, match="alert-1"):
        await fail_at_once()
    assert await pending_of(redis) == [("1-0", 1)]
    async with consumer_of(redis_port) as consumer:
        again = await anext(consumer)
        assert (again.id, again.deliveries) == ("alert-1", 2)
        assert await take(consumer, 1) == named(2)


async def test_a_loop_over_the_same_consumer_begins_with_what_the_last_one_did_not_finish(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port) as consumer:
        for deliveries in (1, 2):
            async for alert in consumer:
                assert (alert.id, alert.deliveries) == ("alert-1", deliveries)
                break
        assert await take(consumer, 1) == named(2), "to ask for the next one in the same loop acknowledges"


async def test_an_alert_may_be_acknowledged_before_the_loop_is_left(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port) as consumer:
        async for alert in consumer:
            await consumer.ack(alert)
            break
    assert await pending_of(redis) == []
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 1) == named(2)


async def test_after_five_deliveries_an_alert_goes_to_the_dead_letters_and_the_next_one_comes(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2)
    events: list[ConsumerEvent] = []
    async with consumer_of(redis_port, events=events) as consumer:
        seen: list[tuple[str, int]] = []
        while ("alert-2", 1) not in seen:
            async for alert in consumer:
                seen.append((alert.id, alert.deliveries))
                break
    assert seen == [*(("alert-1", n) for n in range(1, 6)), ("alert-2", 1)]
    (letter,) = await letters(redis)
    assert letter["reason"] == "it was given out 5 times, and never acknowledged"
    assert (letter["id"], letter["stream_id"], letter["group"], letter["consumer"]) == ("alert-1", "1-0", GROUP, "one")
    assert json.loads(letter["data"]) == alert_of(1)
    assert [event.kind for event in events] == ["live", "buried"]
    assert (consumer.buried, await pending_of(redis)) == (1, [("2-0", 0)])


POISON = {
    b"not JSON": "malformed",
    b"": "truncated",
    b"[1, 2]": "Expected `object`, got `array`",
    b"{}": "missing required field `v`",
    json.dumps(alert_of(1, v=2)).encode(): "its version is 2, and 1 is the one that is read: update the program",
    json.dumps(alert_of(1, price="much")).encode(): "Expected `float`, got `str`",
    json.dumps({"v": 1}).encode(): "missing required field",
    b'{"v":1,"id":"\xff"}': "its data is no alert",
    b'{"v":1,"about":' + b"[" * 100_000: "its data is no alert",
    b"[" * 100_000: "its data is no alert",
    b'{"v":1,"id":"' + b"x" * 10_000_000 + b'"}': "its data has 10,000,015 bytes, and at most 1,000,000 are read",
}


@pytest.mark.parametrize("data", POISON, ids=range(len(POISON)))
async def test_what_is_no_alert_goes_to_the_dead_letters_and_the_consumer_goes_on(
    redis: Redis, redis_port: int, data: bytes
) -> None:
    await add_data(redis, 1, data)
    await add(redis, 2)
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 1) == named(2)
    (letter,) = await letters(redis)
    assert POISON[data] in letter["reason"]
    assert int(letter["data_bytes"]) == len(data)
    assert len(letter["data"]) <= 65_536
    assert await pending_of(redis) == [("2-0", 0)]


async def test_an_entry_without_data_and_with_foreign_fields_is_buried_without_them(
    redis: Redis, redis_port: int
) -> None:
    await redis.xadd(KEY, {b"\xff\xfe": b"\x00", b"reason": b"mine", b"rule": b"r" * 5000}, id="1-0")
    async with consumer_of(redis_port) as consumer:
        await handled(consumer)
    (letter,) = await letters(redis)
    assert letter["reason"] == "it has no field data"
    assert set(letter) == {"rule", "stream_id", "reason", "group", "consumer", "deliveries", "data_bytes", "data"}
    assert len(letter["rule"]) == 500


async def test_random_bytes_never_end_a_consumer(redis: Redis, redis_port: int) -> None:
    whole = json.dumps(alert_of(1)).encode()
    for number in range(1, len(whole)):
        await add_data(redis, number, whole[:number] + bytes([number % 256]) + whole[number + 1 :])
    await add(redis, 1000)
    async with consumer_of(redis_port) as consumer:
        while (await take(consumer, 1))[0] != "alert-1000":
            pass
    assert consumer.buried + consumer.delivered == len(whole)
    assert consumer.buried > 100


async def test_what_a_dead_consumer_left_is_taken_over_and_is_not_lost(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2, 3)
    dead = consumer_of(redis_port, "dead")
    assert await take(dead, 2) == named(1, 2)
    await dead.close()  # which is no orderly end
    events: list[ConsumerEvent] = []
    async with consumer_of(redis_port, "living", events=events) as living:
        assert await take(living, 1) == named(3)
        again = await asyncio.wait_for(anext(living), 10)
        assert (again.id, again.deliveries, living.taken) == ("alert-2", 2, 1)
        await handled(living)
    assert [event.kind for event in events] == ["live", "taken"]
    assert await pending_of(redis) == []


CHILD = """
import asyncio, sys
from streams.redis.consumer import AlertConsumer

async def main():
    async with AlertConsumer(sys.argv[1], group="orders", name="child", start="0") as alerts:
        async for alert in alerts:
            print(alert.id, flush=True)
            await asyncio.sleep(60 if alert.id == "alert-3" else 0)

asyncio.run(main())
"""


async def test_a_consumer_that_is_killed_loses_nothing(redis: Redis, redis_port: int, tmp_path: Path) -> None:
    await add(redis, *range(1, 6))
    command = [sys.executable, "-c", CHILD, url_of(redis_port)]
    child = await asyncio.create_subprocess_exec(*command, env=environment(tmp_path), stdout=subprocess.PIPE)
    assert child.stdout
    async with asyncio.timeout(20):
        told = [(await child.stdout.readline()).decode().strip() for _ in range(3)]
    child.kill()
    await child.wait()
    assert told == named(1, 2, 3)
    async with consumer_of(redis_port, "other") as consumer:
        assert sorted(await take(consumer, 3)) == named(3, 4, 5)
        await handled(consumer)
    assert await pending_of(redis) == []


async def test_a_slow_body_loses_its_alert_to_another_consumer_and_asks_for_no_second_time(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1)
    async with consumer_of(redis_port, "slow") as slow, consumer_of(redis_port, "other") as other:
        assert await take(slow, 1) == await take(other, 1) == named(1)
        await add(redis, 2)
        assert await take(other, 1) == named(2)
        await add(redis, 3)
        assert await take(slow, 1) == named(3)


async def test_a_server_that_is_killed_between_read_and_ack_loses_nothing_and_repeats_the_same_id(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with EmbeddedValkey(tmp_path, port=port) as server:
        async with connect(server.url) as client:
            await add(client, 1, 2, 3)
        events: list[ConsumerEvent] = []
        async with consumer_of(port, events=events) as consumer:
            seen = await take(consumer, 2)
            os.kill(server.pid, signal.SIGKILL)
            keeping = asyncio.ensure_future(server.keep(lambda _: None))
            seen += await take(consumer, 1)
            await handled(consumer)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        async with connect(server.url) as client:
            assert await pending_of(client) == []
    assert seen == named(1, 2, 3)
    assert [event.kind for event in events] == ["live", "away", "live"]


async def test_a_server_that_lost_the_last_acknowledgement_repeats_the_same_alert(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 2) == named(1, 2)
        await handled(consumer)
        await say(redis, "XGROUP", "SETID", KEY, GROUP, "1-0")
        assert await take(consumer, 1) == named(2)


@pytest.mark.parametrize("mode", ["drop", "cut", "hang", "refuse"])
@pytest.mark.parametrize("nth", range(1, 14))
async def test_whichever_exchange_goes_wrong_no_alert_is_lost(
    redis: Redis, redis_port: int, mode: Mode, nth: int
) -> None:
    await add(redis, 1, 2, 3)
    async with Proxy("127.0.0.1", redis_port) as proxy:
        seen = 0

        def fault(_: bytes) -> None:
            nonlocal seen
            seen += 1
            if seen == nth:
                proxy.mode = mode
                asyncio.get_running_loop().call_later(0.3, setattr, proxy, "mode", "pass")

        proxy.on_request = fault
        async with consumer_of(proxy.port, policy=PATIENT._replace(deadline_s=0.1)) as consumer:
            assert sorted({*await take(consumer, 3)}) == named(1, 2, 3)
            await eventually(lambda: ask_until_settled(redis, consumer))
    assert await letters(redis) == []


async def ask_until_settled(redis: Redis, consumer: AlertConsumer) -> bool:
    await handled(consumer)
    return await pending_of(redis) == []


async def test_a_wait_may_be_cancelled_at_any_moment_and_nothing_is_lost(redis: Redis, redis_port: int) -> None:
    await add(redis, *range(1, 41))
    seen: set[str] = set()
    policy = PATIENT._replace(tries=1_000)
    async with consumer_of(redis_port, policy=policy) as consumer:
        for turns in range(1, 80):
            waiting = asyncio.ensure_future(anext(consumer))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            seen |= {alert.id for alert in await asyncio.gather(waiting, return_exceptions=True) if is_alert(alert)}
        seen |= {*await take(consumer, 40 - len(seen))}
    assert seen == {*named(*range(1, 41))}
    assert await letters(redis) == []


def is_alert(found: Any) -> bool:
    return not isinstance(found, BaseException)


async def test_a_server_that_was_emptied_has_its_group_made_again_where_all_was_settled(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2)
    events: list[ConsumerEvent] = []
    async with consumer_of(redis_port, events=events) as consumer:
        assert await take(consumer, 2) == named(1, 2)
        waiting = asyncio.ensure_future(take(consumer, 1))
        await eventually(lambda: consumer._start == "2-0")
        await redis.flushall()
        await add(redis, 1, 2, 3)
        assert await waiting == named(3)
    assert [event.kind for event in events] == ["live", "away", "live"]


async def test_a_group_that_is_destroyed_at_work_gives_again_what_was_not_acknowledged(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, *range(1, 5))
    async with consumer_of(redis_port, "two", PATIENT) as two, consumer_of(redis_port, policy=PATIENT) as one:
        assert await take(one, 1) + await take(two, 1) == named(1, 2)
        assert await take(one, 2) == named(3, 4)
        await handled(one)
        await say(redis, "XGROUP", "DESTROY", KEY, GROUP)
        assert await take(one, 3) == named(2, 3, 4), "behind what both had acknowledged"


async def test_the_lag_and_what_is_pending_are_known(redis: Redis, redis_port: int) -> None:
    await add(redis, *range(1, 11))
    async with consumer_of(redis_port, "idle", PATIENT) as idle:
        await take(idle, 2)
        async with consumer_of(redis_port, "one", PATIENT) as consumer:
            await take(consumer, 1)
            assert (consumer.lag, consumer.pending) == (8, 1)


async def test_without_automatic_all_stays_pending_until_it_is_acknowledged_and_nobody_takes_it(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2, 3)
    async with consumer_of(redis_port, automatic=False) as consumer, consumer_of(redis_port, "other") as other:
        held = [await anext(consumer) for _ in range(3)]
        keeping = asyncio.ensure_future(anext(consumer))
        for _ in range(3):
            await handled(other)
        assert [stream_id for stream_id, _ in await pending_of(redis)] == ["1-0", "2-0", "3-0"]
        await consumer.ack(held[0], held[2])
        await eventually(lambda: settled(redis, [("2-0", 1)]))
        await consumer.bury(held[1], "refused for good")
        await eventually(lambda: settled(redis, []))
        assert (await letters(redis))[0]["reason"] == "refused for good"
        await add(redis, 4)
        assert (await keeping).id == "alert-4"


async def settled(redis: Redis, pending: list[tuple[str, int]]) -> bool:
    return await pending_of(redis) == pending


async def test_while_the_server_is_away_what_is_done_is_noted_and_nobody_waits_for_it(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2, 3, 4)
    async with (
        Proxy("127.0.0.1", redis_port) as proxy,
        consumer_of(proxy.port, policy=PATIENT, automatic=False) as consumer,
    ):
        held = [await anext(consumer) for _ in range(3)]
        proxy.mode = "hang"
        await consumer.ack(held[0])
        assert consumer.state == "away"
        tries = proxy.connections
        await consumer.ack(held[1])
        await consumer.bury(held[2], "refused for good")
        assert proxy.connections == tries
        proxy.mode = "pass"
        assert await take(consumer, 1) == named(4)
        assert await pending_of(redis) == [("4-0", 1)]
    assert len(await letters(redis)) == 1


async def test_what_is_held_is_not_given_again_after_an_outage(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    async with (
        Proxy("127.0.0.1", redis_port) as proxy,
        consumer_of(proxy.port, policy=PATIENT, automatic=False) as consumer,
    ):
        assert await take(consumer, 2) == named(1, 2)
        await proxy.cut_all()
        await add(redis, 3)
        assert await take(consumer, 1) == named(3)
        assert await pending_of(redis) == [("1-0", 1), ("2-0", 1), ("3-0", 1)]


async def test_what_is_held_is_not_given_again_by_a_server_that_was_emptied_and_can_be_acknowledged(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port, policy=PATIENT, automatic=False) as consumer:
        held = [await anext(consumer) for _ in range(2)]
        waiting = asyncio.ensure_future(take(consumer, 1))
        await eventually(lambda: consumer.pending == 2)
        await redis.flushall()
        await add(redis, 1, 2, 3)
        assert await waiting == named(3)
        await consumer.ack(*held)
        assert await pending_of(redis) == [("3-0", 1)]


async def test_without_automatic_a_restart_gives_all_again_in_order(redis: Redis, redis_port: int) -> None:
    await add(redis, *range(1, 31))
    async with consumer_of(redis_port, automatic=False) as consumer:
        assert await take(consumer, 20) == named(*range(1, 21))
    async with consumer_of(redis_port, automatic=False) as consumer:
        assert await take(consumer, 30) == named(*range(1, 31))


async def test_an_orderly_stop_is_no_try_and_another_consumer_may_go_on_at_once(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    for _ in range(10):
        async with consumer_of(redis_port, policy=PATIENT, automatic=False) as consumer:
            assert await take(consumer, 2) == named(1, 2)
    assert await pending_of(redis) == [("1-0", 0), ("2-0", 0)]
    async with consumer_of(redis_port, "other", PATIENT) as other:
        assert sorted(await take(other, 2)) == named(1, 2)


async def test_what_is_acknowledged_while_another_task_waits_is_sent_at_the_end(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    policy = PATIENT._replace(look_s=30.0)
    async with consumer_of(redis_port, policy=policy, automatic=False) as consumer:
        first, second = [await anext(consumer) for _ in range(2)]
        waiting = asyncio.ensure_future(anext(consumer))
        await eventually(lambda: blocked(redis))
        await consumer.ack(first)
        assert await pending_of(redis) == [("1-0", 1), ("2-0", 1)], "the connection waits for the next alert"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert await pending_of(redis) == [(second.stream_id, 0)]


async def blocked(redis: Redis) -> bool:
    return bool((await redis.info("clients"))["blocked_clients"])


async def test_an_end_while_the_server_is_away_does_not_wait_for_it(redis: Redis, redis_port: int) -> None:
    await add(redis, 1)
    async with (
        Proxy("127.0.0.1", redis_port) as proxy,
        asyncio.timeout(5),
        consumer_of(proxy.port, policy=PATIENT, automatic=False) as consumer,
    ):
        await anext(consumer)
        proxy.mode = "hang"
    assert [stream_id for stream_id, _ in await pending_of(redis)] == ["1-0"]


async def test_a_task_that_is_cancelled_in_its_body_gives_the_alert_back(redis: Redis, redis_port: int) -> None:
    await add(redis, 1)
    await redis.xgroup_create(KEY, GROUP, "0")

    async def work() -> None:
        async with consumer_of(redis_port, policy=PATIENT) as consumer:
            async for _ in consumer:
                at_work.set()
                await asyncio.sleep(60)

    for _ in range(10):
        at_work = asyncio.Event()
        task = asyncio.ensure_future(work())
        await at_work.wait()
        assert await pending_of(redis) == [("1-0", 1)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await pending_of(redis) == [("1-0", 0)]


async def test_an_entry_that_never_arrives_whole_is_given_up_unread(redis: Redis, redis_port: int) -> None:
    await add_data(redis, 1, b"x" * 10_000_000)
    await add(redis, 2)
    async with Proxy("127.0.0.1", redis_port) as proxy:
        proxy.mode = "slow"
        async with consumer_of(proxy.port, policy=PATIENT._replace(tries=2)) as consumer:
            assert await take(consumer, 1) == named(2)
    (letter,) = await letters(redis)
    assert (letter["stream_id"], letter["deliveries"], letter["data"]) == ("1-0", "3", "")


async def test_more_alerts_than_may_be_held_are_refused_until_some_are_acknowledged(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, 1, 2, 3)
    async with consumer_of(redis_port, policy=HURRIED._replace(most_held=2), automatic=False) as consumer:
        first, _ = [await anext(consumer) for _ in range(2)]
        with pytest.raises(TooManyHeldError, match=r"2 alerts are given out .* call ack"):
            await anext(consumer)
        await consumer.ack(first)
        assert await take(consumer, 1) == named(3)


async def test_a_pending_entry_that_was_trimmed_is_told_in_the_dead_letters(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port, "dead") as dead:
        assert await take(dead, 1) == named(1)
    await redis.xtrim(KEY, minid="2-0", approximate=False)
    async with consumer_of(redis_port, "living") as living:
        assert await take(living, 1) == named(2)
        await eventually(lambda: ask_until_buried(living))
    (letter,) = await letters(redis)
    assert letter["reason"].startswith("it was trimmed from the stream before it was done")
    assert letter["stream_id"] == "1-0"


async def ask_until_buried(consumer: AlertConsumer) -> int:
    await handled(consumer)
    return consumer.buried


async def test_each_pending_entry_that_was_trimmed_is_told_though_the_look_for_them_is_cut_off(
    redis: Redis, redis_port: int
) -> None:
    await add(redis, *range(1, 152))
    await redis.xgroup_create(KEY, GROUP, "0")
    await redis.xreadgroup(GROUP, "dead", {KEY: ">"}, count=150)
    await redis.xtrim(KEY, minid="151-0", approximate=False)
    await asyncio.sleep(HURRIED.idle_s)
    async with Proxy("127.0.0.1", redis_port) as proxy, consumer_of(proxy.port) as consumer:
        looks, stopped = 0, asyncio.Event()

        def fault(request: bytes) -> None:
            nonlocal looks
            looks += b"XAUTOCLAIM" in request
            if looks == 2:  # it does not reach the server, which has told of a hundred by now
                proxy.mode, proxy.on_request = "hang", lambda _: None
                stopped.set()

        proxy.on_request = fault
        taking = asyncio.ensure_future(take(consumer, 1))
        await stopped.wait()
        await proxy.cut_all()
        proxy.mode = "pass"
        assert await taking == named(151)
        await eventually(lambda: settled(redis, [("151-0", 1)]))
    assert {letter["stream_id"] for letter in await letters(redis)} == {f"{number}-0" for number in range(1, 151)}


async def test_an_own_entry_that_was_trimmed_is_told_too(redis: Redis, redis_port: int) -> None:
    await add(redis, 1, 2)
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 1) == named(1)
    await redis.xtrim(KEY, minid="2-0", approximate=False)
    async with consumer_of(redis_port) as consumer:
        assert await take(consumer, 1) == named(2)
    assert [letter["stream_id"] for letter in await letters(redis)] == ["1-0"]


async def test_a_key_that_is_no_stream_is_told_with_a_remedy_and_may_be_mended(redis: Redis, redis_port: int) -> None:
    await redis.set(KEY, "text")
    async with consumer_of(redis_port) as consumer:
        with pytest.raises(RedisRefusedError, match=r"WRONGTYPE.*rename it"):
            await anext(consumer)
        await redis.delete(KEY)
        await add(redis, 1)
        assert await take(consumer, 1) == named(1)


async def test_dead_letters_that_cannot_be_written_leave_the_entry_pending(redis: Redis, redis_port: int) -> None:
    await redis.set(DEAD, "text")
    await add_data(redis, 1, b"no JSON")
    await add(redis, 2)
    async with consumer_of(redis_port) as consumer:
        with pytest.raises(RedisRefusedError, match="WRONGTYPE"):
            await anext(consumer)
        assert await pending_of(redis) == [("1-0", 1)]
        await redis.delete(DEAD)
        assert await take(consumer, 1) == named(2)
    assert len(await letters(redis)) == 1


async def test_a_lost_answer_to_what_comes_after_a_letter_does_not_repeat_it(redis: Redis, redis_port: int) -> None:
    await add_data(redis, 1, b"no JSON")
    await add(redis, 2)
    async with Proxy("127.0.0.1", redis_port) as proxy, consumer_of(proxy.port, policy=PATIENT) as consumer:

        def fault(request: bytes) -> None:
            if b"XACK" in request:
                proxy.mode, proxy.on_request = "cut", lambda _: None

        proxy.on_request = fault
        assert await take(consumer, 1) == named(2)
        assert proxy.connections == 2
    assert len(await letters(redis)) == 1


async def test_what_is_done_is_acknowledged_though_dead_letters_cannot_be_written(
    redis: Redis, redis_port: int
) -> None:
    await redis.set(DEAD, "text")
    await add(redis, 1, 2)
    async with consumer_of(redis_port, automatic=False) as consumer:
        first, second = await anext(consumer), await anext(consumer)
        with pytest.raises(RedisRefusedError, match="WRONGTYPE"):
            await consumer.bury(second, "cannot be done")
        with pytest.raises(RedisRefusedError, match="WRONGTYPE"):
            await consumer.ack(first)
        assert await pending_of(redis) == [("2-0", 1)]
        await redis.delete(DEAD)


async def test_what_was_taken_over_meanwhile_is_not_given_back(redis: Redis, redis_port: int) -> None:
    await add(redis, 1)
    async with consumer_of(redis_port) as slow, consumer_of(redis_port, "two") as other:
        await anext(slow)
        await asyncio.sleep(HURRIED.idle_s)
        assert (await anext(other)).deliveries == 2
        await slow.__aexit__(None, None, None)
        (pending,) = await redis.xpending_range(KEY, GROUP, "-", "+", 10)
        assert (pending["consumer"], pending["times_delivered"]) == (b"two", 2)


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(RedisUrlError):
        AlertConsumer("http://127.0.0.1", group="g", name="n")
