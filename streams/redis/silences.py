"""Snoozes, mutes and acknowledgements, kept in Redis: read by whoever tells alerts, changed by people.

Each change goes with its event into stream ``technic:events``, in one transaction: ``silence.set``, ``silence.lifted``,
``alert.acknowledged``. Nothing is tried again here: whoever asks is told, and asks again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from redis.exceptions import RedisError

from streams.redis import silenced
from streams.redis.connection import DEADLINE_S, check_url, connect
from streams.redis.errors import RedisRefusedError
from streams.redis.events import MOST_EVENTS
from streams.redis.silenced import Acknowledgement, Silence, Silenced
from streams.redis.verdict import LIES, ended, judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline
    from redis.typing import EncodableT, FieldT

__all__ = ["Silence", "Silenced", "Silences"]

T = TypeVar("T")

MOST_SILENCES: Final = 1_000
MOST_ACKS: Final = 10_000
"""Acknowledgements that are kept; of more the oldest tenth goes."""

SHORTEST: Final = 6
"""Characters of an alert's id that are enough to look for it."""

SEARCHED: Final = 20_000
"""Newest alerts among which an id is looked for."""

BATCH: Final = 100
"""Alerts that are read at once."""


class Silences:
    """Reads and changes what is silent. Each call has a connection of its own, and a deadline.

    Args:
        url: see `streams.redis.connection.connect`.
        prefix: what the names of keys begin with.
        deadline_s: for each exchange with the server.

    Raises:
        RedisUrlError: no client can be made of `url`.
        RedisRefusedError: by every call: the server is away, or will not; says what to do.
    """

    def __init__(self, url: str, prefix: str = "technic:", *, deadline_s: float = DEADLINE_S) -> None:
        check_url(url)
        self._url, self._deadline_s = url, deadline_s
        self._silences, self._acks = f"{prefix}silences", f"{prefix}acks"
        self._events, self._alerts, self._scores = f"{prefix}events", f"{prefix}alerts", f"{prefix}scores"

    async def load(self) -> Silenced:
        """As it stands; hashes of more than is ever kept there are refused."""

        async def read(client: Redis) -> Silenced:
            await self._check_sizes(client)
            pipe = client.pipeline(transaction=True)
            pipe.hgetall(self._silences)
            pipe.hgetall(self._acks)
            return silenced.decode(*await pipe.execute())

        return await self._ask(read)

    async def put(self, silence: Silence, market_ms: int) -> None:
        """Set one, in place of what was there for the same rule and symbol; those that are over go meanwhile.

        Args:
            silence: with the wall clock in `Silence.set_ms`.
            market_ms: market time.
        """
        others = [each for each in (await self.load()).silences.values() if each.field != silence.field]
        over = [each.field for each in others if not each.in_force(market_ms)]
        if len(others) - len(over) >= MOST_SILENCES:
            raise RedisRefusedError("FULL", f"{MOST_SILENCES:,} silences are in force", "lift some: technic unmute")
        fields = {"how": silence.kind, "until_ms": str(silence.until_ms), "by": silence.by}

        def change(pipe: Pipeline) -> None:
            if over:
                pipe.hdel(self._silences, *over)
            pipe.hset(self._silences, silence.field, silenced.encode(silence).decode())
            self._tell(pipe, "silence.set", silence.set_ms, rule=silence.rule, symbol=silence.symbol, **fields)

        await self._change(change)

    async def lift(self, rule: str, symbol: str, by: str, at_ms: int) -> bool:
        """Let alerts be told again; whether there was such a silence. `at_ms` is the wall clock."""
        if (rule, symbol) not in (await self.load()).silences:
            return False

        def change(pipe: Pipeline) -> None:
            pipe.hdel(self._silences, f"{rule}|{symbol}")
            self._tell(pipe, "silence.lifted", at_ms, rule=rule, symbol=symbol, by=by)

        await self._change(change)
        return True

    async def acknowledge(self, alert_id: str, by: str, at_ms: int) -> Acknowledgement | None:
        """Note that somebody takes care of an alert; None, or who had done so before, which then stands.

        Args:
            alert_id: in full; see `find`.
            by: who.
            at_ms: wall clock.
        """
        known = (await self.load()).acks
        if alert_id in known:
            return known[alert_id]
        oldest = sorted(known, key=lambda each: known[each].at_ms)[: MOST_ACKS // 10]

        def change(pipe: Pipeline) -> None:
            if len(known) >= MOST_ACKS:
                pipe.hdel(self._acks, *oldest)
            value = silenced.encode_acknowledgement(Acknowledgement(by, at_ms))
            pipe.hset(self._acks, alert_id, value.decode())
            self._tell(pipe, "alert.acknowledged", at_ms, id=alert_id, by=by)

        await self._change(change)
        return None

    async def find(self, beginning: str) -> list[str]:
        """Ids of alerts that begin so, newest first, each once; two are enough to know that it is not one."""

        async def look(client: Redis) -> list[str]:
            found: dict[str, None] = {}
            before = "+"
            for _ in range(0, SEARCHED, BATCH):
                async with asyncio.timeout(self._deadline_s):
                    answer: Any = await client.xrevrange(self._alerts, max=before, count=BATCH)
                ids = (_id(fields) for _, fields in answer)
                found |= dict.fromkeys(each for each in ids if each.startswith(beginning))
                if len(answer) < BATCH or len(found) > 1 or beginning in found:
                    break
                before = f"({answer[-1][0].decode()}"
            return list(found)

        return await self._ask(look, deadline_s=None)

    async def scored(self, symbol: str) -> bool | None:
        """Whether the leaderboard knows a symbol; None if there is none."""

        async def look(client: Redis) -> bool | None:
            pipe = client.pipeline(transaction=False)
            pipe.zcard(self._scores)
            pipe.zscore(self._scores, symbol)
            size, score = await pipe.execute()
            return score is not None if size else None

        return await self._ask(look)

    async def _check_sizes(self, client: Redis) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.hlen(self._silences)
        pipe.hlen(self._acks)
        sizes = await pipe.execute()
        for key, most, size in zip(
            (self._silences, self._acks), (2 * MOST_SILENCES, 2 * MOST_ACKS), sizes, strict=True
        ):
            if size > most:
                raise RedisRefusedError("FULL", f"{key} has {size:,} fields, which technic never sets", f"DEL {key}")

    async def _change(self, change: Callable[[Pipeline], None]) -> None:
        async def exchange(client: Redis) -> None:
            pipe = client.pipeline(transaction=True)
            change(pipe)
            await pipe.execute()

        await self._ask(exchange)

    def _tell(self, pipe: Pipeline, kind: str, at_ms: int, **fields: str) -> None:
        entry = cast("dict[FieldT, EncodableT]", {"kind": kind, "at_ms": str(at_ms), **fields})
        pipe.xadd(self._events, entry, maxlen=MOST_EVENTS, approximate=True)

    async def _ask(self, ask: Callable[[Redis], Awaitable[T]], deadline_s: float | None = DEADLINE_S) -> T:
        """One exchange; `deadline_s` None where `ask` has deadlines of its own."""
        try:
            async with asyncio.timeout(deadline_s and self._deadline_s), connect(self._url) as client:
                return await ask(client)
        except (RedisError, RedisRefusedError, OSError, *LIES) as error:
            raise ended(self._url, judge(error)) from error


def _id(fields: dict[bytes, bytes]) -> str:
    return fields.get(b"id", b"")[: silenced.MOST_BYTES].decode(errors="replace")
