"""The picture of a target's models takes any figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.modelchart import COLOURS, DAY, MOST_MODELS, _lines, draw, drawn
from daemon.scoring.modelfigures import figures_of
from daemon.scoring.scorecard import Scorecard
from tests.daemon.scoring.test_scorecard import Minute, card, market
from tests.daemon.test_charts import size

if TYPE_CHECKING:
    from daemon.scoring.modelfigures import ModelFigures, Role


def model(name: str, role: Role = "challenger", days: int = 8, lean: float = -1.0, truth: float = 1.0) -> ModelFigures:
    made = card(*(Minute(*market(day, 300, lean, 1.0, truth), day=20_000 + day) for day in range(days)))
    return figures_of(made, name=name, target="large_move", role=role, lessons=days)


def texts(*models: ModelFigures) -> list[str]:
    """All that is written in the picture."""
    from matplotlib.text import Text

    return [text.get_text() for text in drawn(models).findobj(Text)]


def test_the_picture_is_a_png_that_is_the_same_for_the_same_figures() -> None:
    models = [model("blend", "champion"), model("forest", truth=0.5), model("alma", "benched", truth=-1)]
    assert size(draw(models)) == (1200, 600)
    assert draw(models) == draw(models)


def test_it_tells_the_target_and_every_model_with_its_figures() -> None:
    blend, forest = model("blend", "champion"), model("forest", "benched")
    told = texts(forest, blend)
    assert {"large_move", "blend (champion)", "forest (benched)", "where predictions of blend lie"} <= set(told)
    assert f"log loss {blend.log_loss:.4f}, AUC {blend.auc:.3f}" in told
    (head,) = (text for text in told if text.startswith("2,400 questions answered, "))
    assert head.endswith("% yes; 8 sessions, 2024-10-04 to 2024-10-11; predictions as issued")


def test_of_too_many_models_those_of_the_highest_log_loss_are_left_out() -> None:
    models = [model(f"model {number}", truth=1 - number / 10) for number in range(MOST_MODELS + 2)]
    worst = max(models, key=lambda one: one.log_loss or 0)
    told = texts(*models)
    assert "and 2 models of higher log loss" in told
    assert worst.name not in told
    assert len(COLOURS) < MOST_MODELS


def test_one_bad_model_does_not_press_the_others_into_a_line() -> None:
    good, bad = model("good", "champion"), model("bad", lean=-3.0, truth=-1)
    _, _, losses, gains = drawn([good, bad]).axes
    assert losses.get_ylim()[1] < 1.2 * max(one.base_log_loss for one in good.sessions + bad.sessions)
    assert gains.get_ylim()[0] == -0.1


@pytest.mark.parametrize("role", ["champion", "issued"])
@pytest.mark.parametrize("days", [0, 1, 2, 70])
def test_any_number_of_sessions_can_be_drawn(role: Role, days: int) -> None:
    told = texts(model("one", role, days))
    assert ("no prediction has been judged yet" in told) == (days == 0)


def test_one_probability_for_all_can_be_drawn() -> None:
    flat = card(Minute(np.full(50, 0.25), np.arange(50) < 10))
    empty = figures_of(Scorecard(), name="new", target="large_move", role="champion", lessons=0)
    told = texts(empty, figures_of(flat, name="flat", target="large_move", role="challenger", lessons=1))
    assert {"new (champion)", "nothing judged yet", "where predictions of flat lie"} <= set(told)


def test_a_name_in_any_script_and_of_any_length_stays_in_its_column() -> None:
    told = texts(model("$x_1^{2}$ " + "long " * 20, "champion"))
    assert all(len(text) <= 29 for text in told if text.startswith("$x_1"))


def test_what_was_issued_does_not_hide_the_champion() -> None:
    issued, blend = model("issued", "issued"), model("blend", "champion")
    told = texts(issued, blend)
    assert {"where predictions of blend lie", "blend (champion)", "issued (whoever spoke)"} <= set(told)
    (first, second) = _lines([issued, blend])
    assert (first.model, second.model) == (blend, issued)
    assert (second.style, second.colour) == (":", DAY.text)
