from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import RedisError

from streams.redis import board as boards
from streams.redis.board import KEEP_S, REFRESH_S, Board, Written
from streams.redis.connection import connect
from tests.streams.redis.conftest import alerts, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

A = {"symbol": "AAA", "price": "1.5", "change": ""}
B = {"symbol": "BBB", "price": "2.5", "change": "0.01"}


@pytest.fixture
async def board(redis_port: int) -> AsyncIterator[Board]:
    async with connect(f"redis://127.0.0.1:{redis_port}/0") as client:
        yield Board(client, "t:", 2.0)


async def scores(redis: Redis) -> dict[bytes, float]:
    ranked: Any = await redis.zrange("t:scores", 0, -1, withscores=True)
    return dict(ranked)


async def fields(redis: Redis, symbol: str) -> dict[str, str]:
    found: Any = await redis.hgetall(f"t:symbol:{symbol}")  # type: ignore[misc]
    return {name.decode(): value.decode() for name, value in found.items()}


async def test_the_first_writing_replaces_what_stood_there_from_before(redis: Redis, board: Board) -> None:
    await redis.zadd("t:scores", {"OLD": 0.9, "AAA": 0.1})
    await redis.zadd("t:scores:next", {"TORN": 0.5})
    sent = await board.write({b"AAA": 0.25, b"BBB": 0.75}.items(), [("AAA", A), ("BBB", B)], 0.0)
    assert sent == Written(scores=2, gone=0, hashes=2)
    assert await scores(redis) == {b"AAA": 0.25, b"BBB": 0.75}
    assert await fields(redis, "AAA") == A
    assert await fields(redis, "BBB") == B
    assert not await redis.exists("t:scores:next")


async def test_later_ones_send_what_changed_and_take_away_what_left(redis: Redis, board: Board) -> None:
    await board.write({b"AAA": 0.25, b"BBB": 0.75, b"CCC": 0.5}.items(), [("AAA", A), ("BBB", B)], 0.0)
    await redis.hset("t:symbol:AAA", "price", "untouched")  # type: ignore[misc]
    sent = await board.write({b"AAA": 0.5, b"BBB": 0.75}.items(), [("AAA", A), ("BBB", B | {"price": "3.0"})], 60.0)
    assert sent == Written(scores=1, gone=1, hashes=1)
    assert await scores(redis) == {b"AAA": 0.5, b"BBB": 0.75}
    assert (await fields(redis, "AAA"))["price"] == "untouched"
    assert await fields(redis, "BBB") == B | {"price": "3.0"}


async def test_more_than_a_batch_arrives_whole(redis: Redis, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "SCORES_AT_ONCE", 3)
    monkeypatch.setattr(boards, "HASHES_AT_ONCE", 2)
    all_scores = {f"S{k}".encode(): k / 10 for k in range(10)}
    await board.write(all_scores.items(), ((f"S{k}", {"symbol": f"S{k}"}) for k in range(5)), 0.0)
    assert await scores(redis) == all_scores
    assert [len(await fields(redis, f"S{k}")) for k in range(6)] == [1, 1, 1, 1, 1, 0]
    await board.write([], [], 60.0)
    assert await scores(redis) == {}


async def test_a_market_without_scores_leaves_none_behind(redis: Redis, board: Board) -> None:
    await redis.zadd("t:scores", {"OLD": 0.9})
    assert await board.write([], [], 0.0) == Written()
    assert not await redis.exists("t:scores")


async def test_all_of_it_goes_by_itself_after_some_days(redis: Redis, board: Board) -> None:
    await board.write({b"AAA": 0.25}.items(), [("AAA", A)], 0.0)
    assert KEEP_S - 5 <= await redis.ttl("t:symbol:AAA") <= KEEP_S
    assert KEEP_S - 5 <= await redis.ttl("t:scores") <= KEEP_S


async def test_a_hash_that_never_changes_is_written_anew_before_it_goes(redis: Redis, board: Board) -> None:
    await board.write([], [("AAA", A)], 0.0)
    await redis.delete("t:symbol:AAA")
    assert (await board.write([], [("AAA", A)], REFRESH_S)).hashes == 0
    assert (await board.write([], [("AAA", A)], REFRESH_S + 1)).hashes == 1
    assert await fields(redis, "AAA") == A


async def test_one_that_left_and_comes_back_is_written_whole(redis: Redis, board: Board) -> None:
    await board.write([], [("AAA", A)], 0.0)
    await board.write([], [], 60.0)
    assert await fields(redis, "AAA") == A  # it stays, with its minute
    await redis.delete("t:symbol:AAA")
    await board.write([], [("AAA", A)], 120.0)
    assert await fields(redis, "AAA") == A


async def test_a_server_that_somebody_has_emptied_has_all_scores_again_after_a_minute_and_whole_hashes_after_two(
    redis: Redis, board: Board
) -> None:
    both = {b"AAA": 0.25, b"BBB": 0.75}
    await board.write(both.items(), [("AAA", A)], 0.0)
    await redis.flushall()
    later = A | {"price": "9.0"}
    await board.write(both.items(), [("AAA", later)], 60.0)
    assert await scores(redis) == both
    await board.write(both.items(), [("AAA", later)], 120.0)
    assert await fields(redis, "AAA") == later


async def test_a_server_that_has_gone_is_noticed_even_if_there_is_nothing_to_say(redis: Redis, board: Board) -> None:
    await board.write([(b"AAA", 0.25)], [], 0.0)
    await say(redis, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(RedisError):
        await board.write([(b"AAA", 0.25)], [], 60.0)


async def test_after_a_failure_nothing_is_believed_to_stand_there(redis: Redis, board: Board) -> None:
    await board.write({b"AAA": 0.25, b"BBB": 0.75}.items(), [], 0.0)
    await redis.set("t:scores", "somebody else's")
    with pytest.raises(RedisError, match="WRONGTYPE"):
        await board.write({b"AAA": 0.5, b"BBB": 0.75}.items(), [], 60.0)
    await board.write({b"AAA": 0.5, b"BBB": 0.75}.items(), [], 120.0)
    assert await scores(redis) == {b"AAA": 0.5, b"BBB": 0.75}


async def test_a_server_that_hangs_is_waited_for_until_the_deadline(redis: Redis, redis_port: int) -> None:
    await say(redis, "CLIENT", "PAUSE", 400, "ALL")
    async with connect(f"redis://127.0.0.1:{redis_port}/0") as client:
        with pytest.raises(TimeoutError):
            await Board(client, "t:", 0.1).write([(b"AAA", 0.25)], [], 0.0)


async def test_the_newest_alerts_are_read_in_small_parts_and_no_further_than_asked(
    redis: Redis, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "ALERTS_AT_ONCE", 3)
    for entry in alerts(*range(1, 9)):
        plain: dict[Any, Any] = dict(entry.fields)
        await redis.xadd("t:alerts", plain)
    assert [found[b"id"] async for found in board.newest_alerts(100)] == [
        f"alert-{n:05}".encode() for n in range(8, 0, -1)
    ]
    assert len([found async for found in board.newest_alerts(6)]) == 6
