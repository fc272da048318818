"""Bars in, alerts out: the one path that live and replay share.

No await, no clock, no I/O. What the engine needs from outside (a model's view) comes through a port, `Teacher`.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np

from daemon.engine.alerts import Alert, Times, known
from daemon.engine.barrier import Barrier
from daemon.engine.episodes import Episodes, alert_id
from daemon.engine.errors import StateError
from daemon.engine.evaluate import Context, Evaluator
from daemon.engine.market import Market
from daemon.engine.plan import When
from daemon.engine.runs import runs
from daemon.engine.sectors import SectorColumn, Sectors
from daemon.engine.sessions import PHASES, Phase
from daemon.scoring import view as views
from daemon.scoring.judge import Judge
from daemon.scoring.questions import Questions, phase_of
from indicators import CATALOGUE, Frame, SymbolTable
from indicators.forming import Forming
from indicators.ring import FIELDS
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.plan import Plan
    from daemon.engine.sessions import SessionTable
    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from streams.bars import BarBatch
    from streams.types import Flags, Floats, Longs

    Positions = NDArray[np.intp]

ATR = ("atr", (14,))
"""What the question is asked in; always computed."""

VIEW_DELAY_MS = 2 * MINUTE_MS
"""A view that knows the answers up to minute m comes into use at the close of minute m + 2."""


NO_SECTORS = Sectors({})
"""Where none are configured: all symbols are of one group."""


class Teacher(Protocol):
    """The learner as the engine sees it."""

    def teach(self, lesson: Lesson) -> None:
        """Hand over the answers of one market minute."""

    def view(self, minute_ms: int) -> View | None:
        """The newest view that has learned no answer later than `minute_ms`, None before the first."""


class _Part(Protocol):
    def to_arrays(self) -> dict[str, NDArray[Any]]: ...

    def load_arrays(self, arrays: dict[str, NDArray[Any]]) -> object: ...


class Settings(NamedTuple):
    """What an engine is built with; see the configuration's sections ``engine`` and ``model``."""

    grace_ms: int = 5_000
    max_symbols: int = 16_384
    horizon_minutes: int = 15
    threshold_atr: float = 4.0
    extended_hours: bool = True
    sectors: Sectors = NO_SECTORS


class Counts(msgspec.Struct):
    """What happened to the bars so far. Every bar that is not taken is counted with its reason.

    Attributes:
        bars: bars that entered indicator state (minute bars and stand-ins).
        seconds: second bars taken into forming minutes.
        stood_in: minutes closed from second bars because no minute bar had come.
        late: bars taken after the market's minute had closed.
        repeated: bars left out because the same bar was taken before.
        revised: bars left out that would correct one taken before.
        outdated: bars left out because a newer one of the symbol was taken before.
        excess: bars left out because the symbol table is full.
        off_hours: bars left out because they lie outside the hours that are watched.
        minutes: market minutes closed.
    """

    bars: int = 0
    seconds: int = 0
    stood_in: int = 0
    late: int = 0
    repeated: int = 0
    revised: int = 0
    outdated: int = 0
    excess: int = 0
    off_hours: int = 0
    minutes: int = 0


class _Step(NamedTuple):
    """Bars of one start, closed or forming, one a row; `order` is their place in the batch, and that of alerts."""

    rows: Longs
    start_ms: int
    anchor: int
    arrival_ms: Longs
    order: Positions
    context: Context
    when: When = When.CLOSED

    def columns(self) -> tuple[Longs, Longs, Floats, Longs]:
        """As a frame takes them."""
        size = len(self.rows)
        return self.rows, np.full(size, self.start_ms), self.context.bars, np.full(size, self.anchor)


