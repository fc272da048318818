from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.scoring.errors import StateError
from daemon.scoring.ladder import BASE, BLOCK, ENOUGH, Ladder

if TYPE_CHECKING:
    from daemon.scoring.ladder import Change


def seasoned(names: list[str]) -> Ladder:
    """With a first session behind it, which benches nobody."""
    ladder = Ladder(names)
    judged(ladder, [0.66] * len(names), 100, session=0)
    return ladder


def judged(ladder: Ladder, losses: list[float], lessons: int, session: int = 1, seed: int = 0) -> list[Change]:
    random = np.random.default_rng(seed)
    changes: list[Change] = []
    for _ in range(lessons):
        noise = random.normal(0.0, 0.02)
        changes += ladder.add(np.array(losses) + noise + random.normal(0.0, 0.002, len(losses)), 0.64 + noise, session)
    return changes


def test_a_challenger_that_is_better_for_long_enough_is_promoted_and_not_before() -> None:
    ladder = Ladder(["old", "new"])
    assert judged(ladder, [0.62, 0.60], BLOCK * (ENOUGH - 1)) == []
    (change,) = judged(ladder, [0.62, 0.60], BLOCK)
    assert (change.kind, change.model, change.by) == ("promoted", "old", "new")
    assert ladder.standing(1) == "champion"


def test_of_models_that_are_alike_none_is_promoted() -> None:
    assert judged(Ladder(["a", "b", "c"]), [0.6, 0.6, 0.6], BLOCK * 40) == []


def test_a_champion_worse_than_the_base_rate_over_a_session_is_benched_and_comes_back() -> None:
    ladder = seasoned(["a", "b"])
    judged(ladder, [0.66, 0.66], 200, session=1)
    (change,) = judged(ladder, [0.60, 0.61], 200, session=2)
    assert (change.kind, change.by, ladder.speaker) == ("benched", BASE, BASE)
    (change,) = judged(ladder, [0.60, 0.61], 1, session=3)
    assert (change.kind, change.by) == ("restored", "a")


def test_a_benched_champion_gives_way_to_one_that_was_better_than_the_base_rate() -> None:
    ladder = seasoned(["a", "b", "c"])
    judged(ladder, [0.66, 0.63, 0.62], 200, session=1)
    (change,) = judged(ladder, [0.66, 0.63, 0.62], 1, session=2)
    assert (change.kind, change.model, change.by) == ("benched", "a", "c")


def test_the_first_session_of_all_benches_nobody() -> None:
    ladder = Ladder(["a"])
    judged(ladder, [0.9], 200, session=1)
    assert judged(ladder, [0.9], 200, session=2) == []
    assert [change.kind for change in judged(ladder, [0.9], 1, session=3)] == ["benched"]


def test_a_session_of_a_few_lessons_benches_nobody() -> None:
    ladder = seasoned(["a"])
    judged(ladder, [0.9], 20, session=1)
    judged(ladder, [0.6], 1, session=1)
    assert judged(ladder, [0.9], 1, session=2) == []


def test_weights_go_to_the_better_one_and_come_back_when_it_turns() -> None:
    ladder = Ladder(["a", "b"])
    judged(ladder, [0.60, 0.66], 390)
    assert ladder.weights(2)[0] > 0.85
    judged(ladder, [0.66, 0.60], 390)
    assert ladder.weights(2)[1] > 0.8
    assert ladder.weights(2).sum() == pytest.approx(1.0)


def test_models_that_had_not_scored_are_neither_better_nor_worse() -> None:
    ladder = Ladder(["a", "b"])
    assert judged(ladder, [0.60, np.nan], BLOCK * 30) == []
    assert np.isfinite(ladder.weights(2)).all()


def test_a_saved_ladder_goes_on_alike() -> None:
    whole, first, second = Ladder(["a", "b"]), Ladder(["a", "b"]), Ladder(["a", "b"])
    for part in (whole, first):
        judged(part, [0.62, 0.60], 500)
    second.load_arrays(first.to_arrays())
    changes = [judged(part, [0.62, 0.60], 500, seed=1) for part in (whole, second)]
    assert changes[0] == changes[1] != []
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*map(_state, (whole, second)), strict=True))


def _state(ladder: Ladder) -> list[np.ndarray]:
    return list(ladder.to_arrays().values())


def test_the_state_of_other_models_is_refused() -> None:
    with pytest.raises(StateError):
        Ladder(["a", "b"]).load_arrays(Ladder(["a"]).to_arrays())
    arrays = Ladder(["a"]).to_arrays()
    with pytest.raises(StateError, match="champion"):
        Ladder(["a"]).load_arrays({**arrays, "champion": np.array([7])})


def test_after_a_restart_the_base_rate_gives_way_to_the_one_that_spoke_at_the_start() -> None:
    whole, restarted = seasoned(["a", "b"]), Ladder(["a", "b"])
    judged(whole, [0.66, 0.66], 200, session=1)
    judged(whole, [0.60, 0.59], 200, session=2)
    assert whole.speaker == BASE
    restarted.load_arrays(whole.to_arrays())
    changes = [judged(part, [0.60, 0.59], 1, session=3) for part in (whole, restarted)]
    assert changes[0] == changes[1]
    assert restarted.speaker == "a"


@pytest.mark.parametrize(
    ("name", "place", "hostile"),
    [
        ("weights", 0, np.nan),
        ("weights", 0, -1.0),
        ("weights", slice(None), 0.0),
        ("weights", slice(None), 1e300),
        ("block", (0, 0), np.inf),
        ("session", (0, 0), np.nan),
        ("blocks", (0, 0), np.inf),
        ("at", 1, BLOCK),
        ("at", 1, -1),
        ("at", 0, -1),
    ],
)
def test_numbers_that_no_ladder_can_have_are_refused(name: str, place: object, hostile: float) -> None:
    arrays = {key: array.copy() for key, array in seasoned(["a", "b"]).to_arrays().items()}
    arrays[name][place] = hostile
    with pytest.raises(StateError):
        Ladder(["a", "b"]).load_arrays(arrays)


def test_while_the_base_rate_speaks_all_models_are_benched() -> None:
    ladder = seasoned(["a", "b"])
    judged(ladder, [0.66, 0.66], 200, session=1)
    judged(ladder, [0.66, 0.66], 1, session=2)
    assert [ladder.standing(number) for number in (0, 1)] == ["benched", "benched"]
