"""Lets faults strike: whom they hit, what they do to connections, and how long the exchange behaves so."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from streams.simulator import spoiled
from streams.simulator.distortion import Distortion
from streams.simulator.exchange import MAX_CONNECTIONS, SLOW_CONSUMER, Conduct
from streams.simulator.faultkinds import BAR_KINDS
from streams.simulator.halts import Halts
from streams.simulator.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.simulator.agenda import Agenda
    from streams.simulator.chronicle import Chronicle
    from streams.simulator.halts import Halting
    from streams.simulator.markettime import MarketTime
    from streams.simulator.rest import Rest
    from streams.simulator.schedule import Strike
    from streams.types import Clock

ABNORMAL = 1006


class Striker:
    """Hits clients at once; what is about bars is handed on to `distortion` and `halts`.

    What keeps clients from coming in (a closed port, refused keys, subscriptions that are not answered) lasts by the
    clock, at the market's speed: market time may be waiting for just these clients. All else lasts in market time.

    Args:
        peers: all connections, the oldest first; the caller keeps it up.
        agenda: takes what ends later.
        rest: whose clock can be wrong.
        chronicle: told what was touched.
        clock: measures what does not last in market time.
        time: how fast the market runs.
        close_doors: refuses connections for so many seconds.
    """

    def __init__(
        self,
        peers: Sequence[Peer],
        agenda: Agenda,
        rest: Rest,
        chronicle: Chronicle,
        clock: Clock,
        time: MarketTime,
        close_doors: Callable[[float], None],
    ) -> None:
        self.distortion, self.halts = Distortion(), Halts()
        self._peers, self._agenda, self._rest, self._chronicle = peers, agenda, rest, chronicle
        self._clock, self._time, self._close_doors = clock, time, close_doors
        self._until_s: dict[tuple[str, str], float] = {}
        self._limit: tuple[Strike, float] | None = None
        self._deeds: Mapping[str, Callable[[Strike], Mapping[str, object]]] = {
            "evict": self._evict,
            "refuse": self._refuse,
            "bomb": self._bomb,
            "clock_skew": self._skew,
            "flood": self._flood,
            "silence": self._silence,
            "half_open": lambda strike: self._lasting(strike, Peer.deafen, Peer.hear),
            "stall": lambda strike: self._lasting(strike, Peer.stall, Peer.resume),
            **dict.fromkeys(("reject_key", "cut_login", "unacknowledged", "not_authorized"), self._behave),
        }

    def strike(self, strike: Strike) -> Halting | None:
        """Let it strike; a halt that begins is to be told by the caller."""
        if strike.kind in BAR_KINDS:
            self.distortion.strike(strike)
        elif strike.kind == "halt":
            return self.halts.strike(strike)
        else:
            deed = self._deeds.get(strike.kind, self._hit)
            self._chronicle.note(strike, strike.at_ms, deed(strike))
        return None

    def conduct(self) -> Conduct:
        """How clients that log in are treated now."""
        now_s = self._clock.monotonic_s()
        lasting = {which for which, until_s in self._until_s.items() if now_s < until_s}
        kinds = {kind for kind, _ in lasting}
        denied = frozenset(prefix for kind, prefix in lasting if kind == "not_authorized")
        return Conduct("reject_key" in kinds, "cut_login" in kinds, "unacknowledged" not in kinds, denied)

    def crowd(self, now_ms: int) -> None:
        """Somebody has come in or subscribed: keep to the number of connections, if there is one."""
        if self._limit is None:
            return
        strike, until_s = self._limit
        if self._clock.monotonic_s() >= until_s:
            self._limit = None
        elif gone := self._surplus(strike, [peer for peer in self._there() if peer.session.channels]):
            self._chronicle.note(strike, now_ms, {"clients": gone})

    def _there(self) -> list[Peer]:
        return [peer for peer in self._peers if not peer.leaving]

    def _chosen(self, strike: Strike) -> Sequence[Peer]:
        there = self._there()
        match strike.settings["clients"]:
            case "oldest":
                return there[:1]
            case "newest":
                return there[-1:]
            case "one":
                return [there[int(strike.rng().integers(len(there)))]] if there else []
            case _:
                return there

    def _hit(self, strike: Strike) -> Mapping[str, object]:
        peers = self._chosen(strike)
        deed, told = _blow(strike)
        for peer in peers:
            deed(peer)
        return {"clients": _numbers(peers), **told}

    def _lasting(
        self, strike: Strike, begin: Callable[[Peer], None], end: Callable[[Peer], None]
    ) -> Mapping[str, object]:
        peers, until_ms = self._chosen(strike), self._until_ms(strike)
        for peer in peers:
            begin(peer)
            if until_ms is not None:
                self._agenda.add_ending(until_ms, partial(end, peer))
        return {"clients": _numbers(peers), "until_ms": until_ms}

    def _evict(self, strike: Strike) -> Mapping[str, object]:
        if strike.settings["for"]:
            self._limit = strike, self._clock.monotonic_s() + self._clock_s(strike)
        return {"clients": self._surplus(strike, self._there())}

    def _surplus(self, strike: Strike, there: Sequence[Peer]) -> Sequence[int]:
        surplus = max(len(there) - strike.settings["most"], 0)
        gone = there[:surplus] if strike.settings["victim"] == "older" else there[len(there) - surplus :]
        for peer in gone:
            if strike.settings["ending"] == "close":
                peer.dismiss(MAX_CONNECTIONS)
            else:
                peer.write(MAX_CONNECTIONS)
                peer.drop()
        return _numbers(gone)

    def _refuse(self, strike: Strike) -> Mapping[str, object]:
        self._close_doors(self._clock_s(strike))
        return {"seconds": self._clock_s(strike)}

    def _behave(self, strike: Strike) -> Mapping[str, object]:
        which = strike.kind, strike.settings.get("prefix", "")
        until_s = self._clock.monotonic_s() + self._clock_s(strike)
        self._until_s[which] = max(until_s, self._until_s.get(which, until_s))
        prefix = {"prefix": which[1]} if which[1] else {}
        return {"seconds": self._clock_s(strike), **prefix}

    def _bomb(self, strike: Strike) -> Mapping[str, object]:
        peers = self._chosen(strike)
        frame = spoiled.bomb(strike.settings["bytes"])
        hit = [peer for peer in peers if peer.packs]
        for peer in hit:
            peer.write_raw(frame)
        return {"clients": _numbers(hit), "frame_bytes": len(frame)}

    def _skew(self, strike: Strike) -> Mapping[str, object]:
        by_ms: int = strike.settings["by"]
        self._change_skew(by_ms)
        until_ms = self._until_ms(strike)
        if until_ms is not None:
            self._agenda.add_ending(until_ms, lambda: self._change_skew(-by_ms))
        return {"by_ms": by_ms, "until_ms": until_ms}

    def _change_skew(self, by_ms: int) -> None:
        self._rest.skew_ms += by_ms

    def _flood(self, strike: Strike) -> Mapping[str, object]:
        self.distortion.strike(strike)
        return {"held_until_ms": strike.at_ms + strike.settings["for"]}

    def _silence(self, strike: Strike) -> Mapping[str, object]:
        self.halts.strike(strike)
        return {"until_ms": strike.at_ms + strike.settings["for"]}

    def _until_ms(self, strike: Strike) -> int | None:
        return strike.at_ms + strike.settings["for"] if strike.settings["for"] else None

    def _clock_s(self, strike: Strike) -> float:
        seconds: float = strike.settings["for"] / 1000
        return seconds if math.isinf(self._time.speed) else seconds / self._time.speed


def _blow(  # noqa: PLR0911 (one kind after the other)
    strike: Strike,
) -> tuple[Callable[[Peer], Any], Mapping[str, object]]:
    """What is done to a client, and what there is to tell of it."""
    asked = strike.settings
    match strike.kind:
        case "close":
            code: int = asked["code"]
            return (Peer.drop if code == ABNORMAL else lambda peer: peer.dismiss(None, code)), {"code": code}
        case "reset":
            return Peer.reset, {}
        case "cut":
            return Peer.cut, {}
        case "slow_consumer":
            closes = asked["ending"] == "close"
            return (lambda peer: peer.dismiss(SLOW_CONSUMER)) if closes else Peer.drop, {"ending": asked["ending"]}
        case "garbage":
            how, frame = spoiled.garbage(asked["how"], strike.rng())
            return (lambda peer: peer.write(frame)), {"how": how}
        case "oversize":
            huge = spoiled.oversize(asked["bytes"])
            return (lambda peer: peer.write(huge)), {"frame_bytes": len(huge)}
        case "fragments":
            pieces = spoiled.fragments(asked["count"])
            return (lambda peer: peer.write_raw(pieces)), {"frames": asked["count"]}
        case "status":
            odd = spoiled.status(asked["status"], asked["message"], strike.rng())
            return (lambda peer: peer.write(odd)), {"frame": odd.decode()}
        case unknown:
            raise ValueError(f"nobody knows how {unknown} strikes")


def _numbers(peers: Sequence[Peer]) -> list[int]:
    return [peer.number for peer in peers]
