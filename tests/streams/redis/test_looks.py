from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streams.redis import looks

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def test_a_look_is_told_and_read_again(redis: Redis, redis_port: int) -> None:
    assert await looks.tell(f"redis://127.0.0.1:{redis_port}/0", "t:", "scan", ["NVDA", "BRK.B"])
    entries: Any = await redis.xrange("t:looks")
    ((_, fields),) = entries
    told: dict[str, Any] = {name.decode(): value.decode() for name, value in fields.items()}
    assert told["source"] == "scan"
    assert looks.symbols_of(told) == ["NVDA", "BRK.B"]


async def test_a_server_that_is_away_costs_nothing_but_the_look() -> None:
    assert not await looks.tell("unix:///nowhere", "t:", "scan", ["NVDA"])


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"symbols": ""}, []),
        ({"symbols": "A,,b c,\x00,A" + "A" * 16}, ["A"]),
        ({"symbols": ",".join(f"S{k}" for k in range(10_000))}, [f"S{k}" for k in range(100)]),
    ],
)
def test_of_a_hostile_entry_only_symbols_are_taken_and_no_more_than_so_many(
    fields: dict[str, str], found: list[str]
) -> None:
    assert looks.symbols_of(fields) == found
