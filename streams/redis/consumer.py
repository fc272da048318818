"""Alerts for programs: each at least once, to one consumer of a group, whatever ends in between.

::

    async with AlertConsumer("redis://127.0.0.1:6379", group="orders", name="worker-1") as alerts:
        async for alert in alerts:
            print(alert.symbol, alert.rule, alert.price)

An alert is acknowledged when the next one is asked for. So one whose loop body raised, or whose program was killed,
stays pending, and is given out again: to the same consumer when it comes back, else, after a while, to another one of
its group. After five deliveries it goes to the dead letters, with the reason; what is no alert goes there at once.

How to read without this module: ``docs/streams.md``.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, Self, TypeVar

from redis.exceptions import RedisError

from streams.redis import deadletter
from streams.redis.alert import MOST_BYTES, PoisonError, opened
from streams.redis.connection import DEADLINE_S, check_url, connect, redacted
from streams.redis.errors import RedisRefusedError, TooManyHeldError
from streams.redis.group import BEGINNING, Entry, StreamGroup
from streams.redis.verdict import BACKOFF, LIES, judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from redis.asyncio import Redis

    from streams.redis.alert import DeliveredAlert
    from streams.redis.verdict import Backoff, Verdict

T = TypeVar("T")

GONE = "it was trimmed from the stream before it was done: see redis.retention_hours and redis.retention_entries"
GROUP_GONE = ("NOGROUP", "UNBLOCKED")
"""What a server says that was emptied, or whose group was destroyed: it is made again."""


class ConsumerEvent(NamedTuple):
    """What changed with a consumer.

    Attributes:
        kind: ``live`` (it reads), ``away`` (the server is, and is tried again), ``buried`` (an entry went to the dead
            letters), ``taken`` (it took over what a dead consumer left). Of the first two one a transition.
        what: what happened, for people.
        stream_id: of the entry, for ``buried``.
    """

    kind: Literal["live", "away", "buried", "taken"]
    what: str
    stream_id: str = ""


class ConsumerPolicy(NamedTuple):
    """Times and sizes.

    Attributes:
        deadline_s: for each exchange with the server.
        backoff: between tries while it is away.
        look_s: how often it looks after entries left by others, and at `lag`; also the longest single wait at the
            server.
        idle_s: what was given out so long ago and is not acknowledged is taken over from its consumer. To be more
            than the longest that a loop body works on one alert.
        tries: deliveries after which an entry goes to the dead letters.
        most_bytes: of an alert's data.
        most_held: alerts that may wait for `AlertConsumer.ack`.
    """

    deadline_s: float = DEADLINE_S
    backoff: Backoff = BACKOFF
    look_s: float = 5.0
    idle_s: float = 60.0
    tries: int = 5
    most_bytes: int = MOST_BYTES
    most_held: int = 10_000


POLICY = ConsumerPolicy()


class AlertConsumer:
    """One consumer of a group of the stream of alerts, for one task; see the module.

    It reads one entry at a time and keeps none in store, so that a slow loop body starves no other consumer, and a
    death leaves one entry behind. That costs two exchanges an alert.

    Owns one connection, made anew after every error; while the server is away it is tried for ever. Cancelling a wait
    loses nothing.

    Leaving the context closes the connection and acknowledges nothing: after a `break` the alert in hand comes again,
    unless it was given to `ack`. It is given back, so that another consumer may have it at once; only where the loop's
    body has raised does that count as a try. A second ``async for`` over the same consumer takes the alert in hand as
    not done, too: it comes again first.

    Args:
        url: see `streams.redis.connection.connect`.
        group: whose members share the alerts; made if it is not there.
        name: of this consumer in its group. Each running one needs its own, and the same one after a restart: then
            it goes on at once with what it had in hand.
        stream: key of the stream.
        dead: key of the stream of dead letters.
        start: where a new group begins: ``$`` behind the newest entry, ``0`` at the oldest, or a stream id.
        automatic: acknowledge an alert when the next one is asked for. Without, each stays pending until it is given
            to `ack`, and is kept from being taken over as long as the consumer is asked for more.
        policy: times and sizes.
        on_event: told what changes; called on the event loop, must not block.
        jitter: for the pauses between tries.

    Raises:
        RedisUrlError: no client can be made of `url`.

    Attributes:
        state: ``starting``, ``live`` or ``away``.
        lag: alerts that the group was not given yet, as of the last look; None while the server does not tell.
        pending: alerts that its consumers were given and have not acknowledged, as of the last look.
        delivered, buried, taken: given out; put to the dead letters; taken over from others; since the start.
    """

    def __init__(
        self,
        url: str,
        *,
        group: str,
        name: str,
        stream: str = "technic:alerts",
        dead: str = "technic:dead",
        start: str = "$",
        automatic: bool = True,
        policy: ConsumerPolicy = POLICY,
        on_event: Callable[[ConsumerEvent], None] = lambda _: None,
        jitter: random.Random | None = None,
    ) -> None:
        check_url(url)
        self.state: Literal["starting", "live", "away"] = "starting"
        self.lag: int | None = None
        self.pending = self.delivered = self.buried = self.taken = 0
        self._url, self._key, self._group, self._name, self._dead = url, stream, group, name, dead
        self._automatic, self._policy, self._on_event = automatic, policy, on_event
        self._jitter = jitter or random.Random()  # noqa: S311 (spreads retries)
        self._start = start
        self._client: Redis | None = None
        self._met: StreamGroup | None = None
        self._held: dict[str, Entry] = {}
        self._done: dict[str, None] = {}
        self._doomed: dict[str, tuple[Entry, str]] = {}
        self._scan: str | None = None  # own pending entries behind this one are given out again
        self._look_due, self._failures = True, 0
        self._one_at_a_time = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._automatic and isinstance(error, Exception):
            self._held.clear()  # a try that failed
        if self._held or self._done or self._doomed:
            with suppress(RedisRefusedError, TimeoutError):
                async with asyncio.timeout(self._policy.deadline_s):
                    await self._try(self._part)
        await self.close()

    async def _part(self, group: StreamGroup) -> None:
        """An orderly end is no try: what is in hand may be taken at once, and none the worse."""
        await self._settle(group)
        if self._held:
            await group.give_back(list(self._held.values()), round(self._policy.idle_s * 1000))
            self._held.clear()

    async def close(self) -> None:
        """Close the connection; what is not acknowledged stays pending. To ask for more connects again."""
        if self._timer:
            self._timer.cancel()
        client, self._client, self._met = self._client, None, None
        if client:
            with suppress(RedisError, OSError):
                async with asyncio.timeout(self._policy.deadline_s):
                    await client.aclose()

    def __aiter__(self) -> Self:
        if self._automatic and self._held:
            self._held.clear()
            self._scan = BEGINNING
        return self

    async def __anext__(self) -> DeliveredAlert:
        """The next alert, however long it takes.

        Raises:
            RedisRefusedError: a person has to act; to ask again is to try again.
            TooManyHeldError: some have to be acknowledged first.
        """
        if self._automatic:
            self._done |= dict.fromkeys(self._held)
            self._held.clear()
        if len(self._held) >= self._policy.most_held:
            raise TooManyHeldError(len(self._held))
        while True:
            if alert := await self._try(self._next):
                return alert
            await asyncio.sleep(self._policy.backoff.delay_s(self._failures, self._jitter))

    async def ack(self, *alerts: DeliveredAlert) -> None:
        """These are done. Sent at once; with the next look, if the server is away or another task waits for alerts.

        Raises:
            RedisRefusedError: as when asking for alerts; it is sent with the next exchange.
        """
        for alert in alerts:
            if self._held.pop(alert.stream_id, None):
                self._done[alert.stream_id] = None
        await self._settle_now()

    async def bury(self, alert: DeliveredAlert, reason: str) -> None:
        """This one cannot be done, and is not to come again: to the dead letters; when, and raises, as `ack`."""
        if entry := self._held.pop(alert.stream_id, None):
            self._doomed[alert.stream_id] = entry, reason
        await self._settle_now()

    async def _settle_now(self) -> None:
        """Unless it would have to be waited for: whoever asks for alerts sees that the server is back."""
        if self.state != "away" and not self._one_at_a_time.locked():
            await self._try(self._settle)

    async def _try(self, step: Callable[[StreamGroup], Awaitable[T]]) -> T | None:
        """One step over the connection, made if there is none; None where the server is away."""
        async with self._one_at_a_time:
            try:
                return await step(self._met or await self._meet())
            except (RedisError, OSError, *LIES) as error:
                await self.close()
                self._failed(judge(error), error)
                return None
            except BaseException:  # cancelled in the midst of an exchange, whose answer nobody may read now
                await self.close()
                raise

    async def _meet(self) -> StreamGroup:
        self._client = connect(self._url)
        met = StreamGroup(self._client, self._key, self._group, self._name, self._policy.deadline_s)
        await met.make(self._start)
        self._met, self._scan, self._look_due = met, BEGINNING, True
        return met

    async def _next(self, group: StreamGroup) -> DeliveredAlert:
        while True:
            await self._settle(group)
            if self._look_due:
                await self._look(group)
            entry = await self._again(group) or await group.read(self._policy.look_s)
            if entry and (alert := self._opened(entry)):
                self._held[entry.stream_id] = entry
                self.delivered += 1
                return alert

    async def _settle(self, group: StreamGroup) -> None:
        """Say what is done; then send letters of what is to be buried, and say that it is done, too."""
        await self._say_done(group)
        while self._doomed:
            stream_id, (entry, reason) = next(iter(self._doomed.items()))
            letter = deadletter.letter(entry, reason, self._group, self._name)
            await group.add(self._dead, deadletter.MOST, letter)
            del self._doomed[stream_id]
            self._done[stream_id] = None
            self.buried += 1
            self._on_event(ConsumerEvent("buried", reason, stream_id))
        await self._say_done(group)

    async def _say_done(self, group: StreamGroup) -> None:
        while done := list(self._done):
            await group.ack(done)
            for stream_id in done:
                del self._done[stream_id]

    async def _look(self, group: StreamGroup) -> None:
        """Keep what is ours, take what others left, and see where the group stands."""
        self._look_due = False
        self._timer = asyncio.get_running_loop().call_later(self._policy.look_s, self._look_again)
        if self._held:
            await group.stay(self._held)
        await self._take_over(group)
        await self._settle(group)
        self.lag, self.pending, self._start = await group.standing()
        self._lives()

    async def _take_over(self, group: StreamGroup) -> None:
        """What is no longer in the stream the server tells once: it is noted before anything else can go wrong."""
        taken, cursor = 0, ""
        while cursor != BEGINNING:
            some = await group.take_over(round(self._policy.idle_s * 1000), cursor or BEGINNING)
            self._doomed |= {stream_id: (Entry(stream_id, 0, None), GONE) for stream_id in some.gone}
            taken, cursor = taken + some.number, some.cursor
        if taken:
            self._scan = BEGINNING
            self.taken += taken
            self._on_event(ConsumerEvent("taken", f"{taken} entries that were left for {self._policy.idle_s:g} s"))

    def _look_again(self) -> None:
        self._look_due = True

    async def _again(self, group: StreamGroup) -> Entry | None:
        """The next of our own pending entries that is not in anybody's hand: from before, or taken over."""
        while self._scan:
            found = await group.unfinished(self._scan)
            self._scan = found[0] if found else None
            if not found or found[0] in self._held:
                continue
            stream_id, deliveries = found
            if deliveries > self._policy.tries:  # once more than is ever given out: not even burying it went well
                return Entry(stream_id, deliveries, {})
            if entry := await group.again(stream_id, deliveries + 1):
                return entry
        return None

    def _opened(self, entry: Entry) -> DeliveredAlert | None:
        """The alert in `entry`; where there is none to be given out, the entry is to be buried."""
        if entry.stream_id in self._held:
            return None  # the server was emptied, and has it again
        try:
            return self._read(entry)
        except PoisonError as error:
            self._doomed[entry.stream_id] = entry, str(error)
            return None

    def _read(self, entry: Entry) -> DeliveredAlert:
        tries, most_bytes = self._policy.tries, self._policy.most_bytes
        if entry.deliveries > tries:
            raise PoisonError(f"it was given out {tries} times, and never acknowledged")
        if entry.fields is None:
            raise PoisonError(GONE)
        return opened(entry.fields, entry.stream_id, entry.deliveries, most_bytes)

    def _lives(self) -> None:
        self._failures = 0
        if self.state != "live":
            self.state = "live"
            self._on_event(ConsumerEvent("live", f"group {self._group} reads {self._key}"))

    def _failed(self, verdict: Verdict, error: Exception) -> None:
        """Note it; raise where a person has to act."""
        self._failures += 1
        if verdict.state == "refused" and verdict.code not in GROUP_GONE:
            what = f"{redacted(self._url)}: {verdict.what.rstrip('.')}"
            raise RedisRefusedError(verdict.code, what, verdict.remedy) from error
        if self.state != "away":
            self.state = "away"
            self._on_event(ConsumerEvent("away", verdict.what))
