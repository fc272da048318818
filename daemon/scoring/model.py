"""All that is learned of one target: scaler, ladder of models, their judges, memory. Only the learner's process has it.

Imports River, which takes seconds.

For each market minute's answers, in this order:

1. every model is judged by what its score *was* when the questions were asked: the compiled scores of the last minutes
   are kept for that, and the one is taken that the engine would have used then;
2. the ladder says who speaks from now on; calibration and detectors of drift take in how good each was;
3. only then are the answers learned, with rows of earlier lessons beside them.

On the real minutes of January 2025 and March 2018 rehearsal is what makes the difference: the answers of one minute
depend on each other strongly, rows of many days do not (AUC 0.652 without, 0.656 with it, on the same features).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pandas as pd

from daemon.scoring.basis import ClippedScaler
from daemon.scoring.calibration import MOST, Calibration
from daemon.scoring.drift import Detector
from daemon.scoring.errors import StateError
from daemon.scoring.ladder import Ladder
from daemon.scoring.members import Logistic, member
from daemon.scoring.memory import Batch, Memory
from daemon.scoring.modelfigures import figures_of
from daemon.scoring.news import ModelNews
from daemon.scoring.recipes import ENSEMBLE, Recipe
from daemon.scoring.saved import checked, under
from daemon.scoring.scaling import EXTREME, Moments, believable, scaled
from daemon.scoring.scorecard import Scorecard, session_day
from daemon.scoring.unusual import Unusual
from daemon.scoring.view import (
    KNOTS,
    MAX_WEIGHT,
    Additive,
    View,
    Weighted,
    chance_of,
    from_arrays,
    level,
    logit_of,
    probability,
)
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.scoring.modelfigures import ModelFigures, Role
    from daemon.scoring.recipes import Course
    from daemon.scoring.view import Compiled
    from streams.types import Flags, Floats, Longs

ISSUED_MS: Final = 3 * MINUTE_MS
"""A question was asked with a view that knew no answer later than this before it: see `daemon.engine.learning`."""

HURRY: Final = 2.0
HURRIED: Final = 30
"""After a drift a model learns so many times as fast for so many lessons."""

FORGETFUL: Final = 50_000.0
"""After a drift of the champion the scaler's past counts for no more than so many values."""

_FORGET: Final = 0.5 ** (1.0 / 390.0)
_PART_ROWS: Final = 500
"""Rows of memory that are learned as one lesson by a model that learns anew."""


class Questions(NamedTuple):
    """A lesson, as it comes over the wire.

    Attributes:
        minute_ms: start of the minute at whose close the answers were known.
        asked_ms: start of the minute at whose close they were asked.
        phase: of the session, when asked.
        base: base rate of that phase, as it stood then.
        features: ``float32[n, k]``, as asked.
        sector: ``int64[n]``.
        score: ``float64[n]``, as issued by the engine; NaN for none.
        answer: ``bool[n]``.
    """

    minute_ms: int
    asked_ms: int
    phase: int
    base: float
    features: NDArray[np.float32]
    sector: Longs
    score: Floats
    answer: Flags


class _Issued(NamedTuple):
    """What would have been scored with, from a minute on.

    Compiled models, slope and shift of the calibration of each (``float64[m, 2]``), and its weight in the ensemble.
    """

    minute_ms: int
    moments: Moments
    parts: tuple[Compiled, ...]
    calibration: Floats
    weights: Floats

    def logits(self, features: Floats) -> tuple[Floats, Floats]:
        """Before and after calibration, ``float64[m, n]`` each."""
        raw = np.array([logit_of(chance_of(part, self.moments, features)) for part in self.parts])
        return raw, self.calibration[:, :1] * raw + self.calibration[:, 1:]


