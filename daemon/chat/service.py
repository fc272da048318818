"""Reads the stream as a consumer group and sends to channels: what `technic notify` runs.

An alert is acknowledged when every channel that takes it is done with it: it was delivered, or is in the dead letters.
So a kill repeats what was under way, under the same ids, and loses nothing.
"""

from __future__ import annotations

import asyncio
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from daemon.chat import messages
from daemon.chat.messages import NEW_YORK
from daemon.chat.queue import MOST, ChannelQueue
from streams.chat.message import Answer, Fate
from streams.redis.consumer import ConsumerPolicy
from streams.redis.errors import RedisRefusedError, TooManyHeldError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from daemon.chat.channels import Channel
    from daemon.chat.queue import Verdict, Wish
    from streams.chat.message import Message, Sender
    from streams.redis.alert import DeliveredAlert
    from streams.redis.consumer import AlertConsumer
    from streams.redis.silenced import Silenced
    from streams.redis.silences import Silences
    from streams.types import Clock

    Draw = Callable[[DeliveredAlert], Awaitable[bytes]]

log = structlog.get_logger()

GROUP: Final = "chat"
SILENCES_S: Final = 5.0
"""How often it is asked what is silent."""
REFUSED_S: Final = 5.0
LOOK_S: Final = 1.0
"""How often the stream is looked at while nothing comes."""
TRIES: Final = 100
"""Starts that may find an alert untold before it is given up: what is wrong with a channel is not its fault."""


@dataclass
class _Due:
    """How many channels are not done with an alert yet, which have told it, and what went wrong with others."""

    left: int
    told: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)


def policy(channels: Sequence[Channel]) -> ConsumerPolicy:
    """For the consumer: no number of full queues keeps the others from their alerts.

    While it waits for one, what was told is acknowledged with its next look; a kill before that repeats it.
    """
    return ConsumerPolicy(tries=TRIES, look_s=LOOK_S, most_held=2 * MOST * len(channels))


class Post:
    """One channel at work: its queue, its sender, and a task that brings the one to the other.

    Args:
        queue: what waits.
        sender: of its kind.
        settled: told what became of alerts.
        spared: of alerts those that nobody wants to be told any more, which it is done with.
        draw: a picture for one alert; b"" for none.
        link: to the dashboard.
        clock: the machine's.
    """

    def __init__(
        self,
        queue: ChannelQueue,
        sender: Sender,
        settled: Callable[[ChannelQueue, Verdict], Awaitable[None]],
        spared: Callable[[ChannelQueue, Sequence[DeliveredAlert]], Awaitable[Sequence[DeliveredAlert]]],
        draw: Draw,
        *,
        link: str,
        clock: Clock,
    ) -> None:
        self.queue, self.sender = queue, sender
        self._settled, self._spared = settled, spared
        self._draw, self._link, self._clock = draw, link, clock
        self._wake = asyncio.Event()
        self._ends = False

    def stop(self) -> None:
        """End after the message that is under way."""
        self._ends = True
        self._wake.set()

    def put(self, alert: DeliveredAlert) -> DeliveredAlert | None:
        """Let an alert wait; see `ChannelQueue.put`."""
        left = self.queue.put(alert)
        self._wake.set()
        return left

    async def run(self) -> None:
        """Send until `stop`."""
        while not self._ends:
            self._wake.clear()
            now_s = self._clock.monotonic_s()
            moment = datetime.fromtimestamp(self._clock.wall_ms() / 1000, NEW_YORK).time()
            if wish := self.queue.next(now_s, moment):
                await self._tell(wish)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self.queue.pause_s(now_s)):
                    await self._wake.wait()

    async def _tell(self, wish: Wish) -> None:
        """All of it that is still wanted; a repeat stays what it was, so that the service may know it."""
        if not wish.repeated:
            left = self.queue.spare(await self._spared(self.queue, wish.alerts))
            if left is None:
                return
            wish = left
        answer = await self._send(wish)
        await self._settled(self.queue, self.queue.answered(answer, self._clock.monotonic_s()))

    async def _send(self, wish: Wish) -> Answer:
        """What became of it; a mistake of ours costs this one message, and no other."""
        try:
            return await self.sender.send(await self._message(wish))
        except Exception as error:  # noqa: BLE001 - as it says
            what = f"a mistake of technic's own ({type(error).__name__})"  # its text may hold an address
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("message not sent", channel=self.queue.channel.name, what=what, at=f"{place.name}:{place.lineno}")  # noqa: TRY400
            return Answer(Fate.UNKNOWN, what)

    async def _message(self, wish: Wish) -> Message:
        if len(wish.alerts) > 1:
            return messages.digest(wish.alerts, self._link, repeated=wish.repeated)
        image = await self._draw(wish.alerts[0])
        return messages.single(wish.alerts[0], self._link, image=image, repeated=wish.repeated)


