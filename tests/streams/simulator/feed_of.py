"""A market of a few minutes with faults, and plain clients of it."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from daemon.clock import SystemClock
from streams.bars import MINUTE_MS
from streams.simulator.faultkinds import KINDS, settings
from streams.simulator.hours import trading_day
from streams.simulator.market import FIRST_DAY, SyntheticMarket
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.schedule import Fault, Faults, read_moment
from streams.simulator.server import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from websockets.asyncio.client import ClientConnection

    from streams.simulator.chronicle import Record
    from streams.simulator.tape import Minute

OPEN_MS = trading_day(FIRST_DAY).open_ms
MARKET = SyntheticMarket(12, seed=4)
MINUTES: Sequence[Minute] = [minute for _, minute in zip(range(6), MARKET.minutes(), strict=False)]


class Few:
    """The first minutes of a synthetic market."""

    def __init__(self, count: int = 3) -> None:
        self.start_ms, self.end_ms = OPEN_MS, OPEN_MS + count * MINUTE_MS
        self._count = count

    def minutes(self) -> Any:
        return iter(MINUTES[: self._count])


def fault(kind: str, *at: str, **given: object) -> Fault:
    """One of `kind`; ``lasting`` stands for ``for``."""
    if "lasting" in given:
        given["for"] = given.pop("lasting")
    wrong: list[Any] = []
    told = settings(kind, given, wrong)
    assert not wrong, wrong
    assert set(told) == set(KINDS[kind].settings)
    return Fault(kind, told, tuple(map(read_moment, at)))


class Exchange:
    """A simulator whose records are kept."""

    def __init__(self, simulator: Simulator, records: list[Record]) -> None:
        self.simulator, self.records = simulator, records

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.simulator.port}/stocks"

    async def connect(self, *channels: str, **options: Any) -> ClientConnection:
        """A client that has asked for channels and had its answers, if there are any."""
        socket = await connect(self.url, **({"proxy": None, "ping_interval": None, "max_queue": None} | options))
        await socket.send('{"action":"auth","params":"demo"}')
        if channels:
            await socket.send(msgspec.json.encode({"action": "subscribe", "params": ",".join(channels)}), text=True)
        return socket


@asynccontextmanager
async def exchange(*faults: Fault, minutes: int = 3, seed: int = 1, **options: Any) -> AsyncIterator[Exchange]:
    records: list[Record] = []
    options = {"speed": AS_FAST_AS_READ, "on_end": "close"} | options
    plan = Faults(faults, seed)
    async with Simulator(Few(minutes), clock=SystemClock(), faults=plan, tell=records.append, **options) as simulator:
        yield Exchange(simulator, records)


async def frames(socket: ClientConnection) -> list[bytes]:
    """All that comes until the end, however that is."""
    found: list[bytes] = []
    with suppress(ConnectionClosed):
        while True:
            found.append(await socket.recv(decode=False))
    return found


async def events(socket: ClientConnection) -> list[dict[str, Any]]:
    """All elements that come until the end; statuses too."""
    return [event for frame in await frames(socket) for event in msgspec.json.decode(frame)]


def bars(found: Sequence[dict[str, Any]], prefix: str = "AM") -> list[dict[str, Any]]:
    return [event for event in found if event["ev"] == prefix]


def named(found: Sequence[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(bar["ev"], bar["sym"], bar["s"]) for bar in found]


async def clean(*channels: str, minutes: int = 3) -> list[dict[str, Any]]:
    """What comes of the same market without faults."""
    async with exchange(minutes=minutes) as untroubled:
        return await events(await untroubled.connect(*channels))
