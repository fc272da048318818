import asyncio

import pytest

from daemon.clock import SystemClock
from streams.polygon.rest import limiter as module
from streams.polygon.rest.limiter import Priority, RateLimiter, TurnRefusedError


def limiter(per_minute: float, burst: int = 1) -> RateLimiter:
    return RateLimiter(per_minute, burst, SystemClock())


async def test_no_more_turns_than_the_rate_allows() -> None:
    limited = limiter(60 * 50, burst=5)
    before = asyncio.get_running_loop().time()
    await asyncio.gather(*(limited.turn(Priority.NEEDED) for _ in range(15)))
    assert asyncio.get_running_loop().time() - before >= 10 / 50 - 0.001
    assert limited.granted[Priority.NEEDED] == 15


async def test_a_burst_is_given_at_once() -> None:
    limited = limiter(1, burst=5)
    async with asyncio.timeout(0.5):
        for _ in range(5):
            await limited.turn(Priority.NEEDED)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await limited.turn(Priority.LIVE)


async def test_the_live_go_first_and_equals_by_age() -> None:
    limited, order = limiter(60 * 100), []

    async def ask(name: str, priority: Priority) -> None:
        await limited.turn(priority)
        order.append(name)

    await limited.turn(Priority.LIVE)
    asked = [("p1", Priority.PREFETCH), ("n1", Priority.NEEDED), ("n2", Priority.NEEDED), ("p2", Priority.PREFETCH)]
    tasks = [asyncio.ensure_future(ask(*one)) for one in asked]
    await asyncio.sleep(0)
    tasks.append(asyncio.ensure_future(ask("live", Priority.LIVE)))
    await asyncio.gather(*tasks)
    assert order == ["live", "n1", "n2", "p1", "p2"]


async def test_one_who_gives_up_leaves_the_turn_to_the_next() -> None:
    limited = limiter(60 * 20)
    await limited.turn(Priority.LIVE)
    first = asyncio.ensure_future(limited.turn(Priority.LIVE))
    second = asyncio.ensure_future(limited.turn(Priority.NEEDED))
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(1):
        await second
    assert limited.granted[Priority.LIVE] == 1
    assert not +limited.waiting


async def test_a_pause_holds_everybody_back() -> None:
    limited = limiter(60_000, burst=100)
    limited.pause(0.1)
    limited.pause(0.01)
    before = asyncio.get_running_loop().time()
    await limited.turn(Priority.LIVE)
    assert asyncio.get_running_loop().time() - before >= 0.099


@pytest.fixture
def _room_for_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)


async def waiting(limited: RateLimiter, *priorities: Priority) -> list[asyncio.Task[None]]:
    """Tasks that wait, in this order; the one turn that lies ready is gone."""
    await limited.turn(Priority.LIVE)
    tasks = [asyncio.ensure_future(limited.turn(priority)) for priority in priorities]
    await asyncio.sleep(0)
    return tasks


async def let_go(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("_room_for_three")
async def test_when_too_many_wait_the_youngest_of_the_least_urgent_makes_room() -> None:
    limited = limiter(60)
    tasks = await waiting(limited, Priority.PREFETCH, Priority.WARM_UP, Priority.PREFETCH)
    tasks.append(asyncio.ensure_future(limited.turn(Priority.NEEDED)))
    with pytest.raises(TurnRefusedError):
        await tasks[2]
    assert limited.waiting == {Priority.PREFETCH: 1, Priority.WARM_UP: 1, Priority.NEEDED: 1}
    assert limited.refused == {Priority.PREFETCH: 1}
    await let_go(tasks)


@pytest.mark.usefixtures("_room_for_three")
@pytest.mark.parametrize("priority", Priority)
async def test_when_too_many_wait_one_who_is_no_more_urgent_is_refused(priority: Priority) -> None:
    limited = limiter(60)
    tasks = await waiting(limited, priority, priority, priority)
    with pytest.raises(TurnRefusedError):
        await limited.turn(priority)
    assert limited.waiting == {priority: 3}
    assert limited.refused == {priority: 1}
    await let_go(tasks)
    assert not limited.waiting
