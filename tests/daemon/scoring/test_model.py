from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from daemon import statefile
from daemon.scoring import members
from daemon.scoring.features import DEFAULT_FEATURES, VERSION_1
from daemon.scoring.ladder import BASE
from daemon.scoring.link import Link
from daemon.scoring.model import Model, Questions
from daemon.scoring.recipes import DEFAULT_LADDER, ENSEMBLE, Course, Recipe
from daemon.scoring.scorecard import DAY_MS, Scorecard
from daemon.scoring.view import logit_of, probability
from tests.daemon.scoring.lessons import NAMES, lessons, questions

LADDER = Course("large_move", recipes=tuple(DEFAULT_LADDER), memory_rows=2_000)
TREES = Course("x", recipes=(Recipe("logistic"), Recipe("amf", "amf", size=3, rows=20)), memory_rows=2_000)


def taught(course: Course, count: int, seed: int = 7) -> Model:
    model = Model(NAMES, course)
    for lesson in lessons(count, seed=seed):
        model.learn(questions(lesson))
    return model


def numbers(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


def test_it_learns_what_the_features_tell() -> None:
    model = taught(LADDER, 400)
    view = model.view
    assert np.abs(view.contributions(np.full((1, 6), 5.0))).argmax() == 0
    assert view.additive.slopes[-1] == 0.0
    assert (view.lessons, model.lessons, model.refused) == (400, 400, 0)
    assert model.cards[ENSEMBLE].since_start().auc > 0.7


def test_the_same_lessons_give_the_same_state_bit_for_bit() -> None:
    assert numbers(taught(LADDER, 60).to_arrays()) == numbers(taught(LADDER, 60).to_arrays())


@pytest.mark.parametrize("at", [0, 1, 10, 45])
def test_a_saved_model_goes_on_bit_for_bit(at: int) -> None:
    whole, first, second = (Model(NAMES, LADDER) for _ in range(3))
    for number, lesson in enumerate(lessons(60)):
        if number == at:
            assert second.load_arrays(first.to_arrays()) == []
            second.memory._rows[:] = first.memory._rows
        whole.learn(questions(lesson))
        (first if number < at else second).learn(questions(lesson))
    assert numbers(second.to_arrays()) == numbers(whole.to_arrays())


def test_the_ensembles_compiled_score_is_the_weighted_mean_of_rivers_own_logits() -> None:
    model = taught(TREES, 40)
    raw = np.random.default_rng(3).normal(1.0, 2.0, (50, 6))
    raw[3, 2], raw[4, 1] = np.nan, 1e308
    rows = model.scaler.transform_many(pd.DataFrame(raw, columns=list(NAMES))).to_numpy()
    logits = [
        one.slope * logit_of(part.chance(rows)) + one.shift
        for part, one in zip(model.members, model.calibrations, strict=True)
    ]
    expected = probability(model.ladder.weights(2) @ np.array(logits))
    assert model.view.champion == ENSEMBLE
    assert model.view.score(raw) == pytest.approx(expected, abs=1e-9)


def test_models_are_judged_by_what_they_would_have_said_when_asked() -> None:
    """The champion's card is that of an engine that used each view from its minute on."""
    model, views, issued = Model(NAMES, LADDER), [], Scorecard()
    for lesson in lessons(80):
        known = [view for view in views if view.minute_ms <= lesson.asked_ms - 180_000]
        score = known[-1].score(lesson.features.astype(np.float64)) if known else np.full(40, np.nan)
        issued.add(score, lesson.answer, base=0.5, phase=0, sector=lesson.sector, asked_ms=lesson.asked_ms)
        views.append(model.learn(questions(lesson)))
    said, shadow = issued.since_start(), model.cards[ENSEMBLE].since_start()
    assert said.questions == shadow.questions > 2_000
    assert shadow.log_loss == pytest.approx(said.log_loss, rel=1e-9)


def test_what_no_state_can_hold_is_learned_again_from_memory(tmp_path: Path) -> None:
    model = Model(NAMES, TREES, tmp_path / "x.memory")
    for lesson in lessons(40):
        model.learn(questions(lesson))
    again, seen = Model(NAMES, TREES, tmp_path / "x.memory"), []
    anew = again.load_arrays(model.to_arrays())
    assert anew == [1]
    again.relearn(anew, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (model.memory.known, model.memory.known)
    assert again.members[1].chance(np.ones((1, 6)))[0] != 0.5


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e30])
def test_poisoned_values_count_as_missing_and_never_reach_the_state(poison: float) -> None:
    poisoned, missing = Model(NAMES, LADDER), Model(NAMES, LADDER)
    for lesson in lessons(30):
        features = lesson.features.astype(np.float64)
        features[::5, 1] = poison
        poisoned.learn(questions(lesson._replace(features=features)))
        features[::5, 1] = np.nan
        missing.learn(questions(lesson._replace(features=features)))
    kept = [numbers(model.to_arrays()) for model in (poisoned, missing)]
    assert {name for name in kept[0] if kept[0][name] != kept[1][name]} <= {"counts"}
    assert poisoned.refused == (0 if np.isnan(poison) else 8 * 30)
    assert [news.kind for news in poisoned.told].count("refused") == (0 if np.isnan(poison) else 1)


