r"""The conversation with the exchange as a state machine: statuses and times in, texts to send and events out.

.. code-block:: text

    CONNECTING --greeting--> CONNECTED --auth_success--> AUTHENTICATED --all answered--> SUBSCRIBED --data--> LIVE
        ^                                                                                    \--silence--> STALE
        |                                            max_connections in any of them --> EVICTED
        +------------------------------- connection lost, in any of them

Pure: whoever owns the connection passes the time in, at least every second, sends what `Session.take_texts` gives,
and hangs up as soon as `Session.over` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.polygon.messages import Status
    from streams.secret import Secret

ANSWER_S: Final = 10.0
"""How long the exchange may take to greet, to authenticate, and to answer the subscriptions."""

CHUNK_CHARS: Final = 8_192
"""Longest list of channels in one request."""

DEAF_S: Final = 2.0
"""After so long without a tick it was us who did not listen: the silence before it proves nothing."""

_SUBSCRIBED: Final = "subscribed to: "
_ENDINGS: Final = frozenset({"auth_timeout", "slow_consumer", "force_disconnect"})


class State(StrEnum):
    """Where the conversation stands; the text is a metric's label."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    SUBSCRIBED = "subscribed"
    LIVE = "live"
    STALE = "stale"
    EVICTED = "evicted"
    CLOSED = "closed"