class Model:
    """One target's models.

    Args:
        features: names, one a column.
        course: how it is learned.
        memory: the file that answers are remembered in, None for none.

    Attributes:
        view: the compiled score of the champion after the last lesson.
        cards: how good each model has been, by name.
        told: what people should know, in order; whoever tells them takes it out.
    """

    def __init__(self, features: Sequence[str], course: Course, memory: Path | None = None) -> None:
        self._names, self._course = list(features), course
        self.scaler = ClippedScaler(features)
        self.members = [member(features, recipe) for recipe in course.recipes]
        several = len(self.members) > 1
        self.names = [*(recipe.name for recipe in course.recipes), *([ENSEMBLE] if several else [])]
        self.calibrations = [Calibration() for _ in self.members]
        self.ladder = Ladder(self.names, len(self.names) - 1)
        self.memory = Memory(course.memory_rows, len(features), course.memory_share, memory)
        self.cards = {name: Scorecard() for name in self.names}
        self.unusual = Unusual(features) if course.unusual else None
        self._detectors = [Detector() for _ in self.members]
        self._hurried = np.zeros(len(self.members), np.int64)
        self._issued: deque[_Issued] = deque(maxlen=course.horizon_minutes + ISSUED_MS // MINUTE_MS + 1)
        self._counts = np.zeros(3, np.int64)  # lessons, steps taken back, values refused
        self._told_on: dict[str, int] = {}  # session in which refusals were told last, of features and by model
        self._recent = np.array([0.5, 1.0])  # share of yes by lesson, lessons; a session counts half after a session
        self.told: list[ModelNews] = []
        if self.memory.trouble:
            self.tell("refused", "", f"answers are remembered until the process ends only: {self.memory.trouble}")
        self.view = self._view(0)

    @property
    def lessons(self) -> int:
        """Market minutes learned."""
        return int(self._counts[0])

    @property
    def taken_back(self) -> int:
        """Steps of models that led to numbers that no model can have."""
        return int(self._counts[1])

    @property
    def refused(self) -> int:
        """Feature values that were infinite or beyond all bounds, and counted as missing."""
        return int(self._counts[2])

    def learn(self, asked: Questions) -> View:
        """Judge and learn the answers of one market minute; the compiled score afterwards."""
        features = np.ascontiguousarray(asked.features, np.float64)
        if len(asked.answer):
            self._refuse(features, asked.minute_ms)
            self._judge(asked, features)
            self._step(features, asked)
        self._counts[0] += 1
        self.view = self._view(asked.minute_ms)
        return self.view

    def relearn(self, numbers: Sequence[int], progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Let models learn anew what is remembered, oldest first."""
        done = 0
        for part in self.memory.parts(_PART_ROWS):
            for number in numbers:
                self.members[number].learn(part, part.first(0), 1.0)
            done += len(part.answer)
            progress(done, self.memory.known)
        self.view = self._view(self.view.minute_ms)

    def tell(self, kind: str, model: str, what: str, minute_ms: int = 0) -> None:
        """Something that people should know."""
        self.told.append(ModelNews(kind, self._course.name, model, what, minute_ms))

    def figures(self) -> list[ModelFigures]:
        """How good every model has been."""
        roles: dict[str, Role] = {name: self.ladder.standing(number) for number, name in enumerate(self.names)}
        return [
            figures_of(card, name=name, target=self._course.name, role=roles[name], lessons=self.lessons)
            for name, card in self.cards.items()
        ]

    def adopt(self, arrays: Mapping[str, NDArray[Any]], why: str) -> None:
        """Take over what fits from a state of other models or other features: means and weights, by feature.

        A state of version 1, one linear model's ``numbers``, is taken over by every logistic model on scaled features.
        """
        try:
            names, moments, numbers = _old(arrays)
        except (KeyError, ValueError, StateError, msgspec.MsgspecError) as error:
            self.tell("refused", "", f"the saved state is of no use ({error}), all is learned anew: {why}")
            return
        places = [(own, names.index(name)) for own, name in enumerate(self._names) if name in names]
        if not places:
            return
        own, theirs = np.array(places).T
        adopted = np.array(self.scaler.moments)
        adopted[:, own] = np.array(moments)[:, theirs]
        self.scaler.moments = Moments(*adopted)
        taken = [
            recipe.name
            for model, recipe in zip(self.members, self._course.recipes, strict=True)
            if isinstance(model, Logistic) and model.adopt(numbers.get(recipe.name, numbers.get("")), own, theirs)
        ]
        self.tell("adopted", ", ".join(taken), f"{len(own)} of {len(self._names)} features were known before")
        self.view = self._view(0)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state as numbers, but what is learned anew from memory: members that give no arrays."""
        known = [issued for issued in self._issued if all(isinstance(part, Additive) for part in issued.parts)]
        members = {f"member {n}": model.to_arrays() for n, model in enumerate(self.members)}
        parts: dict[str, Mapping[str, NDArray[Any]]] = {
            **{name: arrays for name, arrays in members.items() if arrays is not None},
            **{f"calibration {n}": one.to_arrays() for n, one in enumerate(self.calibrations)},
            **{f"card {n}": card.to_arrays() for n, card in enumerate(self.cards.values())},
            **{f"detector {n}": one.to_arrays() for n, one in enumerate(self._detectors)},
            **{f"issued {n}": _issued_arrays(issued) for n, issued in enumerate(known)},
            "ladder": self.ladder.to_arrays(),
            "unusual": self.unusual.to_arrays() if self.unusual else {},
            "view": self.view.to_arrays(),
        }
        own: dict[str, NDArray[Any]] = {
            "spec": self._spec(),
            "moments": np.array(self.scaler.moments),
            "counts": self._counts,
            "remembered": np.array([self.memory.count], np.int64),
            "hurried": self._hurried,
            "recent": self._recent,
        }
        return {**own, **{f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()}}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> list[int]:
        """Go on where `to_arrays` left off, bit for bit, in a fresh instance; then `relearn` what is returned.

        Returns:
            Numbers of the models that could not be saved as numbers.

        Raises:
            StateError: the arrays are no state of such models; this instance is then of no use.
        """
        if checked(arrays, "spec", np.uint8, (None,)).tobytes() != self._spec().tobytes():
            raise StateError("the state was learned by other models, or on other features")
        models, features = len(self.members), len(self._names)
        self.scaler.moments = _moments(arrays, features)
        self._counts = checked(arrays, "counts", np.int64, (3,), 0)
        self._hurried = checked(arrays, "hurried", np.int64, (models,), 0, HURRIED)
        self._recent = checked(arrays, "recent", np.float64, (2,), 0.0, 1.0 / (1.0 - _FORGET) + 1.0)
        if not 0.0 < self._recent[1] >= self._recent[0]:
            raise StateError("of the answers of late more are yes than there are")
        (self.memory.count,) = checked(arrays, "remembered", np.int64, (1,), 0).tolist()
        self.ladder.load_arrays(under(arrays, "ladder"))
        anew = [n for n, model in enumerate(self.members) if model.to_arrays() is None]
        for n, model in enumerate(self.members):
            if n not in anew:
                model.load_arrays(under(arrays, f"member {n}"))
            self.calibrations[n].load_arrays(under(arrays, f"calibration {n}"))
            self._detectors[n].load_arrays(under(arrays, f"detector {n}"))
        if self.unusual:
            self.unusual.load_arrays(under(arrays, "unusual"))
        for n, card in enumerate(self.cards.values()):
            card.load_arrays(under(arrays, f"card {n}"))
        for n in range(self._issued.maxlen or 0):
            if issued := under(arrays, f"issued {n}"):
                self._issued.append(_issued_of(issued, models, features))
        self.view = from_arrays(under(arrays, "view"), features)
        if self.memory.lost:
            self.tell("refused", "", "the remembered answers that the state tells of are lost: rehearsal begins anew")
        return anew

    def _spec(self) -> NDArray[np.uint8]:
        return np.frombuffer(msgspec.json.encode((self._names, self._course.recipes)), np.uint8)

    def _refuse(self, features: Floats, minute_ms: int) -> None:
        refused = (np.abs(features) > EXTREME).sum(axis=0)
        self._counts[2] += refused.sum()
        if refused.any():
            named = ", ".join(f"{name} ({n})" for name, n in zip(self._names, refused.tolist(), strict=True) if n)
            self._tell_refused(
                "", f"values of features are infinite or beyond 1e9 and count as missing: {named}", minute_ms
            )

    def _tell_refused(self, model: str, what: str, minute_ms: int) -> None:
        """Once a session."""
        session = session_day(minute_ms)
        if self._told_on.get(model) != session:
            self._told_on[model] = session
            self.tell("refused", model, what, minute_ms)

    def _judge(self, asked: Questions, features: Floats) -> None:
        """By the newest scores that the engine could have had when it asked."""
        self._recent = _FORGET * self._recent + (asked.answer.mean(), 1.0)
        issued = next((one for one in reversed(self._issued) if one.minute_ms <= asked.asked_ms - ISSUED_MS), None)
        if issued is None:
            return
        raw, logits = issued.logits(features)
        chances = [probability(logit) for logit in logits]
        if len(self.names) > len(self.members):
            chances.append(probability(issued.weights @ logits))
        losses = np.array([_loss(chance, asked.answer) for chance in chances])
        base_loss = _loss(np.full(len(asked.answer), asked.base), asked.answer)
        for name, chance in zip(self.names, chances, strict=True):
            self._card(name, asked, chance)
        for change in self.ladder.add(losses, base_loss, session_day(asked.asked_ms)):
            self.tell(change.kind, change.by, f"speaks instead of {change.model}: {change.why}", asked.minute_ms)
        for n, (one, logit) in enumerate(zip(self.calibrations, raw, strict=True)):
            if not self.members[n].calibrated:
                one.learn(logit, asked.answer)
            self._watch(n, float(losses[n] - base_loss), asked.minute_ms)

    def _watch(self, number: int, excess: float, minute_ms: int) -> None:
        """A model that begins to fail learns faster for a while, if it can, and if it speaks the scaler forgets."""
        self._hurried[number] = max(0, self._hurried[number] - 1)
        found = self._detectors[number].add(excess)
        if not found:
            return
        what = f"{found} finds that its log loss has risen"
        if self.members[number].paced:
            self._hurried[number] = HURRIED
            what += f": it learns {HURRY:g} times as fast for {HURRIED} minutes"
        if number == self.ladder.champion or self.names[self.ladder.champion] == ENSEMBLE:
            moments = self.scaler.moments
            self.scaler.moments = moments._replace(seen=np.minimum(moments.seen, FORGETFUL))
            what += f"; the scaler's past counts for {FORGETFUL:,.0f} values"
        self.tell("drift", self.names[number], what, minute_ms)

    def _step(self, features: Floats, asked: Questions) -> None:
        self.scaler.learn_many(pd.DataFrame(features, columns=self._names))
        new = Batch(scaled(self.scaler.moments, features), asked.answer)
        most = max((recipe.rehearsal for recipe in self._course.recipes), default=0)
        old = self.memory.draw(most, self.lessons)
        for n, (model, recipe) in enumerate(zip(self.members, self._course.recipes, strict=True)):
            if not model.learn(new, old.first(recipe.rehearsal), HURRY if self._hurried[n] else 1.0):
                self._counts[1] += 1
                self._tell_refused(
                    recipe.name, "a step led to numbers that no model can have: taken back", asked.minute_ms
                )
        self.memory.add(new)
        if self.unusual:
            self.unusual.learn(new)

    def _view(self, minute_ms: int) -> View:
        """The champion's score, compiled; what could have been scored with is kept."""
        moments = Moments(*(column.copy() for column in self.scaler.moments))
        parts, weights = tuple(model.compiled() for model in self.members), self.ladder.weights(len(self.members))
        calibration = np.array([[one.slope, one.shift] for one in self.calibrations])
        if minute_ms:
            self._issued.append(_Issued(minute_ms, moments, parts, calibration, weights))
        champion = self.ladder.champion
        if champion < 0:
            flat = level(len(self._names), float(logit_of(self._recent[0] / self._recent[1])))
            view = View(minute_ms, self.lessons, moments, flat, (), self.ladder.speaker)
        else:
            shares = weights if champion == len(self.members) else np.eye(len(self.members))[champion]
            view = self._mixed(minute_ms, moments, parts, shares)
        return view._replace(unusual=self.unusual.compiled) if self.unusual else view

    def _mixed(self, minute_ms: int, moments: Moments, parts: Sequence[Compiled], shares: Floats) -> View:
        """Calibrated logits, weighed: all that is additive becomes one sum."""
        total, others = level(len(self._names)), []
        for part, one, share in zip(parts, self.calibrations, shares.tolist(), strict=True):
            if not share:
                continue
            slope, shift = share * one.slope, share * one.shift
            total = total._replace(intercept=total.intercept + shift)
            if isinstance(part, Additive):
                total = Additive(
                    total.intercept + slope * part.intercept,
                    total.slopes + slope * part.slopes,
                    total.table + slope * part.table,
                )
            else:
                others.append(Weighted(slope, part))
        return View(minute_ms, self.lessons, moments, total, tuple(others), self.ladder.speaker)

    def _card(self, name: str, asked: Questions, chance: Floats) -> None:
        self.cards[name].add(
            chance,
            asked.answer,
            base=asked.base,
            phase=asked.phase,
            sector=asked.sector,
            asked_ms=asked.asked_ms,
        )


def _issued_arrays(issued: _Issued) -> dict[str, NDArray[Any]]:
    parts = [part for part in issued.parts if isinstance(part, Additive)]
    return {
        "minute_ms": np.array([issued.minute_ms], np.int64),
        "moments": np.array(issued.moments),
        "calibration": issued.calibration,
        "weights": issued.weights,
        "intercepts": np.array([part.intercept for part in parts]),
        "slopes": np.array([part.slopes for part in parts]),
        "tables": np.array([part.table for part in parts]),
    }


def _issued_of(arrays: Mapping[str, NDArray[Any]], models: int, features: int) -> _Issued:
    shapes: dict[str, tuple[int, ...]] = {
        "intercepts": (models,),
        "slopes": (models, features),
        "tables": (models, features, len(KNOTS)),
    }
    columns = [checked(arrays, name, np.float64, shape, -MAX_WEIGHT, MAX_WEIGHT) for name, shape in shapes.items()]
    parts = tuple(Additive(float(intercept), *rest) for intercept, *rest in zip(*columns, strict=True))
    (minute_ms,) = checked(arrays, "minute_ms", np.int64, (1,), 0).tolist()
    calibration = checked(arrays, "calibration", np.float64, (models, 2), -MOST, MOST)
    weights = checked(arrays, "weights", np.float64, (models,), 0.0, 1.0)
    return _Issued(minute_ms, _moments(arrays, features), parts, calibration, weights)


def _old(arrays: Mapping[str, NDArray[Any]]) -> tuple[list[str], Moments, dict[str, Floats]]:
    """Of another state: names of features, their moments, and ``float64[1 + k]`` of each logistic model by its name.

    Raises:
        StateError, KeyError, ValueError, msgspec.MsgspecError: it holds no such things.
    """
    if "names" in arrays:  # version 1
        names: list[str] = msgspec.json.decode(arrays["names"].tobytes(), type=list[str])
        numbers = checked(arrays, "numbers", np.float64, (None, 1 + 4 * len(names)))[-1:]
        intercept, weights, moments = np.split(numbers.reshape(-1), [1, 1 + len(names)])
        theirs = _moments({"moments": moments.reshape(3, len(names))}, len(names))
        return names, theirs, {"": np.concatenate([intercept, weights])}
    names, recipes = msgspec.json.decode(arrays["spec"].tobytes(), type=tuple[list[str], list[Recipe]])
    kept = {
        recipe.name: checked(arrays, f"member {n}/numbers", np.float64, (1 + len(names),))
        for n, recipe in enumerate(recipes)
        if recipe.kind == "logistic" and recipe.basis == "scaled"
    }
    return names, _moments(arrays, len(names)), kept


def _moments(arrays: Mapping[str, NDArray[Any]], features: int) -> Moments:
    moments = Moments(*checked(arrays, "moments", np.float64, (3, features), -np.inf, np.inf))
    if not believable(moments):
        raise StateError("moments that no features can have")
    return moments


def _loss(chance: Floats, answer: Flags) -> float:
    likelihood = np.where(answer, chance, 1.0 - chance)
    return float(-np.log(np.clip(likelihood, 1e-9, 1.0)).mean())