def test_an_empty_lesson_changes_nothing_but_the_count() -> None:
    model = taught(LADDER, 3)
    before = model.view
    empty = np.zeros(0)
    nothing = Questions(9, 8, 0, 0.5, np.zeros((0, 6), np.float32), empty.astype(int), empty, empty.astype(bool))
    after = model.learn(nothing)
    assert (after.lessons, after.minute_ms) == (4, 9)
    assert after.additive.slopes.tobytes() == before.additive.slopes.tobytes()


def test_a_model_that_is_worse_than_the_base_rate_stops_speaking() -> None:
    model = Model(NAMES, Course("x", recipes=(Recipe("wild", rate=1.0, rehearsal=0),), memory_rows=0))
    random, day_ms = np.random.default_rng(1), 86_400_000
    for day in range(1, 4):
        for lesson in lessons(200 if day < 3 else 1):
            later = {"minute_ms": lesson.minute_ms + day * day_ms, "asked_ms": lesson.asked_ms + day * day_ms}
            model.learn(questions(lesson._replace(answer=random.random(40) < 0.3, base=0.3, **later)))
    assert [news.kind for news in model.told][-1] == "benched"
    assert model.view.champion == BASE
    assert model.view.score(np.full((1, 6), 9.0))[0] == pytest.approx(0.3, abs=0.05)


def test_a_state_of_other_features_gives_what_it_knows_of_those_that_stayed() -> None:
    old = taught(LADDER, 100)
    names = [*NAMES[1:4], "new", NAMES[0]]
    model = Model(names, LADDER)
    model.adopt(old.to_arrays(), "other features")
    assert np.array(model.scaler.moments)[1, [0, 1, 2, 4]].tolist() == old.scaler.moments.mean[[1, 2, 3, 0]].tolist()
    slopes, olds = (one.members[0].compiled().slopes for one in (model, old))
    assert slopes.tolist() == [*olds[1:4], 0.0, olds[0]]
    assert model.told[-1].kind == "adopted"


def test_a_hostile_state_is_refused_and_all_is_learned_anew() -> None:
    model = Model(NAMES, LADDER)
    for arrays in (
        {},
        {"spec": np.frombuffer(b"[1", np.uint8)},
        {"spec": np.zeros(3, np.uint8), "moments": np.zeros(4)},
    ):
        model.adopt(arrays, "no state")
    assert [news.kind for news in model.told] == ["refused"] * 3
    assert model.view.score(np.ones((1, 6)))[0] == 0.5


