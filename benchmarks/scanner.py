"""technic's side of a market second: the parts the daemon is made of, in its order, on one core.

Frame by frame through the codec into the inbox, then one turn of the engine over all that waits, then the alerts
into the outbox. The engine is the daemon's own; two of its steps are timed on their way.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tape import MINUTE_START_MS, OPEN_MS
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.inbox import Inbox
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.scaling import merge
from daemon.scoring.view import level, untaught
from streams.bars import MINUTE_MS, SECOND_MS
from streams.outbox import Entry, Outbox
from streams.polygon.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.tape import Tape
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View

RULES = Path(__file__).with_name("market_second.toml")
DELAY_MS = 2 * SECOND_MS
"""How long after its end a second bar comes."""

_VOLUME = DEFAULT_FEATURES.index("log(clip(volume / sma(volume, 20), 0.01, 100))")


def plan() -> Plan:
    """The five rules and the model's features: forty outputs together."""
    ruleset = rules.load(RULES.read_text(encoding="utf-8"), RULES.name)
    return Plan(ruleset, rules.features(DEFAULT_FEATURES))


class Scanner:
    """A daemon's engine, warm from the tape's history.

    Args:
        tape: the market.
        folder: where the outbox lies.
    """

    def __init__(self, tape: Tape, folder: Path) -> None:
        self._tape = tape
        self._codec, self._inbox = Codec(), Inbox(2 * tape.size)
        self._outbox = Outbox(folder / "outbox.sqlite")
        self.plan = plan()
        open_ms = np.array([OPEN_MS])
        sessions = SessionTable(open_ms, open_ms + 390 * MINUTE_MS)
        self.engine = Engine(self.plan, sessions, _Scaler(len(self.plan.features)), Settings())
        self.spent: Counter[str] = Counter()
        for stage, step in (("score", "_score"), ("rules", "_fire")):
            setattr(self.engine.watch, step, _timed(self.spent, stage, getattr(self.engine.watch, step)))
        for batch in tape.minutes():
            self.engine.step(batch)
        self.engine.advance(MINUTE_START_MS + Settings().grace_ms)
        self.alerts: list[int] = []

    def prepare(self, number: int) -> tuple[list[bytes], int]:
        """The frames of a second and when they come."""
        return self._tape.frames(number), MINUTE_START_MS + (number + 1) * SECOND_MS + DELAY_MS

    def run(self, start: tuple[list[bytes], int]) -> Mapping[str, int]:
        """Frames to alerts on disk; nanoseconds by stage."""
        frames, arrival_ms = start
        started = perf_counter_ns()
        for frame in frames:
            self._inbox.put(self._codec.decode(frame, arrival_ms).bars)
        batch = self._inbox.take()
        decoded = perf_counter_ns()
        self.spent.clear()
        alerts = self.engine.step(batch)
        stepped = perf_counter_ns()
        self._outbox.append([Entry(alert.id, alert.at(arrival_ms, {}).fields()) for alert in alerts], arrival_ms)
        stored = perf_counter_ns()
        self.alerts.append(len(alerts))
        score, rules_ = self.spent["score"], self.spent["rules"]
        return {
            "decode": decoded - started,
            "indicators": stepped - decoded - score - rules_,
            "score": score,
            "rules": rules_,
            "outbox": stored - stepped,
        }

    def close(self) -> None:
        """Give the outbox back."""
        self._outbox.close()


def _timed(spent: Counter[str], stage: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """A step of the watch with a stop-watch; what is left of a turn is indicators and book-keeping."""

    def run(*arguments: Any) -> Any:
        before = perf_counter_ns()
        result = step(*arguments)
        spent[stage] += perf_counter_ns() - before
        return result

    return run


class _Scaler:
    """A teacher that knows how features spread, and leans on volume: its scores move when something happens."""

    def __init__(self, features: int) -> None:
        weights = np.random.default_rng(7).normal(0, 0.05, features)
        weights[_VOLUME] = 0.6
        self._view = untaught(features)._replace(additive=level(features, -0.8)._replace(slopes=weights))

    def teach(self, lesson: Lesson) -> None:
        if self._view.lessons < 10:
            moments = merge(self._view.moments, np.ascontiguousarray(lesson.features, np.float64))
            self._view = self._view._replace(moments=moments, lessons=self._view.lessons + 1)

    def view(self, minute_ms: int) -> View | None:
        return self._view._replace(minute_ms=minute_ms) if self._view.lessons else None
