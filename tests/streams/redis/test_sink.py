"""From the outbox into a real server: in order, once each, whatever happens in between."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from streams.outbox import FUTURE_MS
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from streams.redis.errors import RedisUrlError
from tests.fakes.proxy import Proxy
from tests.streams.redis.conftest import KEY, NOW, QUICK, Sinking, entries, free_port, named, say, stream_ids
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

    from streams.outbox import Outbox
    from tests.fakes.proxy import Mode

pytestmark = pytest.mark.usefixtures("its_servers")


async def test_alerts_arrive_under_their_stream_ids_with_their_fields(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
        at_work.append(1, 2)
        await at_work.drained()
        at_work.append(3)
        await at_work.drained()
    found = await entries(redis)
    assert [stream_id.decode() for stream_id, _ in found] == [f"{NOW}-0", f"{NOW}-1", f"{NOW}-2"]
    fields = {b"id": b"alert-00001", b"rule": b"r", b"data": b'{"v":1}', b"published_ms": str(NOW).encode()}
    assert found[0][1] == fields
    assert at_work.kinds == ["live"]
    assert (at_work.sink.delivered, outbox.backlog("redis").pending) == (3, 0)


async def test_a_long_backlog_is_delivered_in_order_in_batches(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
        at_work.append(*range(1000))
        await at_work.drained()
    assert await stream_ids(redis) == named(*range(1000))


async def test_a_new_sink_goes_on_where_the_last_one_stopped(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    for start in (0, 10, 20):
        async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
            at_work.append(*range(start, start + 10))
            await at_work.drained()
    assert await stream_ids(redis) == named(*range(30))


async def test_a_lost_cursor_sends_again_but_doubles_nothing(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    url = f"redis://127.0.0.1:{redis_port}"
    async with Sinking(url, outbox) as at_work:
        at_work.append(*range(120))
        await at_work.drained()
    outbox._others.execute("DELETE FROM sinks")
    async with Sinking(url, outbox) as at_work:
        at_work.append(120)
        await at_work.drained()
    assert await stream_ids(redis) == named(*range(121))
    assert at_work.kinds == ["live"]


@pytest.mark.parametrize("mode", ["drop", "cut", "hang", "refuse"])
@pytest.mark.parametrize("nth", range(1, 6))
async def test_whichever_request_goes_wrong_each_alert_arrives_once(
    redis: Redis, redis_port: int, outbox: Outbox, mode: Mode, nth: int
) -> None:
    async with Proxy("127.0.0.1", redis_port) as proxy:
        seen = 0

        def fault(_: bytes) -> None:
            nonlocal seen
            seen += 1
            if seen == nth:
                proxy.mode = mode

        proxy.on_request = fault
        async with Sinking(f"redis://127.0.0.1:{proxy.port}", outbox) as at_work:
            for number in range(3):
                at_work.append(number)
                await eventually(lambda: at_work.sink.failures or not outbox.backlog("redis").pending)
            if mode == "refuse":
                await proxy.cut_all()
            await eventually(lambda: seen >= nth)
            proxy.mode = "cut" if mode == "cut" and proxy.mode == "cut" else "pass"
            await at_work.drained()
    assert await stream_ids(redis) == named(0, 1, 2)


async def test_a_dropped_reply_of_xadd_gives_exactly_one_entry(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    async with Proxy("127.0.0.1", redis_port) as proxy:

        def drop_reply_of_xadd(chunk: bytes) -> None:
            if b"XADD" in chunk:
                proxy.mode = "drop"

        proxy.on_request = drop_reply_of_xadd
        async with Sinking(f"redis://127.0.0.1:{proxy.port}", outbox) as at_work:
            at_work.append(1)
            await eventually(lambda: at_work.sink.state == "away")
            assert await stream_ids(redis) == named(1), "it was written, though nobody said so"
            proxy.on_request = lambda _: None
            proxy.mode = "pass"
            await at_work.drained()
    assert await stream_ids(redis) == named(1)
    assert at_work.kinds == ["away", "live"]
    assert at_work.events[0].what == "no answer within the deadline"


async def test_a_paused_server_costs_a_deadline_and_no_alert(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
        await at_work.drained()
        await redis.client_pause(60_000, all=False)
        at_work.append(1, 2)
        await eventually(lambda: at_work.sink.state == "away" and at_work.sink.failures > 1)
        assert await stream_ids(redis) == [], "a timeout says nothing: here it was not written"
        at_work.append(3)
        await redis.client_unpause()
        await at_work.drained()
    assert await stream_ids(redis) == named(1, 2, 3)
    assert at_work.kinds == ["live", "away", "live"], "one event a transition, none a retry"


async def test_a_server_away_at_the_start_gets_everything_in_order_once_it_is_there(
    tmp_path: Path, outbox: Outbox
) -> None:
    port = free_port()
    async with Sinking(f"redis://127.0.0.1:{port}", outbox) as at_work:
        at_work.append(*range(70))
        await eventually(lambda: at_work.sink.failures > 3)
        at_work.append(*range(70, 90))
        async with EmbeddedValkey(tmp_path / "v", port=port) as server, connect(server.url) as client:
            await at_work.drained()
            assert await stream_ids(client) == named(*range(90))
    assert at_work.kinds == ["away", "live"]
    assert "127.0.0.1" in at_work.events[0].what


async def test_kill_9_of_the_server_loses_and_doubles_nothing(tmp_path: Path, outbox: Outbox) -> None:
    first = await EmbeddedValkey(tmp_path / "v").__aenter__()
    async with Sinking(first.url, outbox) as at_work:
        at_work.append(*range(40))
        await at_work.drained()
        os.kill(first.pid, signal.SIGKILL)
        at_work.append(*range(40, 80))
        await eventually(lambda: at_work.sink.state == "away")
        await first.__aexit__(None, None, None)
        async with EmbeddedValkey(tmp_path / "v") as second, connect(second.url) as client:
            await at_work.drained()
            assert await stream_ids(client) == named(*range(80))
    assert at_work.kinds == ["live", "away", "live"]


async def test_a_hanging_server_is_left_within_the_deadline_and_catches_up(tmp_path: Path, outbox: Outbox) -> None:
    async with EmbeddedValkey(tmp_path / "v") as server, Sinking(server.url, outbox) as at_work:
        await at_work.drained()
        os.kill(server.pid, signal.SIGSTOP)
        at_work.append(1)
        await eventually(lambda: at_work.sink.state == "away")
        os.kill(server.pid, signal.SIGCONT)
        await at_work.drained()
        async with connect(server.url) as client:
            assert await stream_ids(client) == named(1)


async def test_a_server_emptied_by_a_restart_gets_the_last_ten_minutes_back_and_what_is_new(
    tmp_path: Path, outbox: Outbox
) -> None:
    port = free_port()
    async with Sinking(f"redis://127.0.0.1:{port}", outbox) as at_work:
        async with EmbeddedValkey(tmp_path / "one", port=port):
            at_work.append(0)
            at_work.append(*range(1, 61), later_ms=11 * 60_000)
            await at_work.drained()
        await eventually(lambda: at_work.sink.state == "away")
        at_work.append(61, later_ms=11 * 60_000)
        async with EmbeddedValkey(tmp_path / "two", port=port) as other, connect(other.url) as client:
            await at_work.drained()
            assert await stream_ids(client) == named(*range(1, 62))
    assert at_work.kinds[-4:] == ["live", "away", "resent", "live"]
    assert at_work.events[-2].alerts == 60


async def test_a_loss_that_later_entries_cover_is_counted_and_told(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    url = f"redis://127.0.0.1:{redis_port}"
    async with Sinking(url, outbox) as at_work:
        at_work.append(1, 2)
        await at_work.drained()
    await redis.delete(KEY)
    await redis.xadd(KEY, {"id": "foreign"}, id="5-0")
    await redis.xadd(KEY, {"id": "foreign"}, id=f"{NOW + 1}-0")
    async with Sinking(url, outbox) as at_work:
        await at_work.drained()
        at_work.append(3)
        await at_work.drained()
    assert [(event.kind, event.alerts) for event in at_work.events] == [("undeliverable", 2), ("live", 0)]
    assert await stream_ids(redis) == ["foreign", "foreign", *named(3)], "new ids start above the foreign one"


async def test_entries_deleted_on_purpose_stay_deleted(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    url = f"redis://127.0.0.1:{redis_port}"
    async with Sinking(url, outbox) as at_work:
        at_work.append(1, 2, 3)
        await at_work.drained()
    await redis.xtrim(KEY, maxlen=1, approximate=False)
    async with Sinking(url, outbox) as at_work:
        await at_work.drained()
    assert await stream_ids(redis) == named(3)
    assert at_work.kinds == ["live"]


async def test_alerts_whose_place_is_taken_go_to_the_dead_with_the_reason(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    url = f"redis://127.0.0.1:{redis_port}"
    at_work = Sinking(url, outbox)
    at_work.append(1, 2)
    await redis.xadd(KEY, {"id": "foreign"}, id=f"{NOW}-0")
    async with at_work:
        await at_work.drained()
    assert await stream_ids(redis) == ["foreign", *named(2)]
    ((_, dead),) = await entries(redis, "technic:dead")
    assert (dead[b"id"], dead[b"stream_id"]) == (b"alert-00001", f"{NOW}-0".encode())
    assert b"later entries" in dead[b"reason"]
    assert [(event.kind, event.alerts) for event in at_work.events] == [("undeliverable", 1), ("live", 0)]


async def test_a_far_future_last_id_is_refused_with_the_remedy_and_the_remedy_works(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    await redis.xadd(KEY, {"id": "poison"}, id="99999999999999-0")
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
        at_work.append(1)
        await eventually(lambda: at_work.sink.failures > 2)
        assert at_work.kinds == ["refused"]
        remedy = at_work.events[0].remedy
        assert "RENAME technic:alerts technic:alerts:old" in remedy
        assert await redis.xlen(KEY) == 1
        await say(redis, *remedy[remedy.index("RENAME") :].split())
        await at_work.drained()
    assert await stream_ids(redis) == named(1)
    assert at_work.kinds == ["refused", "live"]


async def test_an_id_just_ahead_of_the_clock_is_no_poison(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    await redis.xadd(KEY, {"id": "ahead"}, id=f"{NOW + FUTURE_MS}-0")
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
        await at_work.drained()
        at_work.append(1)
        await at_work.drained()
    assert await stream_ids(redis) == ["ahead", *named(1)]


async def test_out_of_memory_keeps_the_alerts_until_there_is_some(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    await redis.set("ballast", b"x" * 2_000_000)
    await redis.config_set("maxmemory", "1mb")
    try:
        async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
            at_work.append(*range(60))
            await eventually(lambda: at_work.sink.failures > 2)
            assert [(event.kind, "maxmemory" in event.remedy) for event in at_work.events] == [("refused", True)]
            assert at_work.events[0].what.startswith("command not allowed when used memory")
            await redis.config_set("maxmemory", "0")
            await at_work.drained()
    finally:
        await redis.config_set("maxmemory", "0")
    assert await stream_ids(redis) == named(*range(60))
    assert at_work.kinds == ["refused", "live"]


async def test_too_few_replicas_keep_the_alerts_until_there_are_enough(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    await redis.config_set("min-replicas-to-write", "1")
    try:
        async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
            at_work.append(1, 2)
            await eventually(lambda: at_work.sink.failures > 2)
            assert at_work.events[0].what.startswith("NOREPLICAS")
            await redis.config_set("min-replicas-to-write", "0")
            await at_work.drained()
    finally:
        await redis.config_set("min-replicas-to-write", "0")
    assert await stream_ids(redis) == named(1, 2)


async def test_a_read_only_server_is_away_until_it_is_a_primary_again(tmp_path: Path, outbox: Outbox) -> None:
    async with (
        EmbeddedValkey(tmp_path / "v") as server,
        connect(server.url) as client,
        Sinking(server.url, outbox) as at_work,
    ):
        await at_work.drained()
        await say(client, "REPLICAOF", "127.0.0.1", "1")
        at_work.append(1)
        await eventually(lambda: at_work.sink.failures > 1)
        assert at_work.sink.state == "away"
        await say(client, "REPLICAOF", "NO", "ONE")
        await at_work.drained()
        assert await stream_ids(client) == named(1)


async def test_a_key_that_is_no_stream_is_refused_without_hammering(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    await redis.set(KEY, "text")
    policy = QUICK._replace(probe_s=0.2)
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox, policy) as at_work:
        at_work.append(1)
        await eventually(lambda: at_work.sink.failures == 2)
        assert at_work.kinds == ["refused"]
        assert at_work.events[0].what.startswith("WRONGTYPE")
        await redis.delete(KEY)
        await at_work.drained()
    assert await stream_ids(redis) == named(1)


async def test_a_user_without_permission_is_refused_and_the_password_is_not_told(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    await redis.acl_setuser("weak", enabled=True, passwords=["+s3cret"], categories=["+@all"], keys=["*"])
    await say(redis, "ACL", "SETUSER", "weak", "-xadd")
    async with Sinking(f"redis://weak:s3cret@127.0.0.1:{redis_port}", outbox) as at_work:
        at_work.append(1)
        await eventually(lambda: at_work.events)
        assert at_work.kinds == ["refused"]
        assert "xadd" in at_work.events[0].what
        await say(redis, "ACL", "SETUSER", "weak", "+xadd")
        await at_work.drained()
        await say(redis, "ACL", "SETUSER", "weak", "resetpass", ">other")
        await redis.client_kill_filter(user="weak")
        await eventually(lambda: at_work.sink.state == "refused")
        await redis.acl_deluser("weak")
    assert await stream_ids(redis) == named(1)
    assert at_work.kinds[:2] == ["refused", "live"]
    assert "password" in at_work.events[-1].remedy
    assert "s3cret" not in str(at_work.events)


async def test_one_refusal_that_follows_another_is_told(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    await redis.set(KEY, "text")
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox) as at_work:
        at_work.append(1)
        await eventually(lambda: at_work.events)
        await redis.delete(KEY)
        await redis.xadd(KEY, {"id": "poison"}, id="99999999999999-0")
        await eventually(lambda: len(at_work.events) > 1)
    assert at_work.kinds[:2] == ["refused", "refused"]


@pytest.mark.parametrize("answer", [b":5\r\n", b"*1\r\n:5\r\n", b"+OK\r\n", b"$4\r\n\xff\xff\xff\xff\r\n", b"*-1\r\n"])
async def test_an_answer_that_is_none_is_refused_and_does_not_end_the_sink(outbox: Outbox, answer: bytes) -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while commands := (await reader.read(10_000)).count(b"*"):
            writer.write(answer * commands)
        writer.close()

    server = await asyncio.start_server(lie, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Sinking(url, outbox) as at_work:
        at_work.append(1)
        await eventually(lambda: at_work.sink.failures > 1)
    assert at_work.kinds == ["refused"]
    assert outbox.backlog("redis").pending == 1


async def test_old_entries_are_trimmed_by_age(redis: Redis, redis_port: int, outbox: Outbox) -> None:
    policy = QUICK._replace(keep_ms=60_000)
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox, policy) as at_work:
        at_work.append(*range(1000))
        await at_work.drained()
        at_work.append(1000, later_ms=59_000)
        await at_work.drained()
        assert await redis.xlen(KEY) == 1001
        at_work.append(1001, later_ms=70_000)
        await at_work.drained()
    kept = await stream_ids(redis)
    assert len(kept) < 200, "whole nodes go, so a few may stay"
    assert kept[-2:] == named(1000, 1001)


async def test_of_too_many_the_oldest_go_before_their_time_and_that_is_told_once_an_hour(
    redis: Redis, redis_port: int, outbox: Outbox
) -> None:
    policy = QUICK._replace(keep_entries=1_000)
    async with Sinking(f"redis://127.0.0.1:{redis_port}", outbox, policy) as at_work:
        for start in range(0, 3_000, 100):
            at_work.append(*range(start, start + 100))
            await at_work.drained()
        kept = await stream_ids(redis)
        assert 1_000 <= len(kept) < 1_200, "whole nodes go, so a few more may stay"
        assert kept == named(*range(3_000 - len(kept), 3_000)), "none but the oldest"
        assert at_work.kinds == ["live", "crowded"]
        first = at_work.events[1].alerts
        at_work.clock.advance(3_600)
        at_work.append(3_000)
        await at_work.drained()
        assert at_work.kinds == ["live", "crowded", "crowded"]
        assert at_work.events[2].remedy.startswith("raise redis.retention_entries")
        assert 2_000 - 100 <= first + at_work.events[2].alerts <= 2_001
    assert at_work.sink.delivered == 3_001


async def test_a_sink_ends_when_cancelled_at_any_moment(redis_port: int, outbox: Outbox) -> None:
    for turns in range(60):
        at_work = Sinking(f"redis://127.0.0.1:{redis_port}", outbox)
        at_work.append(turns)
        task = asyncio.ensure_future(at_work.sink.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=5)
        assert not pending


async def test_an_idle_sink_notices_that_the_server_is_gone(tmp_path: Path, outbox: Outbox) -> None:
    async with EmbeddedValkey(tmp_path / "v") as server:
        at_work = Sinking(server.url, outbox)
        await at_work.__aenter__()
        await at_work.drained()
    await eventually(lambda: at_work.sink.state == "away")
    await at_work.__aexit__()


def test_a_url_that_cannot_be_used_is_refused_at_once_without_repeating_it(outbox: Outbox) -> None:
    for url in ("http://:s3cret@host", "redis://:s3cret@host:port", "redis://:s3cret@host/0?socket_frobs=1"):
        with pytest.raises(RedisUrlError) as refusal:
            Sinking(url, outbox)
        assert "s3cret" not in str(refusal.value)