class Engine:
    """Owns every array: symbols, bars, indicators, look-back, episodes, questions.

    Args:
        plan: rules and features, compiled together.
        sessions: the exchange's calendar.
        teacher: where questions are answered to, where views come from.
        settings: see `Settings`.

    Attributes:
        plan: rules and features in force.
        counts: what happened to the bars so far.
        judge: how good the score has been, on predictions as issued.
        view: the compiled model in use, None before the first.
        market: the level of the market, minute by minute.
    """

    def __init__(self, plan: Plan, sessions: SessionTable, teacher: Teacher, settings: Settings) -> None:
        self._sessions, self._teacher, self._settings = sessions, teacher, settings
        self.symbols = SymbolTable(max_symbols=settings.max_symbols)
        self._forming = Forming()
        self._questions = Questions(len(plan.features), settings.horizon_minutes, settings.threshold_atr)
        self.barrier = Barrier(settings.grace_ms, settings.horizon_minutes + 1)
        self.judge = Judge()
        self.market = Market()
        self._sectors = SectorColumn(settings.sectors)
        self.counts = Counts()
        self.view: View | None = None
        self._alerts: list[Alert] = []
        self._fired: list[tuple[int, int, Alert]] = []
        self._features = np.zeros((0, len(plan.features)))
        self._scores = np.zeros(0)
        self._use(plan)
        self._reserve()

    def step(self, batch: BarBatch) -> list[Alert]:
        """Take bars in order of arrival; minutes of the market close between them where their time has come.

        Args:
            batch: any mixture of symbols, minutes, and second and minute bars.

        Returns:
            The alerts, ordered by the bar that caused them, then by rule. Cost: O(bars) and, per minute closed,
            O(symbols).
        """
        rows = self.symbols.rows(batch.symbol)
        self._reserve()
        ends_ms = batch.start_ms + batch.length_ms
        minutes_ms = batch.start_ms // MINUTE_MS * MINUTE_MS
        for part in self.barrier.segments(np.maximum(batch.arrival_ms, ends_ms), minutes_ms):
            if isinstance(part, slice):
                self._take(batch.take(part), rows[part])
            else:
                self._close_minute(part)
        return self._flush()

    def advance(self, now_ms: int) -> list[Alert]:
        """Let market time reach `now_ms` without a bar: minutes that are due close."""
        for minute_ms in self.barrier.advance(now_ms):
            self._close_minute(minute_ms)
        return self._flush()

    @property
    def lapsed(self) -> int:
        """Questions dropped unanswered, because a minute of their window was not seen."""
        return self._questions.lapsed

    @property
    def most_symbols(self) -> int:
        """Symbols that may be followed, by the settings; a restored state may hold more."""
        return self._settings.max_symbols

    def flush(self) -> list[Alert]:
        """Alerts of a step that failed, as far as it came."""
        self._announce()
        return self._flush()

    def leaders(self, most: int) -> list[tuple[str, float, float]]:
        """Symbol, score and close of the highest scores at the last closed bar, best first."""
        scores = self._scores[: len(self.symbols)]
        order = np.argsort(-scores)[:most]
        order = order[np.isfinite(scores[order])]
        closes = self._frame.bar("close", order)
        symbols = self.symbols.symbols[order]
        return [
            (symbol.decode(), float(score), float(close))
            for symbol, score, close in zip(symbols.tolist(), scores[order], closes, strict=True)
        ]

    def reload(self, plan: Plan) -> None:
        """Exchange the rules between two steps. What both plans name goes on warm; the rest warms up.

        Args:
            plan: has the features of the present one.

        Raises:
            ValueError: the features differ; they belong to the learned model and need a restart.
        """
        if plan.features != self.plan.features:
            raise ValueError("features cannot change while the engine runs")
        kept = {name: part.to_arrays() for name, part in self._rule_state().items()}
        self._use(plan)
        for name, part in self._rule_state().items():
            part.load_arrays(kept[name])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as plain arrays by ``part/name``; most are views, good until the next step."""
        named = {**self._market_state(), **self._learned()}
        arrays = {f"{name}/{key}": array for name, part in named.items() for key, array in part.to_arrays().items()}
        view = {} if self.view is None else views.to_arrays([self.view], len(self.plan.features))
        return {
            **arrays,
            **{f"view/{key}": array for key, array in view.items()},
            **{f"symbols/{key}": array for key, array in self.symbols.to_arrays().items()},
            "engine/barrier": self.barrier.to_array(),
            "engine/counts": np.array(msgspec.structs.astuple(self.counts), np.int64),
            "engine/question": self._question(),
            "engine/features": self._features,
            "engine/scores": self._scores,
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off, bit for bit, before the first step: `load_market` and `load_learned`."""
        self.load_market(arrays)
        self.load_learned(arrays)

    def load_market(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on with symbols, bars, indicators, episodes, market time and counts.

        Where more symbols were saved than may be followed now, they stay, and no new one is added.

        Raises:
            Exception: arrays are missing or do not fit; the engine is then of no use and another has to be made.
        """
        saved = _part(arrays, "symbols")
        self.symbols = SymbolTable.from_arrays(saved, max(self._settings.max_symbols, len(saved["symbols"])))
        for name, part in self._market_state().items():
            part.load_arrays(_part(arrays, name))
        self._reserve()
        self.barrier.load_array(arrays["engine/barrier"])
        self.counts = Counts(*arrays["engine/counts"].tolist())

    def remember(self, alerts: Sequence[Alert]) -> int:
        """Alerts that were given after the state was saved: none is given twice, and cooldowns count from them.

        Whether their episodes have ended meanwhile is not known; they go on until a bar says otherwise.

        Returns:
            How many of them the state did not know of.
        """
        rows = self.symbols.rows(np.array([alert.symbol.encode() for alert in alerts], "S16")).tolist()
        self._reserve()
        return sum(
            self._episodes.remember(f"{alert.rule}@{alert.rule_version}", row, alert.bar_start_ms)
            for alert, row in zip(alerts, rows, strict=True)
            if row >= 0
        )

    def load_learned(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on with questions, scores, their judge and the model's view, after `load_market`.

        Raises:
            Exception: arrays are missing, or belong to another question or to other features; the engine is then of
                no use and another has to be made.
        """
        saved, now = arrays["engine/question"].tolist(), self._question().tolist()
        if saved != now:
            names = "model.horizon_minutes, model.threshold_atr and the number of features"
            raise StateError(f"{names} were {saved}, now they are {now}")
        for name, part in self._learned().items():
            part.load_arrays(_part(arrays, name))
        features, scores = arrays["engine/features"], arrays["engine/scores"]
        if len(features) != len(scores):
            raise StateError(f"features of {len(features)} symbols and scores of {len(scores)} do not fit together")
        self._features[: len(features)], self._scores[: len(scores)] = features, scores
        view = _part(arrays, "view")
        self.view = views.from_arrays(view, len(self.plan.features))[0] if view else None

    def _question(self) -> Floats:
        """What the model is asked, and of how many features it judges."""
        return np.array([self._settings.horizon_minutes, self._settings.threshold_atr, len(self.plan.features)], float)

    def _rule_state(self) -> dict[str, _Part]:
        return {"frame": self._frame, "evaluator": self._evaluator, "episodes": self._episodes}

    def _market_state(self) -> dict[str, _Part]:
        return {**self._rule_state(), "forming": self._forming, "market": self.market}

    def _learned(self) -> dict[str, _Part]:
        return {"questions": self._questions, "judge": self.judge}

    def _take(self, batch: BarBatch, rows: Longs) -> None:
        """Bars between two closes; each row's in the order in which they came, whatever else came between them."""
        kept = self._watched(batch, rows)
        if not kept.all():
            batch, rows = batch.take(kept), rows[kept]
        ends = 2 * (batch.start_ms + batch.length_ms) + (batch.length_ms >= MINUTE_MS)
        for chosen in runs(rows, ends):
            take = self._take_minutes if ends[chosen[0]] % 2 else self._take_seconds
            take(batch.take(chosen), rows[chosen], chosen)
        self._announce()

    def _watched(self, batch: BarBatch, rows: Longs) -> Flags:
        """Where there is a row for the symbol and the hour is one that is watched."""
        kept = rows >= 0
        self.counts.excess += len(rows) - int(kept.sum())
        if not self._settings.extended_hours:
            regular = self._sessions.is_regular(batch.start_ms)
            self.counts.off_hours += int((kept & ~regular).sum())
            kept &= regular
        return kept

    def _take_minutes(self, batch: BarBatch, rows: Longs, order: Positions) -> None:
        start_ms = int(batch.start_ms[0])
        last_ms = self._frame.last_start[rows]
        new = last_ms < start_ms
        if not new.all():
            self._count_old(batch, rows, last_ms, start_ms)
            batch, rows, order = batch.take(new), rows[new], order[new]
        if len(rows):
            self.counts.late += len(rows) * (start_ms <= self.barrier.closed_ms)
            self._forming.discard(rows, start_ms)
            self._close_bars(rows, start_ms, batch.values[:6], batch.arrival_ms, order)

    def _count_old(self, batch: BarBatch, rows: Longs, last_ms: Longs, start_ms: int) -> None:
        same = last_ms == start_ms
        close = self._frame.bar("close", rows, 0)
        volume = self._frame.bar("volume", rows, 0)
        repeated = same & (close == batch.values[3]) & (volume == batch.values[4])
        self.counts.repeated += int(repeated.sum())
        self.counts.revised += int((same & ~repeated).sum())
        self.counts.outdated += int((last_ms > start_ms).sum())

    def _take_seconds(self, batch: BarBatch, rows: Longs, order: Positions) -> None:
        minute_ms = int(batch.start_ms[0]) // MINUTE_MS * MINUTE_MS
        open_ = (self._frame.last_start[rows] < minute_ms) & (minute_ms > self.barrier.closed_ms)
        if not open_.all():
            self.counts.outdated += len(rows) - int(open_.sum())
            batch, rows, order = batch.take(open_), rows[open_], order[open_]
        seen = self._forming.add(rows, batch.start_ms, batch.values[:6])
        self.counts.seconds += int(seen.sum())
        self.counts.repeated += len(rows) - int(seen.sum())
        if self.plan.has_tick:
            seen &= ~self._forming.waits(rows, minute_ms)
            self._peek(rows[seen], minute_ms, batch.arrival_ms[seen], order[seen])

    def _peek(self, rows: Longs, minute_ms: int, arrival_ms: Longs, order: Positions) -> None:
        """Rules with ``evaluate = "tick"`` on the forming bar; closed state stays as it is."""
        if len(rows):
            bars = self._forming.bars(rows, minute_ms)
            now = self._step_of(rows, minute_ms, bars, arrival_ms, order)._replace(when=When.FORMING)
            self._frame.peek(*now.columns(), self._outside(rows))
            _, score = self._score(now)
            self._fire(now, score)

    def _close_bars(self, rows: Longs, start_ms: int, bars: Floats, arrival_ms: Longs, order: Positions) -> None:
        """One closed minute bar for each of `rows`: state, score, rules."""
        self.counts.bars += len(rows)
        if start_ms <= self.barrier.closed_ms:
            self._questions.observe(start_ms, rows, bars[1], bars[2])  # the close of its minute did not see it
        now = self._step_of(rows, start_ms, bars, arrival_ms, order)
        self._frame.update(*now.columns(), self._outside(rows))
        features, score = self._score(now)
        self._features[rows], self._scores[rows] = features, score
        self._fire(now, score)
        self._evaluator.commit(rows, now.context, score)

    def _outside(self, rows: Longs) -> Floats:
        """What indicators see beside the bar: the official close of the day before, and the market's level."""
        outside = np.full((2, len(rows)), np.nan)
        outside[1] = self.market.level_at(self._frame.last_start[rows])
        return outside

    def _score(self, now: _Step) -> tuple[Floats, Floats]:
        features = self._evaluator.features(now.rows, now.context, when=now.when)
        return features, np.full(len(now.rows), np.nan) if self.view is None else self.view.score(features)

    def _close_minute(self, minute_ms: int) -> None:
        """The barrier: stand-ins, the market as a whole, answers, the next view, new questions."""
        self.counts.minutes += 1
        self._stand_in(minute_ms)
        rows = np.flatnonzero(self._frame.last_start[: len(self.symbols)] == minute_ms)
        self._freeze(minute_ms, rows)
        self._learn(minute_ms, rows)
        self._ask(minute_ms, rows)

    def _stand_in(self, minute_ms: int) -> None:
        """Forming minutes close where no minute bar has come."""
        rows = self._forming.rows(minute_ms)
        rows = rows[self._frame.last_start[rows] < minute_ms]
        if len(rows):
            self.counts.stood_in += len(rows)
            bars = self._forming.bars(rows, minute_ms)
            self._forming.discard(rows, minute_ms)
            arrival_ms = np.full(len(rows), min(self.barrier.now_ms, minute_ms + MINUTE_MS + self._settings.grace_ms))
            self._close_bars(rows, minute_ms, bars, arrival_ms, np.arange(len(rows)))
            self._announce()

    def _freeze(self, minute_ms: int, rows: Longs) -> None:
        """The market as it stands now: its level, cross-sections of all that traded in this session, rules on them."""
        session = self._sessions.at(minute_ms)
        self.market.close_minute(minute_ms, session.anchor, rows, self._frame.bar("close", rows))
        if not self.plan.frozen:
            return
        traded = self._frame.last_start[: len(self.symbols)] >= session.anchor
        whole = np.flatnonzero(traded & (session.phase != Phase.CLOSED))
        sectors = self._sectors.of(self.symbols.symbols)[whole]
        context = self._closed(whole, minute_ms).context
        self._evaluator.freeze(whole, context, self._scores[whole], sectors, rows)
        if len(rows) and self.plan.judged[When.BARRIER].any():
            self._fire(self._closed(rows, minute_ms), self._scores[rows])
            self._announce()

    def _closed(self, rows: Longs, minute_ms: int) -> _Step:
        """The last closed bars of `rows` at the close of a minute."""
        bars = np.stack([self._frame.bar(field, rows) for field in FIELDS])
        closed_ms = np.full(len(rows), minute_ms + MINUTE_MS + self._settings.grace_ms)
        return self._step_of(rows, minute_ms, bars, closed_ms, np.arange(len(rows)))._replace(when=When.BARRIER)

    def _learn(self, minute_ms: int, rows: Longs) -> None:
        """Answers that are known now go to the learner; its view of two minutes ago comes into use."""
        self._questions.observe(minute_ms, rows, self._frame.bar("high", rows), self._frame.bar("low", rows))
        if not len(rows):
            self._questions.lapse()  # a market without a single bar is a hole in the feed: no answer is known
        lesson = self._questions.answer(minute_ms, self.symbols.symbols)
        if lesson is not None:
            self.judge.add(lesson)
            self._teacher.teach(lesson)
        self.view = self._teacher.view(minute_ms - VIEW_DELAY_MS) or self.view

    def _ask(self, minute_ms: int, rows: Longs) -> None:
        """New questions, in regular hours, where their horizon ends before the close."""
        horizon_ms = self._settings.horizon_minutes * MINUTE_MS
        asked, answered = self._sessions.at(minute_ms), self._sessions.at(minute_ms + horizon_ms)
        if len(rows) and asked.phase == answered.phase == Phase.REGULAR:
            phase = phase_of(int(asked.minutes_since_open))
            self._questions.ask(
                minute_ms,
                rows,
                self._features[rows],
                self._scores[rows],
                self._frame.bar("close", rows),
                self._frame.out[self._atr, rows],
                phase=phase,
                base=self.judge.base(phase),
            )

    def _fire(self, now: _Step, score: Floats) -> None:
        """Rules and episodes; what they let through waits in `_fired` for the rest of its segment."""
        held = self._evaluator.conditions(now.rows, now.context, score, when=now.when)
        judged = self.plan.judged[now.when]
        rules, positions = self._episodes.step(held, now.rows, now.start_ms, judged)
        for rule in np.unique(rules).tolist():
            at = positions[rules == rule]
            seen = self._evaluator.explain(rule, at, now.rows, now.context, score, when=now.when)
            for number, position in enumerate(at.tolist()):
                values = {text: known(column[number]) for text, column in seen.items()}
                alert = self._alert(rule, position, now, known(score[position]), values)
                self._fired.append((int(now.order[position]), rule, alert))

    def _announce(self) -> None:
        """Alerts of a segment in the order in which their bars came, then by rule."""
        self._alerts += [alert for _, _, alert in sorted(self._fired, key=itemgetter(0, 1))]
        self._fired.clear()

    def _alert(
        self, number: int, position: int, now: _Step, score: float | None, values: dict[str, float | None]
    ) -> Alert:
        rule, row = self.plan.rules[number], int(now.rows[position])
        symbol = bytes(self.symbols.symbols[row])
        bar = now.context.bars[:, position]
        return Alert(
            id=alert_id(rule.name, rule.version, symbol, now.start_ms),
            rule=rule.name,
            rule_version=rule.version,
            symbol=symbol.decode(),
            session=PHASES[int(now.context.phase)],
            timeframe="1m",
            severity=rule.severity,
            evaluate=rule.evaluate,
            bar_start_ms=now.start_ms,
            price=float(bar[3]),
            volume=float(bar[4]),
            score=score,
            values=values,
            coverage=self._coverage(number, row),
            late=now.start_ms <= self.barrier.closed_ms and now.when is not When.BARRIER,
            times=Times(now.start_ms + MINUTE_MS, int(now.arrival_ms[position])),
        )

    def _coverage(self, rule: int, row: int) -> str:
        """Whether all that a rule names has had its bars."""
        count = int(self._frame.count[row])
        return "covered" if all(count >= bars for bars in self.plan.needs[rule].values()) else "warming"

    def _step_of(self, rows: Longs, start_ms: int, bars: Floats, arrival_ms: Longs, order: Positions) -> _Step:
        at = self._sessions.at(start_ms)
        context = Context(bars, at.minutes_since_open, at.phase)
        return _Step(rows, start_ms, at.anchor, arrival_ms, order, context)

    def _flush(self) -> list[Alert]:
        alerts, self._alerts = self._alerts, []
        return alerts

    def _use(self, plan: Plan) -> None:
        """Work by `plan` from now on, with fresh state for what it names."""
        self.plan = plan
        atr = CATALOGUE.spec(ATR[0], ATR[1])
        self._frame = Frame((*plan.specs, atr), max(len(self._scores), 1024))
        self._evaluator = Evaluator(plan, self._frame)
        self._episodes = Episodes(plan.rules, self._frame.capacity)
        self._atr = self._frame.column(atr.key, atr.outputs[0])

    def _reserve(self) -> None:
        """Every array has a row for every symbol."""
        self._frame.reserve(len(self.symbols))
        capacity = self._frame.capacity
        more = capacity - len(self._scores)
        self._forming.reserve(capacity)
        self._episodes.reserve(capacity)
        if more > 0:
            self._features = np.pad(self._features, ((0, more), (0, 0)), constant_values=np.nan)
            self._scores = np.pad(self._scores, (0, more), constant_values=np.nan)


def _part(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """What was saved under ``name/``."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}
