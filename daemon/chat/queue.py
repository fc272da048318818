"""What waits for one channel, and what is to be done next. Pure: every moment comes as an argument.

Alerts wait in order. One message is under way at a time. Where more than `BURST` wait, or the rate permits fewer
messages than there are alerts, they become one digest. A service that asks to wait, or cannot be reached, is tried
again for as long as it takes, with growing pauses; one that refuses for good is switched off, and what waited goes to
the dead letters. Where nobody knows whether a message was taken it is sent once more, marked, and then given up; until
one is taken again the others go singly and after growing pauses, so that a service which hangs does not use them up.
A queue holds `MOST` alerts; of more the newest of the least grave go to the dead letters at once.
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from daemon.chat import messages
from daemon.chat.channels import grade
from streams.chat.message import Fate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import time

    from daemon.chat.channels import Channel
    from streams.chat.message import Answer
    from streams.redis.alert import DeliveredAlert

BURST: Final = 3
"""Alerts that are still told one by one."""
LONGEST: Final = 25
"""Alerts of a digest; what is beyond is the next one."""
ROOM: Final = 1_500
"""Characters of a digest's lines, escaped: with title, link and ids every service takes it whole."""
MOST: Final = 5_000
MINUTE_S: Final = 60.0
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 300.0
LOOK_S: Final = 60.0
"""How often it is looked whether quiet hours are over."""
REPEAT_S: Final = 10.0
"""Until a message of unknown fate is sent once more."""

State = Literal["live", "away", "off"]


class Wish(NamedTuple):
    """A message to be sent."""

    alerts: tuple[DeliveredAlert, ...]
    repeated: bool


class Verdict(NamedTuple):
    """What an answer makes of a message.

    Attributes:
        done: alerts that were delivered.
        dead: alerts that are given up, with the reason in `what`.
        what: for people; empty where all is well.
        turned: the channel's new state, None where it is the old one.
    """

    done: tuple[DeliveredAlert, ...] = ()
    dead: tuple[DeliveredAlert, ...] = ()
    what: str = ""
    turned: State | None = None


