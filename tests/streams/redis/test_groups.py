"""How far groups have come, on real servers, also such as count nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streams.redis.groups import MOST_GROUPS, StreamSeen, look
from tests.streams.redis.conftest import KEY, say

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from streams.redis.groups import GroupSeen


async def add(redis: Redis, *numbers: int) -> None:
    for number in numbers:
        await redis.xadd(KEY, {"n": number}, id=f"{number}-0")


async def group_of(redis: Redis, name: str = "g") -> GroupSeen:
    seen = await look(redis, KEY, 2.0)
    return next(group for group in seen.groups if group.name == name)


async def read(redis: Redis, count: int, *, ack: bool = True) -> None:
    found: Any = await redis.xreadgroup("g", "c", {KEY: ">"}, count=count)
    if ack:
        await redis.xack(KEY, "g", *[stream_id for stream_id, _ in found[0][1]])


async def test_a_stream_that_is_not_there_has_nothing(redis: Redis) -> None:
    assert await look(redis, KEY, 2.0) == StreamSeen()


async def test_a_stream_without_entries_has_groups_all_the_same(redis: Redis) -> None:
    await redis.xgroup_create(KEY, "g", "0", mkstream=True)
    seen = await look(redis, KEY, 2.0)
    assert (seen.length, seen.groups[0].behind, seen.groups[0].undone_ms) == (0, 0, None)


async def test_what_a_group_was_not_given_yet(redis: Redis) -> None:
    await add(redis, *range(1, 11))
    await redis.xgroup_create(KEY, "g", "0")
    fresh = await group_of(redis)
    assert (fresh.behind, fresh.undone_ms, fresh.undone_rank, fresh.missed) == (10, 1, 10, 0)
    await read(redis, 3)
    part = await group_of(redis)
    assert (part.behind, part.undone_ms, part.undone_rank, part.given, part.following) == (7, 4, 7, (3, 0), (4, 0))
    await read(redis, 100)
    done = await group_of(redis)
    assert (done.behind, done.pending, done.undone_ms, done.undone_rank, done.following) == (0, 0, None, 0, None)


async def test_what_a_group_has_not_acknowledged_is_undone_too(redis: Redis) -> None:
    await add(redis, *range(1, 11))
    await redis.xgroup_create(KEY, "g", "0")
    await read(redis, 2)
    await read(redis, 2, ack=False)
    await read(redis, 4)
    group = await group_of(redis)
    assert (group.behind, group.pending, group.undone_ms) == (2, 2, 3)
    assert 7 <= group.undone_rank <= 8, "about"


async def test_entries_that_were_trimmed_before_they_were_given_are_missed(redis: Redis) -> None:
    await add(redis, *range(1, 11))
    await redis.xgroup_create(KEY, "g", "0")
    await read(redis, 1)
    await redis.xtrim(KEY, maxlen=4, approximate=False)
    await redis.xgroup_create(KEY, "late", "0")
    group = await group_of(redis)
    assert (group.behind, group.undone_ms, group.missed) == (4, 7, 5)
    assert (await group_of(redis, "late")).missed == 0, "what was gone before it began is no loss"
    await read(redis, 10)
    assert (await group_of(redis)).missed == 0


async def test_an_entry_in_hand_that_was_trimmed_is_seen(redis: Redis) -> None:
    await add(redis, *range(1, 11))
    await redis.xgroup_create(KEY, "g", "0")
    await read(redis, 2, ack=False)
    assert not (await group_of(redis)).lost_pending
    await redis.xtrim(KEY, minid="3-0", approximate=False)
    assert (await group_of(redis)).lost_pending


async def test_without_a_count_of_the_server_the_number_is_about_right(redis: Redis) -> None:
    await add(redis, *range(1, 101))
    await redis.xgroup_create(KEY, "g", "80-0")
    await redis.xdel(KEY, "90-0")
    group = await group_of(redis)
    assert group.behind == pytest.approx(19, abs=2)


async def test_names_of_strangers_are_shown_safely_and_only_so_many(redis: Redis) -> None:
    await add(redis, 1)
    await say(redis, "XGROUP", "CREATE", KEY, b"\xff\x1b[31m" + b"x" * 500, "0")
    (group,) = (await look(redis, KEY, 2.0)).groups
    assert group.name == ("\ufffd?[31m" + "x" * 500)[:64]
    for number in range(MOST_GROUPS + 10):
        await redis.xgroup_create(KEY, f"g{number}", "0")
    assert len((await look(redis, KEY, 2.0)).groups) == MOST_GROUPS