class Service:
    """Everything between the stream and the channels, for one reading of the file of channels.

    Args:
        consumer: of group `GROUP`, not acknowledging by itself.
        silences: what people want silent.
        senders: by channel's name.
        channels: where to.
        draw: see `Post`.
        link: to the dashboard.
        clock: the machine's.
        before: that of the reading before, which has ended: nothing is told twice, and no channel's rest is cut short.
    """

    def __init__(
        self,
        consumer: AlertConsumer,
        silences: Silences,
        senders: Mapping[str, Sender],
        channels: Sequence[Channel],
        *,
        draw: Draw,
        link: str,
        clock: Clock,
        before: Service | None = None,
    ) -> None:
        self._consumer, self._silences = consumer, silences
        self._silenced: Silenced | None = None
        now_s = clock.monotonic_s()
        self.posts = {
            channel.name: Post(
                ChannelQueue(channel, now_s),
                senders[channel.name],
                self._settle,
                self._spare,
                draw,
                link=link,
                clock=clock,
            )
            for channel in channels
        }
        self._due: dict[str, _Due] = {}
        self._told_before = before.told_in_part if before else {}
        for name, post in self.posts.items():
            if before and name in before.posts:
                post.queue.go_on(before.posts[name].queue)
        self._notices: dict[str, Message] = {}
        self._reading: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self.told = self.silent = 0

    @property
    def told_in_part(self) -> dict[str, Collection[str]]:
        """By stream id of alerts that wait for other channels: those that have told it."""
        return self._told_before | {stream_id: due.told for stream_id, due in self._due.items() if due.told}

    async def run(self) -> None:
        """Read and send until `stop`; what is under way then is brought to its end, within the sender's deadline."""
        if self._ended.is_set():
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            self._reading = group.create_task(self._read())
            for post in self.posts.values():
                group.create_task(post.run())

    def stop(self) -> None:
        """Read no more, and end; what waits stays pending in the stream."""
        self._ended.set()
        if self._reading:
            self._reading.cancel()
        for post in self.posts.values():
            post.stop()

    async def _read(self) -> None:
        said = ""
        while True:
            try:
                async for alert in self._consumer:
                    said = ""
                    await self._take(alert)
            except (RedisRefusedError, TooManyHeldError) as error:
                if str(error) != said:
                    log.warning("alerts cannot be read", what=str(error))
                said = str(error)
                await asyncio.sleep(REFUSED_S)

    async def _take(self, alert: DeliveredAlert) -> None:
        """To every channel that takes it."""
        if self._silenced is None:
            await self._look_once()
        reason = self._silence(alert)
        told = self._told_before.pop(alert.stream_id, ())
        wanted = [] if reason else [post for post in self._posts_for(alert) if post.queue.channel.name not in told]
        self.silent += bool(reason)
        if not wanted:
            await self._acknowledge([alert])
            return
        self._due[alert.stream_id] = _Due(len(wanted), set(told))
        for post in wanted:
            if left := post.put(alert):
                what = "it is switched off" if post.queue.state == "off" else "too many wait for it"
                await self._over(post.queue, (left,), what)

    def _posts_for(self, alert: DeliveredAlert) -> list[Post]:
        """Where it goes, each once: where a channel is switched off, to the one that is named in its place."""
        taking = (post for post in self.posts.values() if _takes(post.queue.channel, alert))
        return list(dict.fromkeys(map(self._stand_in, taking)))

    def _stand_in(self, post: Post) -> Post:
        """Itself; where it is switched off its fallback, or the fallback's; the last one where none works."""
        for _ in self.posts:
            if post.queue.state != "off":
                break
            post = self.posts.get(post.queue.channel.fallback, post)
        return post

    def _silence(self, alert: DeliveredAlert) -> str:
        silenced = self._silenced
        if silenced is None:
            return ""
        if silenced.acknowledged(alert.id):
            return "acknowledged"
        reasons = [silenced.covers(alert.rule, symbol, alert.times.event_ms) for symbol in _symbols(alert)]
        return reasons[0] if all(reasons) else ""

    async def _spare(self, queue: ChannelQueue, alerts: Sequence[DeliveredAlert]) -> Sequence[DeliveredAlert]:
        """Those that were silenced or acknowledged while they waited; the channel is done with them."""
        spared = [alert for alert in alerts if self._silence(alert)]
        self.silent += len(spared)
        await self._over(queue, spared, "")
        return spared

    async def _settle(self, queue: ChannelQueue, verdict: Verdict) -> None:
        """What became of a message."""
        name = queue.channel.name
        if verdict.turned:
            level = log.info if verdict.turned == "live" else log.warning
            level("channel", name=name, state=verdict.turned, what=verdict.what)
        elif verdict.what:
            log.info("channel", name=name, what=verdict.what)
        self.told += len(verdict.done)
        await self._over(queue, verdict.done, "")
        if verdict.turned == "off":
            notice = messages.switched_off(name, verdict.what, len(verdict.dead))
            await self._give_notice(name, notice, (queue.channel.fallback, *self.posts))
        for off in [*self._notices] if verdict.done else ():
            if off in self._notices:  # another channel may have taken it meanwhile
                await self._give_notice(off, self._notices.pop(off), [name])
        await self._over(queue, verdict.dead, verdict.what)

    async def _give_notice(self, off: str, notice: Message, names: Iterable[str]) -> None:
        """The first of these channels that works and takes it says that one is switched off; else it waits for one."""
        chosen = [self.posts[name] for name in dict.fromkeys(names) if name in self.posts]
        for post in chosen:
            if post.queue.state != "live":
                continue
            answer = await post.sender.send(notice)
            log.info("another channel told", name=post.queue.channel.name, fate=answer.fate.value, what=answer.what)
            if answer.fate is Fate.DELIVERED:
                return
        self._notices[off] = notice

    async def _over(self, queue: ChannelQueue, alerts: Sequence[DeliveredAlert], failed: str) -> None:
        """A channel is done with alerts: it has told them, or `failed` says why not.

        When all channels are, an alert is acknowledged; it goes to the dead letters where one of them failed.
        """
        told = []
        for alert in alerts:
            due = self._due[alert.stream_id]
            due.left -= 1
            if not failed:
                due.told.add(queue.channel.name)
            else:
                log.warning("alert given up", channel=queue.channel.name, id=alert.id, what=failed)
                due.failed.append(f"channel {queue.channel.name}: {failed}")
            if not due.left:
                del self._due[alert.stream_id]
                if due.failed:
                    await self._bury(alert, "; ".join(due.failed))
                else:
                    told.append(alert)
        await self._acknowledge(told)

    async def _acknowledge(self, alerts: Sequence[DeliveredAlert]) -> None:
        if alerts:
            with suppress(RedisRefusedError):  # sent with the next exchange
                await self._consumer.ack(*alerts)

    async def _bury(self, alert: DeliveredAlert, reason: str) -> None:
        with suppress(RedisRefusedError):  # sent with the next exchange
            await self._consumer.bury(alert, reason)

    async def _look(self) -> None:
        while not self._ended.is_set():
            await self._look_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENCES_S):
                    await self._ended.wait()

    async def _look_once(self) -> None:
        """What is silent now; where that cannot be read, what was."""
        with suppress(RedisRefusedError):
            self._silenced = await self._silences.load()


def _takes(channel: Channel, alert: DeliveredAlert) -> bool:
    return any(channel.takes(alert.rule, symbol, alert.severity) for symbol in _symbols(alert))


def _symbols(alert: DeliveredAlert) -> list[str]:
    return [alert.symbol, *(member.symbol for member in alert.members)]
