"""What people are shown of a model is what its scorecard tells."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from daemon.scoring.modelfigures import ModelFigures, figures_of, ranked
from daemon.scoring.scorecard import Grade, Scorecard
from tests.daemon.scoring.test_scorecard import Minute, card, market


def test_figures_are_those_of_the_card() -> None:
    made = card(*(Minute(*market(seed, 500), phase=seed, sector=2 * seed, day=seed) for seed in range(9)))
    told = figures_of(made, name="logistic", target="large_move", role="challenger", lessons=9)
    assert (told.name, told.target, told.role, told.lessons) == ("logistic", "large_move", "challenger", 9)
    for name in Grade._fields:
        assert getattr(told, name) == getattr(made.since_start(), name)
        assert getattr(told, f"rolling_{name}") == getattr(made.rolling(), name)
    assert (told.questions, told.rolling_questions) == (4500, 2500)
    assert [part.number for part in told.by_phase] == list(range(9))
    assert [part.number for part in told.by_sector] == list(range(0, 18, 2))
    assert sum(one.questions for one in told.calibration) == 4500
    assert [one.day for one in told.sessions] == list(range(9))


@pytest.mark.parametrize("made", [Scorecard(), card(Minute(*market(1, 1)))], ids=["nothing", "one question"])
def test_what_is_not_known_is_none_and_figures_survive_json(made: Scorecard) -> None:
    told = figures_of(made, name="logistic", target="large_move", role="champion", lessons=0)
    assert told.auc is None
    assert msgspec.json.decode(msgspec.json.encode(told), type=ModelFigures) == told


def test_models_are_ranked_by_target_role_and_log_loss() -> None:
    def told(name: str, target: str, role: Any, spread: float = 1.0) -> ModelFigures:
        made = card(Minute(*market(1, 500, 0, spread))) if spread else Scorecard()
        return figures_of(made, name=name, target=target, role=role, lessons=0)

    found = ranked(
        [
            told("unsure", "up", "challenger", 0.5),
            told("new", "up", "challenger", 0),
            told("sure", "up", "challenger", 4.0),
            told("said", "down", "issued"),
            told("out", "up", "benched"),
            told("best", "up", "champion"),
            told("first", "down", "champion"),
        ]
    )
    assert [one.name for one in found] == ["best", "sure", "unsure", "new", "out", "said", "first"]
