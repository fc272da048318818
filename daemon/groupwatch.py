"""Watches how far the groups of the stream of alerts have come, and warns before one of them loses entries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from daemon.groupstate import GroupState, Kept, judged
from streams.redis.connection import DEADLINE_S, connect
from streams.redis.groups import StreamSeen, look
from streams.redis.verdict import LIES, judge

if TYPE_CHECKING:
    from daemon.config import RedisSection
    from daemon.events import Events
    from streams.redis.groups import GroupSeen
    from streams.redis.verdict import Verdict
    from streams.types import Clock

log = structlog.get_logger()

LOOK_S = 10.0
REMEDY = {
    "caught_up": "",
    "slow": "see that its consumers run and keep up, or raise redis.retention_hours and redis.retention_entries; "
    "if nobody reads it any more: XGROUP DESTROY",
    "lost": "see that its consumers run and keep up; what it has lost is in the history, where that is enabled",
}


class GroupWatch:
    """Looks at the groups now and then; tells once when one is slow, has lost entries, has caught up.

    A server that is away is told by the sink at the same server; until it is back, nothing is told of its groups.

    Args:
        url: see `streams.redis.connection.connect`.
        config: the stream, and what it keeps.
        events: told the transitions: ``stream.group_slow``, ``stream.group_lost``, ``stream.group_caught_up``.
        clock: the machine's.
        look_s: seconds between looks.

    Attributes:
        seen: the stream and its groups at the last look; empty before, and while the server is away.
    """

    def __init__(self, url: str, config: RedisSection, events: Events, clock: Clock, look_s: float = LOOK_S) -> None:
        self.seen = StreamSeen()
        self._url, self._key = url, f"{config.prefix}alerts"
        self._kept = Kept(config.retention_ms, config.retention_entries)
        self._events, self._clock, self._look_s = events, clock, look_s
        self._states: dict[str, GroupState] = {}
        self._refused = ""

    @property
    def used(self) -> dict[str, float]:
        """By group the share of the retention that it has used up."""
        return {group.name: self._states[group.name].used for group in self.seen.groups}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                async with connect(self._url) as client:
                    while True:
                        self._judge(await look(client, self._key, DEADLINE_S))
                        self._refused = ""
                        await asyncio.sleep(self._look_s)
            except (RedisError, OSError, *LIES) as error:
                self.seen = StreamSeen()
                self._failed(judge(error))
            await asyncio.sleep(self._look_s)

    def _failed(self, verdict: Verdict) -> None:
        """Log once what a person has to mend, as a user of the server that may not look at groups."""
        if verdict.state == "refused" and verdict.code != self._refused:
            log.warning("consumer groups cannot be watched", what=verdict.what, remedy=verdict.remedy)
        self._refused = verdict.code

    def _judge(self, seen: StreamSeen) -> None:
        now_ms, before = self._clock.wall_ms(), self._states
        self.seen, self._states = seen, {}
        for group in seen.groups:
            was = before.get(group.name, GroupState())
            state = self._states[group.name] = judged(was, group, now_ms, self._kept)
            if state.condition != was.condition:
                self._tell(group, state)

    def _tell(self, group: GroupSeen, state: GroupState) -> None:
        self._events.tell(
            f"stream.group_{state.condition}",
            alarm=state.condition != "caught_up",
            group=group.name,
            behind=str(group.behind),
            pending=str(group.pending),
            what=_what(group, state),
            remedy=REMEDY[state.condition],
        )


def _what(group: GroupSeen, state: GroupState) -> str:
    if state.condition == "caught_up":
        return "it is well within what the stream keeps"
    if state.condition == "slow":
        return f"its oldest undone alert has used up {state.used:.0%} of what the stream keeps, and then is lost to it"
    many = f"{group.missed:,}" if group.missed else "some"
    return f"{many} alerts have left the stream before it was done with them"
