"""The sink that carries alerts from the outbox into a Redis stream: in order, once each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, NamedTuple

from redis.exceptions import RedisError

from streams.outbox import FUTURE_MS, OutboxError
from streams.redis.connection import DEADLINE_S, check_url, connect
from streams.redis.errors import FutureIdError, RedisRefusedError
from streams.redis.stream import AlertStream, place
from streams.redis.verdict import LIES, Backoff, judge

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from streams.outbox import Outbox, Stored
    from streams.redis.stream import Standing
    from streams.redis.verdict import Verdict
    from streams.types import Clock

DAY_MS = 24 * 3_600_000
DEAD_MOST = 10_000
RECHECKED_MOST = 10_000
CROWDED_MS = 3_600_000

Kind = Literal["live", "away", "refused", "resent", "undeliverable", "crowded"]


class SinkEvent(NamedTuple):
    """What changed with a sink; one a transition, never one a retry.

    Attributes:
        sink: name of its cursor.
        kind: ``live`` (delivering), ``away`` (it is tried again), ``refused`` (a person has to act),
            ``resent`` (the server had lost alerts, they are back), ``undeliverable`` (later entries stand in
            their place), ``crowded`` (alerts left the stream before their time; told once an hour at most).
        what: what happened, for people.
        remedy: what to do; empty where nothing is.
        alerts: how many, for ``resent``, ``undeliverable`` and ``crowded``.
    """

    sink: str
    kind: Kind
    what: str
    remedy: str = ""
    alerts: int = 0


class SinkPolicy(NamedTuple):
    """Times and sizes.

    Attributes:
        deadline_s: for each exchange with the server.
        backoff: between tries while it is away.
        probe_s: between tries while it refuses.
        poll_s: longest rest without looking at outbox and server.
        batch: alerts a transaction.
        keep_ms: entries this much older than a new one, by their ids, are trimmed; approximately, for
            a server trims whole nodes of the stream, so that some older ones stay.
        keep_entries: of what is younger than that, no more than about so many stay.
        recheck_ms: how much of what was delivered is looked up again when the server has changed.
    """

    deadline_s: float = DEADLINE_S
    backoff: Backoff = Backoff()
    probe_s: float = 5.0
    poll_s: float = 5.0
    batch: int = 200
    keep_ms: int = 7 * DAY_MS
    keep_entries: int = 100_000
    recheck_ms: int = 10 * 60_000


POLICY = SinkPolicy()


class RedisSink:
    """Follows its cursor over the outbox and adds every alert to a stream, under the id the outbox gave it.

    An explicit id makes adding idempotent: a second try is answered "equal or smaller", and the entry is read
    back and compared by alert id. So whatever became of a request without answer, it is simply sent again.
    Several alerts go as one transaction, which the server takes whole or refuses whole: order holds.

    Owns one connection, made anew after every error. `run` never ends by itself; cancelling it closes the
    connection, and what was not confirmed stays pending in the outbox.

    Args:
        url: see `streams.redis.connection.connect`.
        outbox: read and advanced from threads.
        clock: to tell a last id in the far future.
        jitter: for the pauses between tries.
        on_event: told each transition; called on the event loop, must not block.
        on_delivered: told the position up to which all is confirmed; as above.
        stream: key of the stream.
        dead: key of the stream of what could not be delivered.
        name: of the cursor in the outbox.
        policy: times and sizes.

    Raises:
        RedisUrlError: no client can be made of `url`.

    Attributes:
        state: ``starting``, ``live``, ``away`` or ``refused``.
        delivered: alerts confirmed since the start, however often they were sent.
        failures: tries that failed since the last success.
    """

    def __init__(
        self,
        url: str,
        outbox: Outbox,
        clock: Clock,
        jitter: random.Random,
        on_event: Callable[[SinkEvent], None],
        *,
        stream: str = "technic:alerts",
        dead: str = "technic:dead",
        name: str = "redis",
        on_delivered: Callable[[int], None] = lambda _: None,
        policy: SinkPolicy = POLICY,
    ) -> None:
        check_url(url)
        self.state: Literal["starting", "live", "away", "refused"] = "starting"
        self.delivered = 0
        self.failures = 0
        self._url, self._outbox, self._clock, self._jitter = url, outbox, clock, jitter
        self._on_event, self._on_delivered, self._policy = on_event, on_delivered, policy
        self._key, self._dead, self._name = stream, dead, name
        self._code = self._run_id = ""
        self._crowded = self._crowded_told_ms = 0
        self._appended, self._idle = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Say that alerts were appended; on the event loop (from a thread: ``loop.call_soon_threadsafe``)."""
        self._idle.clear()
        self._appended.set()

    async def drained(self) -> None:
        """Wait until nothing is pending; give it a deadline, for the server may be away."""
        self.wake()
        await self._idle.wait()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            try:
                await self._session()
            except (RedisError, RedisRefusedError, OutboxError, OSError, *LIES) as error:
                await asyncio.sleep(self._failed(judge(error)))

    async def _session(self) -> None:
        """Deliver over one connection until it fails."""
        async with connect(self._url) as client:
            stream = AlertStream(client, self._key, self._policy.deadline_s)
            await self._meet(stream)
            while True:
                self._appended.clear()
                rows = await asyncio.to_thread(self._outbox.read_after, self._name, self._policy.batch)
                if rows:
                    await self._deliver(stream, rows)
                    self._on_delivered(rows[-1].seq)
                    await asyncio.to_thread(self._outbox.advance, self._name, rows[-1].seq)
                self._succeeded()
                if not rows:
                    await self._rest(stream)

    async def _rest(self, stream: AlertStream) -> None:
        """Wait for more; after a while see whether the server is still there."""
        if not self._appended.is_set():
            self._idle.set()
        try:
            async with asyncio.timeout(self._policy.poll_s):
                await self._appended.wait()
        except TimeoutError:
            await stream.ping()

    async def _meet(self, stream: AlertStream) -> None:
        """Learn whom we talk to and where the stream stands, before anything is added."""
        standing = await stream.standing()
        if standing.last[0] > self._clock.wall_ms() + FUTURE_MS:
            raise FutureIdError(self._key, "{}-{}".format(*standing.last))
        await asyncio.to_thread(self._outbox.raise_floor, *standing.last)
        if standing.run_id != self._run_id:
            await self._recheck(stream, standing)
            self._run_id = standing.run_id

    async def _recheck(self, stream: AlertStream, standing: Standing) -> None:
        """Give a server that has changed or restarted what it does not have of the last minutes."""
        read = self._outbox.read_delivered
        rows = await asyncio.to_thread(read, self._name, self._policy.recheck_ms, RECHECKED_MOST)
        rows = [row for row in rows if place(row.stream_id) > standing.gone]
        resent = lost = 0
        for start in range(0, len(rows), self._policy.batch):
            missing = await stream.missing(rows[start : start + self._policy.batch])
            placeable = [row for row in missing if place(row.stream_id) > standing.last]
            lost += len(missing) - len(placeable)
            if placeable:
                await self._deliver(stream, placeable)
                resent += len(placeable)
        self._tell("resent", "the server had lost delivered alerts; they are back", resent)
        self._tell("undeliverable", "the server has lost delivered alerts, and holds later ones", lost)

    async def _deliver(self, stream: AlertStream, rows: Sequence[Stored]) -> None:
        """Add `rows`; the dead take those in whose place later entries stand."""
        refused, crowded = await stream.add(rows, self._policy.keep_ms, self._policy.keep_entries)
        self._squeezed(crowded)
        missing = await stream.missing(refused)
        if missing:
            reason = f"later entries stand in {self._key}"
            await stream.bury(missing, reason, self._dead, DEAD_MOST)
            self._tell("undeliverable", f"{reason}: kept in {self._dead}", len(missing))
        self.delivered += len(rows) - len(missing)

    def _succeeded(self) -> None:
        self.failures = 0
        if self.state != "live":
            self.state, self._code = "live", ""
            self._on_event(SinkEvent(self._name, "live", f"alerts reach {self._key}"))

    def _failed(self, verdict: Verdict) -> float:
        """Note it, tell a transition, and return the seconds to wait."""
        self.failures += 1
        if (self.state, self._code) != (verdict.state, verdict.code):
            self.state, self._code = verdict.state, verdict.code
            self._on_event(SinkEvent(self._name, verdict.state, verdict.what, verdict.remedy))
        if verdict.state == "refused":
            return self._policy.probe_s
        return self._policy.backoff.delay_s(self.failures, self._jitter)

    def _squeezed(self, alerts: int) -> None:
        """Note that alerts left the stream before their time, and tell how many; seldom, as it goes on and on."""
        self._crowded += alerts
        now_ms = self._clock.wall_ms()
        if self._crowded and now_ms - self._crowded_told_ms >= CROWDED_MS:
            what = f"alerts leave {self._key} before their time: it holds all it may, {self._policy.keep_entries:,}"
            self._tell("crowded", what, self._crowded, "raise redis.retention_entries, or have rules alert less")
            self._crowded, self._crowded_told_ms = 0, now_ms

    def _tell(self, kind: Kind, what: str, alerts: int, remedy: str = "") -> None:
        if alerts:
            self._on_event(SinkEvent(self._name, kind, what, remedy, alerts))
