"""What happened, once: a line in the log and an entry in the stream of events, one a transition."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from daemon.engine.outcomes import CLOSE
from daemon.judgement import day_of, judged
from daemon.scoring.news import ALARMING, ModelNews
from streams.polygon.session import Changed, State, Strange, Unanswered, Unauthorised
from streams.polygon.spoilage import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.dataplane.enrichment import Told
    from daemon.dataplane.repair import Repaired
    from daemon.engine.listings import Notice
    from daemon.engine.outages import Outage
    from daemon.engine.outcomes import Outcome
    from daemon.overload import Step
    from streams.outbox import OutboxError
    from streams.polygon.rest.errors import RestError
    from streams.polygon.session import Event
    from streams.polygon.spoilage import Verdict
    from streams.redis.events import EventStream
    from streams.redis.sink import SinkEvent
    from streams.types import Clock

log = structlog.get_logger()

REMEDIES = {
    Condition.SOUND: "",
    Condition.SUSPECT: "the feed is dropped on purpose, and connected again",
    Condition.DEGRADED: "a new connection has not helped: what can be read is still taken; see feed.url and the vendor",
}


class Events:
    """Tells operators and programs about transitions. Made on the event loop, and called there but for `outbox`.

    Args:
        stream: entry fields ``kind``, ``at_ms`` (wall clock) and those of the event, all text.
        clock: stamps them.
    """

    def __init__(self, stream: EventStream, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._loop = asyncio.get_running_loop()
        self._silent = False

    def tell(self, kind: str, *, alarm: bool = False, **fields: str) -> None:
        """One event; an alarm is something a person has to look at."""
        (log.warning if alarm else log.info)(kind, **fields)
        self._stream.put({"kind": kind, "at_ms": str(self._clock.wall_ms()), **fields})

    def feed(self, event: Event) -> None:
        """What the feed tells. A silence is an alarm once, however often the feed connects again in vain."""
        match event:
            case Changed(state, reason):
                again, self._silent = self._silent, state is State.STALE or (self._silent and state is not State.LIVE)
                self.tell("feed.state", alarm=self._silent and not again, state=str(state), reason=reason)
            case Unauthorised(channels):
                remedy = "the plan does not include them: take them out of feed.channels, or extend the plan"
                self.tell("feed.unauthorised", alarm=True, channels=",".join(channels), remedy=remedy)
            case Unanswered(channels):
                self.tell("feed.unanswered", alarm=True, channels=",".join(channels), remedy="see feed.channels")
            case Strange(status):
                self.tell("feed.status", alarm=True, status=status.status, message=status.message)

    def spoilage(self, verdict: Verdict) -> None:
        """How much of the feed can be read has changed; `SUSPECT` drops it."""
        self.tell(
            f"feed.{verdict.condition}",
            alarm=verdict.condition is not Condition.SOUND,
            what=str(verdict),
            remedy=REMEDIES[verdict.condition],
        )

    def sink(self, event: SinkEvent) -> None:
        """What a sink tells."""
        fields = {"sink": event.sink, "what": event.what, "remedy": event.remedy, "alerts": str(event.alerts)}
        self.tell(f"sink.{event.kind}", alarm=event.kind != "live", **fields)

    def outbox(self, error: OutboxError | None) -> None:
        """The disk began to refuse alerts, or takes them again; from the engine's thread."""
        self._loop.call_soon_threadsafe(self._outbox, error)

    def _outbox(self, error: OutboxError | None) -> None:
        if error:
            self.tell("outbox.refused", alarm=True, what=str(error), remedy="alerts wait in memory: free the disk")
        else:
            self.tell("outbox.healed", what="all alerts are on disk")

    def calendar(self, warning: str) -> None:
        """What was wrong on the way to the session table, "" if nothing."""
        if warning:
            remedy = "see state.cache and the locked exchange_calendars, and restart"
            self.tell("calendar.warning", alarm=True, what=warning, remedy=remedy)

    def time(self, behind: str) -> None:
        """The exchange's time is well behind the engine's, as `behind` says with the remedy; "": no more."""
        if behind:
            self.tell("time.behind", alarm=True, what=behind)
        else:
            self.tell("time.healed", what="the exchange's time has caught up with the newest bar")

    def clock(self, skew_ms: int) -> None:
        """The market's time is so far ahead of the bars (negative: behind), or (0) no more."""
        if skew_ms:
            way = "ahead of" if skew_ms > 0 else "behind"
            what = f"the market's time, by this machine's clock, is {abs(skew_ms) / 1000:.1f} s {way} the bars"
            remedy = "see whether this machine keeps its time (timedatectl), and whether the feed is late"
            self.tell("clock.skewed", alarm=True, what=what, remedy=remedy)
        else:
            self.tell("clock.healed", what="this machine's clock agrees with the bars")

    def leapt(self, leap_ms: int) -> None:
        """The system's clock has leapt ahead (negative: back)."""
        way = "ahead" if leap_ms > 0 else "back"
        what = f"the system's clock has leapt {way} by {abs(leap_ms) / 1000:.1f} s"
        remedy = (
            "none needed: the market's time goes on without the leap until bars, or a minute without any, confirm it"
        )
        self.tell("clock.leapt", alarm=True, what=what, remedy=remedy)

    def stalled(self, seconds: float) -> None:
        """The event loop has not turned for so long."""
        what = f"nothing was read, delivered or answered for {seconds:.1f} s"
        remedy = "stderr has the stacks of that time, unless the whole process was stopped"
        self.tell("loop.stalled", alarm=True, what=what, remedy=remedy)

    def history(self, trouble: str, *, over: bool) -> None:
        """The history does not take what is to be kept, as `trouble` says with the remedy, or ("") does so again."""
        if not trouble:
            self.tell("history.healed", what="it takes what is to be kept")
        elif over:
            self.tell(
                "history.ended", alarm=True, what=trouble, remedy="nothing is kept until technic is started again"
            )
        else:
            self.tell("history.failing", alarm=True, what=trouble, remedy="it is tried again; meanwhile rows wait")

    def outage(self, outage: Outage) -> None:
        """The feed was not heard for a time in which minute bars were due."""
        self.tell("feed.gap", alarm=True, **_span(outage), what="symbols wait for what they may have missed")

    def repaired(self, outage: Outage, repaired: Repaired) -> None:
        """What has become of it."""
        counts = {name: f"{value:g}" for name, value in repaired._asdict().items()}
        self.tell("feed.repaired", alarm=repaired.left > 0, **_span(outage), **counts)

    def overload(self, step: Step, before: Step, waiting_s: float) -> None:
        """More is let go of for want of time, or less."""
        what = f"the oldest input waits for {waiting_s:.1f} s" if step > before else "input is worked on as it comes"
        self.tell("overload.step", alarm=step > before, step=step.name.lower(), what=what)

    def rest(self, refusal: RestError) -> None:
        """The exchange refuses something for good."""
        self.tell("rest.refused", alarm=True, endpoint=refusal.endpoint, what=str(refusal))

    def enriched(self, alert: Told, found: Mapping[str, Any]) -> None:
        """What an alert could not take along; no line in the log, there is one of the alert."""
        named = {"id": alert.id, "rule": alert.rule, "symbol": alert.symbol}
        about = msgspec.json.encode(found).decode()
        self._stream.put({"kind": "alert.enriched", "at_ms": str(self._clock.wall_ms()), **named, "about": about})

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """What has become of alerts, one event each, and of a day's when its regular session has closed."""
        at_ms = str(self._clock.wall_ms())
        for one in outcomes:
            named = {"id": one.id, "rule": one.rule, "symbol": one.symbol}
            text = msgspec.json.encode(one).decode()
            self._stream.put({"kind": "alert.outcome", "at_ms": at_ms, **named, "outcome": text})
        closed = [one for one in outcomes if CLOSE in one.moves]
        if closed:
            day, text = day_of(closed), msgspec.json.encode(judged(closed)).decode()
            self.tell("digest.day", day=day, alerts=str(len(closed)), rules=text)

    def notice(self, notice: Notice) -> None:
        """What the engine or the feed's price bands tell."""
        self.tell(notice.kind, alarm=False, **notice.fields)

    def models(self, told: str) -> None:
        """What the learner tells: a JSON list of what has happened to models."""
        for one in msgspec.json.decode(told, type=list[ModelNews]):
            self.tell(
                f"model.{one.kind}",
                alarm=one.kind in ALARMING,
                target=one.target,
                model=one.model,
                what=one.what,
                market_ms=str(one.minute_ms),
            )

    def server(self, what: str) -> None:
        """The embedded server was started again."""
        self.tell("redis.restarted", alarm=True, what=what)


def _span(outage: Outage) -> dict[str, str]:
    """When it was, and how many minutes may be missing."""
    return {"since_ms": str(outage.since_ms), "until_ms": str(outage.until_ms), "minutes": str(outage.minutes)}