def test_a_state_that_version_1_saved_still_teaches() -> None:
    """Kept as version 1 wrote it: one linear model of its 24 features, two of which are gone."""
    saved = statefile.read(Path(__file__).parent / "states" / "version-1.state")
    assert saved is not None
    link = Link(DEFAULT_FEATURES, None, courses=[LADDER])  # type: ignore[arg-type]
    link.load_arrays({name.removeprefix("link/"): array for name, array in saved.items()})
    model = Model(DEFAULT_FEATURES, LADDER)
    model.adopt({name.removeprefix("0/"): array for name, array in link._state.items()}, "version 1")
    known = set(DEFAULT_FEATURES) & set(VERSION_1)
    assert (len(known), model.told[-1].kind) == (22, "adopted")
    numbers_of = saved["link/numbers"][0][1:].reshape(4, 24)
    compiled = model.members[0].compiled()
    for name in known:
        old, new = VERSION_1.index(name), DEFAULT_FEATURES.index(name)
        assert compiled.slopes[new] == numbers_of[0, old]
        assert model.scaler.moments.mean[new] == numbers_of[2, old]


@pytest.mark.parametrize("course", [LADDER, TREES])
def test_rehearsal_begins_anew_where_memory_was_lost_and_that_is_told(course: Course) -> None:
    model = Model(NAMES, course)
    for lesson in lessons(20):
        model.learn(questions(lesson._replace(answer=np.ones(40, np.bool_))))
    again = Model(NAMES, course)
    anew = again.load_arrays(model.to_arrays())
    assert [(news.kind, "begins anew" in news.what) for news in again.told] == [("refused", True)]
    again.relearn(anew)
    for lesson in lessons(5):
        again.learn(questions(lesson._replace(answer=np.ones(40, np.bool_))))
    assert again.memory.draw(200, 1).answer.all()
    assert again.view.score(np.ones((1, 6)))[0] > model.view.score(np.ones((1, 6)))[0]


def test_a_memory_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    model = Model(NAMES, LADDER, tmp_path / "file" / "x.memory")
    assert [news.kind for news in model.told] == ["refused"]
    assert "x.memory" in model.told[0].what


def test_what_was_refused_is_told_by_name_once_a_session() -> None:
    model = Model(NAMES, LADDER)
    for day in range(1, 4):
        for lesson in lessons(3):
            features = lesson.features.astype(np.float64)
            features[:2, 1], features[4, 3] = np.inf, 1e12
            later = {"minute_ms": lesson.minute_ms + day * DAY_MS, "asked_ms": lesson.asked_ms + day * DAY_MS}
            model.learn(questions(lesson._replace(features=features, **later)))
    told = [news for news in model.told if news.kind == "refused"]
    assert [news.minute_ms // DAY_MS for news in told] == [1, 2, 3]
    assert "feature 1 (2), feature 3 (1)" in told[0].what
    assert model.refused == 27


def test_a_step_that_was_taken_back_is_counted_and_told_once_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MAX_WEIGHT", 0.01)
    model = taught(LADDER, 30)
    assert model.taken_back > 3
    assert len({news.model for news in model.told}) == len(model.told)
    assert {(news.kind, "taken back" in news.what) for news in model.told} == {("refused", True)}


@pytest.mark.parametrize(
    ("recipe", "promised"),
    [(Recipe("a"), True), (Recipe("a", optimizer="adam"), False), (Recipe("a", "hoeffding-tree"), False)],
)
def test_a_drift_promises_no_more_than_the_model_can_keep(recipe: Recipe, promised: bool) -> None:
    model = Model(NAMES, Course("x", recipes=(recipe,), memory_rows=0))
    for minute in range(200):
        model._watch(0, 0.0 if minute < 100 else 2.0, minute)
    what = next(news.what for news in model.told if news.kind == "drift")
    assert ("learns 2 times as fast" in what) == promised
