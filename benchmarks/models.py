"""How good scores are beside offline learners, on the same questions of real minutes, all as issued.

``python -m benchmarks.models [--quick]``: a table a file on stderr, one JSON document on stdout. The questions are
those that the engine asks in regular hours, every minute; online learners hear an answer when its horizon is over, and
speak by what they knew two minutes before they are asked. Offline ones are trained on whole days before those they are
judged on. Trees, which are slow to learn, are asked every fifth minute, beside rows of their own.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from river import linear_model, optim

from benchmarks import machine
from benchmarks.peers import offline
from daemon import calendar
from daemon.clock import SystemClock
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sectors import Sectors
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.model import ISSUED_MS, Model, Questions
from daemon.scoring.recipes import DEFAULT_LADDER, Course, Recipe
from streams.barfile import open_bars
from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View
    from streams.types import Flags, Floats, Longs

    Step = Callable[[], None]

DATA = Path(os.environ.get("TECHNIC_DATA", Path(__file__).parents[2] / "shared" / "data"))
FILES = (("minute_2025_01.parquet", "2025", 10), ("minute_2018_03.parquet", "2018", 3))
"""Name, era of its sectors, first days that are not judged."""

SLOW = tuple(
    Recipe(kind, kind, size=5, rows=64)
    for kind in (
        "passive-aggressive",
        "alma",
        "adpredictor",
        "hoeffding-tree",
        "adaptive-forest",
        "amf",
        "bagging",
        "adwin-boosting",
    )
)
EVERY = 5
"""Minutes between two questions to those."""

SCORED = 10_000
TOP = 100
"""One in so many is among the most likely."""

_DAY_MS = 1_440 * MINUTE_MS
_CERTAIN = 1e-9
_BINS = 20


class Row(msgspec.Struct):
    """One learner on one file; lower is better but for `auc` and `precision_top`."""

    name: str
    auc: float
    log_loss: float
    brier: float
    calibration_error: float
    precision_top: float
    us_score: float | None
    us_learn: float | None


class Said(NamedTuple):
    """What one learner said to all judged questions."""

    name: str
    chance: Floats
    us_score: float | None = None
    us_learn: float | None = None


class Asked(NamedTuple):
    """All questions of a file, in the order of their answers.

    Attributes:
        lessons: one a minute.
        day: ``int64[lessons]``, number of the trading day, from 0.
        first: number of the first day that is judged.
    """

    lessons: list[Lesson]
    day: Longs
    first: int

    def every(self, minutes: int) -> Asked:
        """Some of the minutes."""
        kept = [n for n, lesson in enumerate(self.lessons) if lesson.asked_ms // MINUTE_MS % minutes == 0]
        return Asked([self.lessons[n] for n in kept], self.day[kept], self.first)

    @property
    def judged(self) -> list[Lesson]:
        """Those that count."""
        return [lesson for lesson, day in zip(self.lessons, self.day.tolist(), strict=True) if day >= self.first]

    def before(self, day: int) -> tuple[np.ndarray, Flags]:
        """Features and answers of all days before one."""
        lessons = [lesson for lesson, of in zip(self.lessons, self.day.tolist(), strict=True) if of < day]
        return features_of(lessons), answers_of(lessons)


class _Heard:
    """Takes the place of a scorecard: keeps what was said."""

    def __init__(self) -> None:
        self.said: dict[int, Floats] = {}

    def add(self, chance: Floats, _: Flags, *, asked_ms: int, **__: object) -> None:
        self.said[asked_ms] = chance


class _Recorder:
    """A teacher that only listens."""

    def __init__(self) -> None:
        self.lessons: list[Lesson] = []

    def teach(self, lesson: Lesson) -> None:
        self.lessons.append(lesson)

    def view(self, minute_ms: int) -> View | None:  # noqa: ARG002 (a teacher is asked for a minute)
        return None


def features_of(lessons: Sequence[Lesson]) -> np.ndarray:
    return np.concatenate([lesson.features for lesson in lessons])


def answers_of(lessons: Sequence[Lesson]) -> Flags:
    return np.concatenate([lesson.answer for lesson in lessons])


def asked(name: str, era: str, first: int, advance: Step, limit: int | None) -> Asked:
    """The engine's own questions of a file."""
    with (DATA / "sectors.csv").open(newline="", encoding="utf-8") as file:
        sectors = {row["symbol"]: row["sector"] for row in csv.DictReader(file) if row["era"] == era and row["sector"]}
    with tempfile.TemporaryDirectory() as folder:
        sessions = calendar.load(Path(folder), SystemClock().wall_ms()).sessions
    teacher, nothing = _Recorder(), rules.load('[[rule]]\nname = "none"\nwhere = "close < 0"\n', "none")
    plan = Plan(nothing, rules.features(DEFAULT_FEATURES))
    engine = Engine(plan, sessions, teacher, Settings(sectors=Sectors(sectors)))
    source = open_bars(DATA / name, MINUTE_MS)
    for batch in source.batches():
        engine.step(batch)
        if limit and len(teacher.lessons) >= limit:
            break
    engine.advance(2**61)
    source.close()
    advance()
    days = np.array([lesson.asked_ms // _DAY_MS for lesson in teacher.lessons])
    return Asked(teacher.lessons, np.unique(days, return_inverse=True)[1], first if limit is None else 0)


def online(questions: Asked, recipes: Sequence[Recipe], advance: Step) -> tuple[list[Said], Model]:
    """The learner's own course over the lessons: what the engine would have said, and what each model would have."""
    model = Model(DEFAULT_FEATURES, Course("large_move", recipes=tuple(recipes)))
    heard = {name: _Heard() for name in model.names}
    model.cards = heard  # type: ignore[assignment]
    views: list[View] = []
    issued: dict[int, Floats] = {}
    learned_s = {recipe.name: 0.0 for recipe in recipes}
    for recipe, one in zip(recipes, model.members, strict=True):
        one.learn = _timed(one.learn, learned_s, recipe.name)  # type: ignore[method-assign]
    started = perf_counter()
    for lesson in questions.lessons:
        known = next((view for view in reversed(views) if view.minute_ms <= lesson.asked_ms - ISSUED_MS), None)
        if known is not None:
            issued[lesson.asked_ms] = known.score(lesson.features.astype(np.float64))
        context = (lesson.minute_ms, lesson.asked_ms, lesson.phase, lesson.base)
        views.append(model.learn(Questions(*context, lesson.features, lesson.sector, lesson.score, lesson.answer)))
        del views[:-30]
        advance()
    total_us = (perf_counter() - started) * 1e6 / sum(len(lesson.rows) for lesson in questions.lessons)
    rows = sum(len(lesson.rows) for lesson in questions.lessons)
    said = [Said("champion", joined(questions, issued), scoring_us(questions, model.view.score), total_us)]
    for name in model.names:
        learn_us = learned_s[name] * 1e6 / rows if name in learned_s else total_us
        said.append(Said(name, joined(questions, heard[name].said), _member_us(questions, model, name), learn_us))
    return said, model


def _timed(learn: Callable[..., None], spent_s: dict[str, float], name: str) -> Callable[..., None]:
    def run(*arguments: object) -> None:
        started = perf_counter()
        learn(*arguments)
        spent_s[name] += perf_counter() - started

    return run


def _member_us(questions: Asked, model: Model, name: str) -> float:
    """Of its compiled form, alone."""
    number = model.names.index(name)
    model.ladder.champion = number
    return scoring_us(questions, model._view(model.view.minute_ms).score)  # noqa: SLF001


def raw_logistic(questions: Asked, advance: Step) -> Said:
    """River's logistic regression as its introduction has it: one row after the other, features as they are."""
    names = list(DEFAULT_FEATURES)
    model, learned, said, spent_s = linear_model.LogisticRegression(optim.SGD(0.001)), 0, {}, 0.0
    lessons = questions.lessons
    for lesson in lessons:
        started = perf_counter()
        while lessons[learned].minute_ms <= lesson.asked_ms - ISSUED_MS:
            rows = np.nan_to_num(lessons[learned].features).astype(np.float64).tolist()
            for row, answer in zip(rows, lessons[learned].answer.tolist(), strict=True):
                model.learn_one(dict(zip(names, row, strict=True)), answer)
            learned += 1
        spent_s += perf_counter() - started
        table = pd.DataFrame(np.nan_to_num(lesson.features).astype(np.float64), columns=names)
        said[lesson.asked_ms] = model.predict_proba_many(table)[True].to_numpy()
        advance()
    count = sum(len(lesson.rows) for lesson in lessons[:learned])
    row = dict(zip(names, np.nan_to_num(lessons[0].features[0]).astype(float).tolist(), strict=True))
    started = perf_counter()
    for _ in range(1_000):
        model.predict_proba_one(row)
    score_us = (perf_counter() - started) * 1e3
    return Said("river_logistic_raw", joined(questions, said), score_us, spent_s * 1e6 / max(count, 1))


def trained_once(name: str, questions: Asked, train: Callable[..., offline.Trained]) -> Said:
    """Trained on the days before the first that is judged."""
    features, answer = questions.before(questions.first)
    started = perf_counter()
    model = train(features, answer)
    learn_us = (perf_counter() - started) * 1e6 / len(answer)
    return Said(name, model(features_of(questions.judged)), scoring_us(questions, model), learn_us)


def refitted(name: str, questions: Asked, train: Callable[..., offline.Trained], advance: Step) -> Said:
    """Trained anew before each day on all days before it."""
    parts, spent_s, rows = [], 0.0, 0
    for day in range(questions.first, int(questions.day.max()) + 1):
        features, answer = questions.before(day)
        started = perf_counter()
        model = train(features, answer)
        spent_s, rows = spent_s + perf_counter() - started, rows + len(answer)
        today = [lesson for lesson, of in zip(questions.lessons, questions.day.tolist(), strict=True) if of == day]
        parts.append(model(features_of(today)))
        advance()
    return Said(name, np.concatenate(parts), scoring_us(questions, model), spent_s * 1e6 / rows)


def joined(questions: Asked, said: dict[int, Floats]) -> Floats:
    """What was said to the judged questions; one half where nothing was."""
    parts = [said.get(lesson.asked_ms, np.full(len(lesson.rows), 0.5)) for lesson in questions.judged]
    return np.nan_to_num(np.concatenate(parts), nan=0.5)


def scoring_us(questions: Asked, score: Callable[..., Floats]) -> float:
    """Microseconds a row, of 10,000 together."""
    rows = np.resize(features_of(questions.lessons[-200:]), (SCORED, len(DEFAULT_FEATURES))).astype(np.float64)
    spent = []
    for _ in range(5):
        started = perf_counter()
        score(rows)
        spent.append(perf_counter() - started)
    return min(spent) * 1e6 / SCORED


def judged(said: Said, answer: Flags) -> Row:
    chance = np.clip(said.chance, _CERTAIN, 1.0 - _CERTAIN)
    likelihood = np.where(answer, chance, 1.0 - chance)
    top = np.argsort(-chance, kind="stable")[: max(1, len(chance) // TOP)]
    cost = [None if value is None else round(value, 3) for value in (said.us_score, said.us_learn)]
    figures = (auc(chance, answer), -np.log(likelihood).mean(), ((chance - answer) ** 2).mean())
    more = (calibration_error(chance, answer), answer[top].mean())
    return Row(said.name, *(round(float(value), 4) for value in (*figures, *more)), *cost)


def auc(chance: Floats, answer: Flags) -> float:
    """By exact ranks; ties share them."""
    _, place, count = np.unique(chance, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    yes = int(answer.sum())
    return float((ranks[answer].sum() - yes * (yes + 1) / 2) / (yes * (len(answer) - yes)))


def calibration_error(chance: Floats, answer: Flags) -> float:
    """Mean distance of predicted from true share, over 20 bins of equal width, by how many are in each."""
    place = np.minimum((chance * _BINS).astype(np.int64), _BINS - 1)
    said, came = (np.bincount(place, column, minlength=_BINS) for column in (chance, answer.astype(np.float64)))
    return float(np.abs(said - came).sum() / len(answer))


def answer(file: tuple[str, str, int], progress: Progress, *, quick: bool) -> list[Row]:
    """All learners on one file."""
    name, era, first = file
    task = progress.add_task(name, total=None)

    def advance() -> None:
        progress.advance(task)

    whole = asked(name, era, first, advance, 120 if quick else None)
    some = whole.every(EVERY)
    progress.update(task, total=2 * len(whole.lessons) + len(some.lessons) + 12)
    fast, _ = online(whole, DEFAULT_LADDER, advance)
    base = np.concatenate([np.full(len(lesson.rows), lesson.base) for lesson in whole.judged])
    everywhere = [*fast, Said("base_rate_by_phase", base), raw_logistic(whole, advance)]
    slow, _ = online(some, SLOW[:4] if quick else SLOW, advance)
    seldom = [said._replace(name=f"{said.name} (every 5th minute)") for said in slow if said.name != "champion"]
    if not quick:
        everywhere += [
            trained_once("logistic_offline", whole, offline.logistic),
            trained_once("lightgbm_offline", whole, offline.boosted),
            refitted("lightgbm_refitted_daily", whole, offline.boosted, advance),
        ]
        once = trained_once("", some, offline.boosted)
        seldom.append(once._replace(name="lightgbm_offline (every 5th minute)"))
    truth, fewer = answers_of(whole.judged), answers_of(some.judged)
    return [*(judged(said, truth) for said in everywhere), *(judged(said, fewer) for said in seldom)]


def show(title: str, rows: Sequence[Row], console: Console) -> None:
    table = Table(*msgspec.structs.asdict(rows[0]), title=title, title_justify="left")
    for row in rows:
        name, *figures = msgspec.structs.astuple(row)
        table.add_row(name, *("" if value is None else f"{value:,.4g}" for value in figures))
    console.print(table)


def main() -> None:
    """Judge all learners on both files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two hours, and no peers: for the form of the answer only")
    given = parser.parse_args()
    if missing := [name for name, _, _ in FILES if not (DATA / name).exists()]:
        parser.exit(66, f"{DATA} has no {', '.join(missing)}: set TECHNIC_DATA to the folder of the real bars\n")
    console, facts = Console(stderr=True, width=150), machine.facts()
    found: dict[str, list[Row]] = {}
    with Progress(console=console, transient=True) as progress:
        for file in FILES[:1] if given.quick else FILES:
            found[file[0]] = answer(file, progress, quick=given.quick)
    for name, rows in found.items():
        show(name, rows, console)
    results, *others = found.values()
    more = {"more": dict(zip(list(found)[1:], others, strict=True))} if others else {}
    print(msgspec.json.format(msgspec.json.encode({"machine": facts, "results": results, **more})).decode())


if __name__ == "__main__":
    main()