class ChannelQueue:
    """One channel's alerts.

    Args:
        channel: its limits and hours.
        now_s: monotonic seconds, as everywhere here.

    Attributes:
        state: ``live``, ``away`` (it is tried again) or ``off`` (refused for good).
        refused: alerts that found no room.
    """

    def __init__(self, channel: Channel, now_s: float) -> None:
        self.channel = channel
        self.state: State = "live"
        self.refused = 0
        self._waiting: deque[DeliveredAlert] = deque(maxlen=MOST + 1)  # one more, until `put` has chosen
        self._ended_s: deque[float] = deque(maxlen=channel.rate_per_minute)
        self._not_before_s, self._failures, self._in_doubt = now_s, 0, False
        self._sent: Wish | None = None
        self._again: Wish | None = None

    def __len__(self) -> int:
        under_way = self._sent or self._again
        return len(self._waiting) + (len(under_way.alerts) if under_way else 0)

    def go_on(self, before: ChannelQueue) -> None:
        """Where another reading of the channels has left off: at its pace, if these are the same channel's."""
        if before.channel[:3] == self.channel[:3]:  # name, kind and settings
            self._ended_s.extend(before._ended_s)
            self._not_before_s = before._not_before_s

    def put(self, alert: DeliveredAlert) -> DeliveredAlert | None:
        """Let it wait; returns the alert that finds no room, this or another one, None where there is room."""
        if self.state != "off":
            self._waiting.append(alert)
            if len(self) <= MOST:
                return None
            alert = min(reversed(self._waiting), key=lambda each: grade(each.severity))
            self._take([alert])
        self.refused += 1
        return alert

    def next(self, now_s: float, moment: time) -> Wish | None:
        """What is to be sent now, None for nothing; `moment` is the time of day in New York.

        The answer goes to `answered` before anything else is asked for.
        """
        if self._sent or self.state == "off" or now_s < max(self._not_before_s, self._permitted_s()):
            return None
        wish = self._again or self._choose(now_s, moment)
        if wish:
            self._sent, self._again = wish, None
        return wish

    def spare(self, alerts: Sequence[DeliveredAlert]) -> Wish | None:
        """These need not be told any more; what is left of the message that `next` gave, None for nothing."""
        if self._sent and alerts:
            spared = {alert.stream_id for alert in alerts}
            left = tuple(alert for alert in self._sent.alerts if alert.stream_id not in spared)
            self._sent = self._sent._replace(alerts=left) if left else None
        return self._sent

    def pause_s(self, now_s: float) -> float:
        """How long `next`, which had nothing, will have nothing unless more comes; a minute where all of it rests."""
        ready_s = max(self._not_before_s, self._permitted_s()) - now_s
        return min(LOOK_S, max(ready_s, 0.01)) if len(self) and ready_s > 0 else LOOK_S

    def answered(self, answer: Answer, now_s: float) -> Verdict:
        """What became of the message under way."""
        wish, self._sent = self._sent, None
        if wish is None:
            raise ValueError("no message was under way")
        self._ended_s.append(now_s)
        match answer.fate:
            case Fate.DELIVERED:
                return self._delivered(wish)
            case Fate.REFUSED:
                return self._off(wish, answer.what)
            case Fate.LATER:
                return self._later(wish, answer, now_s)
        return self._unknown(wish, answer, now_s)

    def _delivered(self, wish: Wish) -> Verdict:
        self._failures, self._in_doubt = 0, False
        return Verdict(done=wish.alerts, turned=self._turn("live"))

    def _off(self, wish: Wish, what: str) -> Verdict:
        dead = (*wish.alerts, *self._waiting)
        self._waiting.clear()
        self.state = "off"
        return Verdict(dead=dead, what=what, turned="off")

    def _later(self, wish: Wish, answer: Answer, now_s: float) -> Verdict:
        pause_s = self._grown_pause_s()
        self._not_before_s = now_s + (answer.retry_after_s or pause_s)
        self._put_back(wish)
        return Verdict(what=answer.what, turned=self._turn("away"))

    def _unknown(self, wish: Wish, answer: Answer, now_s: float) -> Verdict:
        pause_s = self._grown_pause_s()
        if wish.repeated:
            self._in_doubt, self._not_before_s = True, now_s + pause_s
            return Verdict(dead=wish.alerts, what=answer.what, turned=self._turn("away"))
        self._again = wish._replace(repeated=True)
        self._not_before_s = now_s + max(REPEAT_S, pause_s)
        return Verdict(what=answer.what)

    def _grown_pause_s(self) -> float:
        """After one failure more."""
        self._failures += 1
        return min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)

    def _turn(self, state: State) -> State | None:
        """The new state, None where it is the old one."""
        before, self.state = self.state, state
        return None if state == before else state

    def _put_back(self, wish: Wish) -> None:
        if wish.repeated:
            self._again = wish
        else:
            self._waiting.extendleft(reversed(wish.alerts))

    def _choose(self, now_s: float, moment: time) -> Wish | None:
        """The oldest alert, or a digest of all that may be sent; those that rest keep their place."""
        free = [alert for alert in self._waiting if not self.channel.rests(moment, alert.severity)]
        if not free:
            return None
        recent = sum(now_s < ended_s + MINUTE_S for ended_s in self._ended_s)
        many = len(free) > min(BURST, self.channel.rate_per_minute - recent)
        chosen = _digest(free) if many and not self._in_doubt else (free[0],)
        self._take(chosen)
        return Wish(chosen, repeated=False)

    def _take(self, chosen: Sequence[DeliveredAlert]) -> None:
        taken = {alert.stream_id for alert in chosen}
        self._waiting = deque((alert for alert in self._waiting if alert.stream_id not in taken), MOST + 1)

    def _permitted_s(self) -> float:
        """From when on the rate permits a message: no minute of the service's clock is to see more of them."""
        spent = len(self._ended_s) == self.channel.rate_per_minute
        return self._ended_s[0] + MINUTE_S if spent else 0.0


def _digest(free: Sequence[DeliveredAlert]) -> tuple[DeliveredAlert, ...]:
    """As many as one digest shows whole."""
    sizes = accumulate(messages.room(alert) for alert in free[:LONGEST])
    return tuple(free[: max(1, sum(size <= ROOM for size in sizes))])
