import asyncio

import pytest

from daemon.dataplane.flights import Flights


class Source:
    """Answers when told to; counts who asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.error:
            raise self.error
        return number


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_ten_who_ask_at_once_share_one_request() -> None:
    flights, source = Flights[int](), Source()
    askers = [asyncio.ensure_future(flights.get("a", source)) for _ in range(10)]
    await settle()
    source.gate.set()
    assert await asyncio.gather(*askers) == [1] * 10
    assert (source.asked, flights.shared) == (1, 9)


async def test_the_next_after_an_answer_asks_anew_and_so_does_one_for_something_else() -> None:
    flights, source = Flights[int](), Source()
    source.gate.set()
    assert [await flights.get("a", source), await flights.get("a", source), await flights.get("b", source)] == [1, 2, 3]


async def test_an_error_reaches_all_who_share_it_and_nobody_after_them() -> None:
    flights, source = Flights[int](), Source()
    source.error = OSError("away")
    askers = [asyncio.ensure_future(flights.get("a", source)) for _ in range(3)]
    await settle()
    source.gate.set()
    assert [type(e) for e in await asyncio.gather(*askers, return_exceptions=True)] == [OSError] * 3
    source.error = None
    assert await flights.get("a", source) == 2


async def test_when_the_first_gives_up_the_next_asks_for_the_rest() -> None:
    flights, source = Flights[int](), Source()
    askers = [asyncio.ensure_future(flights.get("a", source)) for _ in range(3)]
    await settle()
    askers[0].cancel()
    await settle()
    source.gate.set()
    assert await asyncio.gather(*askers[1:]) == [2, 2]
    assert askers[0].cancelled()


async def test_one_who_shares_may_give_up_alone() -> None:
    flights, source = Flights[int](), Source()
    askers = [asyncio.ensure_future(flights.get("a", source)) for _ in range(3)]
    await settle()
    askers[1].cancel()
    await settle()
    source.gate.set()
    assert [await askers[0], await askers[2]] == [1, 1]
    with pytest.raises(asyncio.CancelledError):
        await askers[1]


async def test_all_may_give_up() -> None:
    flights, source = Flights[int](), Source()
    askers = [asyncio.ensure_future(flights.get("a", source)) for _ in range(3)]
    await settle()
    for asker in askers:
        asker.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    source.gate.set()
    assert await flights.get("a", source) == source.asked