HEARING = (State.SUBSCRIBED, State.LIVE)
"""Bars come, if there are any."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The state is another one, or the reason for which it is still the same."""

    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Unauthorised:
    """The plan does not include these channels; the rest goes on. An alarm.

    The exchange does not name them: they are the ones left when everything else had been answered.
    """

    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The exchange never answered for these channels: it ignores prefixes it does not know. An alarm."""

    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strange:
    """A status that this client does not know."""

    status: Status


Event = Changed | Unauthorised | Unanswered | Strange


class Ending(StrEnum):
    """Why the connection has to be dropped from our side."""

    REFUSED = "refused"
    """The key is wrong: stop."""
    EVICTED = "evicted"
    """Another session with this key took the place: wait long."""
    STALE = "stale"
    """Nothing came for too long."""
    UNANSWERED = "unanswered"
    """No greeting or no answer to the key in time."""
    DISMISSED = "dismissed"
    """The exchange says that it is about to hang up."""


class Session:
    """One conversation after the other with the same key and the same channels.

    Attributes:
        state: where it stands.
        over: why the connection has to be dropped, None while it may live.
        message: what the exchange said at the end.
        settled: whether all channels are answered for or given up.

    Raises:
        ValueError: there are no channels.
    """

    def __init__(self, key: Secret, channels: Sequence[str]) -> None:
        if not channels:
            raise ValueError("no channels to subscribe to")
        self._key = key
        self._channels = tuple(dict.fromkeys(channels))
        self.state = State.CONNECTING
        self.message = ""
        self._reason = ""
        self._texts: list[str] = []
        self._events: list[Event] = []
        self._begin()

    def _begin(self) -> None:
        self.over: Ending | None = None
        self.settled = False
        self._waiting: dict[str, None] = {}
        self._denied = 0
        self._expected = "connected"
        self._excused_s = self._ticked_s = 0.0
        self._answer_by_s: float | None = None
        self._data_s: float | None = None
        self._settled_s: float | None = None

    def take_texts(self) -> list[str]:
        """What has to be sent now, in order; each is given once. The first holds the key: never log it."""
        texts, self._texts = self._texts, []
        return texts

    def take_events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def opened(self, now_s: float) -> None:
        """The socket is open; the exchange has to greet."""
        self._begin()
        self._ticked_s = now_s
        self._answer_by_s = now_s + ANSWER_S

    def lost(self, reason: str) -> None:
        """There is no connection, or no longer. Repeating the same reason is no event.

        What ended the connection stays the state until the next one; why there is none is told all the same.
        """
        self._settled_s, self.over = None, None
        kept = self.state in (State.EVICTED, State.STALE)
        self._change(self.state if kept else State.CONNECTING, reason)

    def closed(self) -> None:
        """Nobody will connect again."""
        self._change(State.CLOSED, "stopped")

    def heard(self, now_s: float) -> None:
        """A frame with data came."""
        self._data_s = now_s
        if self.settled and self.state is not State.LIVE and self.over is None:
            self._change(State.LIVE, "data")

    def statuses(self, statuses: Iterable[Status], now_s: float) -> None:
        """Control messages came."""
        for status in statuses:
            if self.over is None:
                self._status(status, now_s)

    def tick(self, now_s: float, silence_s: float | None) -> None:
        """Time has passed.

        Args:
            now_s: monotonic.
            silence_s: for how long there may be no data at this time of the day; None: for ever.
        """
        if self._answer_by_s is not None and now_s >= self._answer_by_s:
            self._expired(now_s)
        if silence_s is None or now_s - self._ticked_s > DEAF_S:
            self._excused_s = now_s
        elif self.silent_s(now_s) >= silence_s and self.over is None:
            self._change(State.STALE, "no data")
            self._end(Ending.STALE, f"no data for {self.silent_s(now_s):.1f} s")
        self._ticked_s = now_s

    def silent_s(self, now_s: float) -> float:
        """How long there has been no data where there should have been; 0 before the channels are settled."""
        if self._settled_s is None:
            return 0.0
        return now_s - max(self._settled_s, self._data_s or 0.0, self._excused_s)

    def healthy_s(self, now_s: float) -> float:
        """How long this connection was subscribed, without the silence that ended it; 0 if never."""
        if self._settled_s is None:
            return 0.0
        until_s = (self._data_s or 0.0) if self.over is Ending.STALE else now_s
        return max(0.0, until_s - self._settled_s)

    def _change(self, state: State, reason: str) -> None:
        if (state, reason) != (self.state, self._reason):
            self.state, self._reason = state, reason
            self._events.append(Changed(state, reason))

    def _end(self, ending: Ending, message: str) -> None:
        self.over, self.message = ending, message

    def _status(self, status: Status, now_s: float) -> None:
        if status.status == self._expected:
            self._greeted(now_s) if status.status == "connected" else self._authenticated(now_s)
        elif status.status == "auth_failed":
            self._end(Ending.REFUSED, status.message)
        elif status.status == "max_connections":
            self._change(State.EVICTED, "another session uses this key")
            self._end(Ending.EVICTED, status.message)
        elif status.status in _ENDINGS:
            self._end(Ending.DISMISSED, f"{status.status}: {status.message}")
        else:
            self._answered(status, now_s)

    def _greeted(self, now_s: float) -> None:
        self._expected = "auth_success"
        self._change(State.CONNECTED, "greeting")
        self._say("auth", self._key.reveal())
        self._answer_by_s = now_s + ANSWER_S

    def _authenticated(self, now_s: float) -> None:
        self._expected = ""
        self._change(State.AUTHENTICATED, "key accepted")
        self._waiting = dict.fromkeys(self._channels)
        for chunk in chunks(self._channels):
            self._say("subscribe", chunk)
        self._answer_by_s = now_s + ANSWER_S

    def _say(self, action: str, params: str) -> None:
        self._texts.append(msgspec.json.encode({"action": action, "params": params}).decode())

    def _answered(self, status: Status, now_s: float) -> None:
        if status.status == "success" and status.message.startswith(_SUBSCRIBED):
            self._waiting.pop(status.message.removeprefix(_SUBSCRIBED).strip(), None)
        elif status.status == "error" and status.message == "not authorized":
            self._denied += 1
        else:
            self._events.append(Strange(status))
            return
        if self.state is State.AUTHENTICATED and len(self._waiting) <= self._denied:
            self._settle(now_s)

    def _expired(self, now_s: float) -> None:
        if self.state is State.AUTHENTICATED:
            self._settle(now_s)
        else:
            self._end(Ending.UNANSWERED, "no answer to the key" if self.state is State.CONNECTED else "no greeting")

    def _settle(self, now_s: float) -> None:
        """All channels are answered for, or the rest is given up."""
        self.settled, self._settled_s, self._answer_by_s = True, now_s, None
        missing = tuple(self._waiting)
        if missing:
            self._events.append(Unauthorised(missing) if self._denied else Unanswered(missing))
        count = len(self._channels) - len(missing)
        self._change(State.SUBSCRIBED, f"{count} of {len(self._channels)} channels")
        if self._data_s is not None:
            self.heard(now_s)


def chunks(channels: Sequence[str]) -> Iterator[str]:
    """`channels` as comma-separated lists of at most `CHUNK_CHARS` characters, or of one channel that is longer."""
    chunk = ""
    for channel in channels:
        if chunk and len(chunk) + 1 + len(channel) > CHUNK_CHARS:
            yield chunk
            chunk = ""
        chunk = f"{chunk},{channel}" if chunk else channel
    yield chunk
