from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streams.redis import silences
from streams.redis.errors import RedisRefusedError
from streams.redis.silenced import ANY, Acknowledgement, Silence
from streams.redis.silences import Silences
from tests.streams.redis.conftest import alerts, entries, say

if TYPE_CHECKING:
    from redis.asyncio import Redis

NOW_MS = 1_737_750_600_000


@pytest.fixture
def kept(redis_port: int) -> Silences:
    return Silences(f"redis://127.0.0.1:{redis_port}/0", "t:")


async def told(redis: Redis) -> list[dict[str, str]]:
    return [
        {name.decode(): value.decode() for name, value in fields.items()}
        for _, fields in await entries(redis, "t:events")
    ]


async def publish(redis: Redis, *numbers: int) -> None:
    for entry in alerts(*numbers):
        fields: dict[Any, Any] = dict(entry.fields)
        await redis.xadd("t:alerts", fields)


async def test_a_silence_is_set_read_lifted_and_each_change_is_an_event(redis: Redis, kept: Silences) -> None:
    silence = Silence("gap", ANY, "snooze", NOW_MS + 60_000, "anna", NOW_MS)
    await kept.put(silence, NOW_MS)
    assert (await kept.load()).silences == {("gap", ANY): silence}
    assert (await kept.load()).covers("gap", "TWLO", NOW_MS)
    assert await kept.lift("gap", ANY, "bert", NOW_MS + 5)
    assert not await kept.lift("gap", ANY, "bert", NOW_MS + 6)
    assert (await kept.load()).silences == {}
    assert await told(redis) == [
        {
            "kind": "silence.set",
            "at_ms": str(NOW_MS),
            "rule": "gap",
            "symbol": "*",
            "how": "snooze",
            "until_ms": str(NOW_MS + 60_000),
            "by": "anna",
        },
        {"kind": "silence.lifted", "at_ms": str(NOW_MS + 5), "rule": "gap", "symbol": "*", "by": "bert"},
    ]


async def test_those_that_are_over_leave_when_another_is_set(kept: Silences) -> None:
    await kept.put(Silence("gap", ANY, "snooze", 1_000), 0)
    await kept.put(Silence("gap", "TWLO", "snooze", 3_000), 0)
    await kept.put(Silence(ANY, "AAPL", "mute"), 2_000)
    assert set((await kept.load()).silences) == {("gap", "TWLO"), (ANY, "AAPL")}


async def test_more_than_so_many_are_refused_and_one_in_place_of_another_is_not_more(
    kept: Silences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silences, "MOST_SILENCES", 2)
    await kept.put(Silence("a", ANY, "mute"), 0)
    await kept.put(Silence("b", ANY, "mute"), 0)
    await kept.put(Silence("b", ANY, "snooze", 1_000), 0)
    with pytest.raises(RedisRefusedError, match="2 silences are in force; lift some: technic unmute"):
        await kept.put(Silence("c", ANY, "mute"), 0)


async def test_the_first_who_acknowledges_stands(redis: Redis, kept: Silences) -> None:
    assert await kept.acknowledge("a" * 32, "anna", NOW_MS) is None
    assert await kept.acknowledge("a" * 32, "bert", NOW_MS + 1) == Acknowledgement("anna", NOW_MS)
    assert (await kept.load()).acknowledged("a" * 32)
    assert await told(redis) == [
        {"kind": "alert.acknowledged", "at_ms": str(NOW_MS), "id": "a" * 32, "by": "anna"},
    ]


async def test_of_too_many_acknowledgements_the_oldest_go(kept: Silences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silences, "MOST_ACKS", 10)
    for number in range(12):
        await kept.acknowledge(f"{number:032}", "", NOW_MS + number)
    assert sorted((await kept.load()).acks) == [f"{number:032}" for number in range(2, 12)]


async def test_an_id_is_found_by_its_beginning_in_a_long_stream(
    redis: Redis, kept: Silences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silences, "BATCH", 3)
    await publish(redis, *range(1, 11), 4)
    assert await kept.find("alert-00004") == ["alert-00004"]
    assert await kept.find("alert-0001") == ["alert-00010"]
    assert len(await kept.find("alert-")) > 1
    assert await kept.find("none") == []


async def test_the_leaderboard_tells_which_symbols_there_are(redis: Redis, kept: Silences) -> None:
    assert await kept.scored("TWLO") is None
    await redis.zadd("t:scores", {"TWLO": 0.5})
    assert await kept.scored("TWLO") is True
    assert await kept.scored("TWLOO") is False


async def test_a_server_that_is_away_is_told_with_what_to_do() -> None:
    with pytest.raises(RedisRefusedError, match=r"unix:///nowhere: .*; start the server, or set redis.url"):
        await Silences("unix:///nowhere").load()


async def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_the_deadline(
    redis: Redis, redis_port: int
) -> None:
    slow = Silences(f"redis://127.0.0.1:{redis_port}/0", "t:", deadline_s=0.1)
    await say(redis, "CLIENT", "PAUSE", 400, "ALL")
    with pytest.raises(RedisRefusedError, match="no answer within the deadline"):
        await slow.load()


async def test_a_key_of_another_type_and_a_flooded_one_are_refused(redis: Redis, kept: Silences) -> None:
    await redis.set("t:silences", "x")
    with pytest.raises(RedisRefusedError, match="WRONGTYPE"):
        await kept.load()
    await redis.delete("t:silences")
    await redis.hset("t:silences", mapping={f"r{n}|*": "{}" for n in range(2_001)})  # type: ignore[misc]
    with pytest.raises(RedisRefusedError, match=r"t:silences has 2,001 fields, .*; DEL t:silences"):
        await kept.load()
