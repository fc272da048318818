"""What a consumer says to its group, exchange by exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ResponseError

from streams.redis.group import BEGINNING, Entry, StreamGroup
from tests.streams.redis.conftest import KEY
from tests.streams.redis.consuming import GROUP, pending_of

if TYPE_CHECKING:
    from redis.asyncio import Redis


def group_of(redis: Redis, name: str = "one") -> StreamGroup:
    return StreamGroup(redis, KEY, GROUP, name, 2.0)


async def add(redis: Redis, *ids: str) -> None:
    for stream_id in ids:
        await redis.xadd(KEY, {"n": "1"}, id=stream_id)


async def test_a_group_is_made_once(redis: Redis) -> None:
    group = group_of(redis)
    assert await group.make("0")
    assert not await group.make("$")
    assert await redis.exists(KEY)


@pytest.mark.parametrize(
    ("oldest", "settled"), [("5-3", "5-2"), ("5-0", f"4-{2**64 - 1}"), ("0-1", "0-0"), ("1-0", f"0-{2**64 - 1}")]
)
async def test_all_below_the_oldest_pending_entry_is_settled(redis: Redis, oldest: str, settled: str) -> None:
    await add(redis, oldest, "9-0")
    group = group_of(redis)
    await group.make("0")
    assert await group.read(0.01) == Entry(oldest, 1, {b"n": b"1"})
    assert await group.read(0.01) == Entry("9-0", 1, {b"n": b"1"})
    assert (await group.standing()).settled == settled
    await group.ack([oldest, "9-0"])
    assert (await group.standing()).settled == "9-0"


@pytest.mark.parametrize("settled", [f"4-{2**64 - 1}", f"0-{2**64 - 1}", "0-0"])
async def test_a_group_can_be_made_behind_whatever_is_settled(redis: Redis, settled: str) -> None:
    await add(redis, "5-0")
    group = group_of(redis)
    await group.make(settled)
    assert await group.read(0.01) == Entry("5-0", 1, {b"n": b"1"})


async def test_nothing_to_read_is_none(redis: Redis) -> None:
    group = group_of(redis)
    await group.make("0")
    assert await group.read(0.01) is None
    assert await group.unfinished("0-0") is None


async def test_what_another_has_done_meanwhile_is_not_given_again(redis: Redis) -> None:
    await add(redis, "1-0")
    group = group_of(redis)
    await group.make("0")
    await group.read(0.01)
    await group.ack(["1-0"])
    assert await group.again("1-0", 2) is None
    await redis.xtrim(KEY, maxlen=0, approximate=False)
    assert await group.again("1-0", 2) == Entry("1-0", 2, None), "nobody can tell any more"


async def all_taken_over(group: StreamGroup, idle_ms: int) -> int:
    some = await group.take_over(idle_ms, BEGINNING)
    number = some.number
    while some.cursor != BEGINNING:
        some = await group.take_over(idle_ms, some.cursor)
        number += some.number
    assert not some.gone
    return number


async def test_all_that_was_left_is_taken_over_however_many_entries_are_in_hand(redis: Redis) -> None:
    await add(redis, *(f"{n}-0" for n in range(1, 1_502)))
    await group_of(redis).make("0")
    await redis.xreadgroup(GROUP, "working", {KEY: ">"}, count=1_500)
    await redis.xreadgroup(GROUP, "dead", {KEY: ">"}, count=1)
    await redis.xclaim(KEY, GROUP, "dead", 0, ["1501-0"], idle=70_000, justid=True)
    group = group_of(redis, "new")
    assert await all_taken_over(group, 60_000) == 1
    assert await group.unfinished("0-0") == ("1501-0", 1), "taking over is no delivery"
    assert await all_taken_over(group, 0) == 1_501
    await group.stay(f"{n}-0" for n in range(1, 1_502))
    assert {deliveries for _, deliveries in await pending_of(redis)} == {1}


async def test_a_group_that_is_no_more_is_told_as_the_server_tells_it_elsewhere(redis: Redis) -> None:
    group = group_of(redis)
    with pytest.raises(ResponseError, match="NOGROUP"):
        await group.standing()
    await add(redis, "1-0")
    with pytest.raises(ResponseError, match="NOGROUP"):
        await group.standing()
    with pytest.raises(ResponseError, match="NOGROUP"):
        await group.read(0.01)
