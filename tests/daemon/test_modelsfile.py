from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon import modelsfile
from daemon.engine.errors import RuleErrors
from daemon.engine.vocabulary import Vocabulary
from daemon.modelsfile import Learned
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.recipes import DEFAULT_LADDER, Recipe
from daemon.scoring.targets import Target

DOCS = Path(__file__).parents[2] / "docs"


def load(text: str) -> Learned:
    return modelsfile.load(text, "models.toml", Vocabulary())


def mistakes(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as refused:
        load(text)
    return str(refused.value).splitlines()


def test_what_a_file_leaves_out_is_as_it_comes() -> None:
    assert load("") == Learned(tuple(DEFAULT_FEATURES), tuple(DEFAULT_LADDER))
    assert load('features = ["rsi(14)"]').recipes == tuple(DEFAULT_LADDER)
    assert load('[[model]]\nname = "a"\nrate = 0.5').recipes == (Recipe("a", rate=0.5),)


def test_the_example_of_the_page_is_a_file() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (DOCS / "learning.md").read_text(), re.DOTALL)
    learned = load(example)
    assert [recipe.name for recipe in learned.recipes] == ["logistic", "adagrad", "trees"]
    assert len(learned.features) == 4
    assert [target.name for target in learned.targets] == ["large_move", "up", "squeeze"]


def test_the_page_lists_every_key_of_a_model_and_of_a_target() -> None:
    page = (DOCS / "learning.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\|$", page.split("Of a `[[model]]`")[1].split("## State")[0], re.MULTILINE)
    assert rows == [*Recipe.__struct_fields__, *Target.__struct_fields__]


def test_only_a_question_names_the_future() -> None:
    ahead = '[[target]]\nname = "a"\nquestion = "future_high > 1.02 * close"'
    assert load(ahead).targets == (Target("a", "future_high > 1.02 * close"),)
    (found,) = [line for line in mistakes(f'{ahead}\nwhere = "future_low > 1"') if "future" in line]
    assert 'unknown name "future_low"' in found
    assert any("future_low" in line for line in mistakes('features = ["future_low / close"]'))


def test_all_mistakes_come_at_once_with_their_places() -> None:
    text = """features = [
  "rsi(14)",
  "rsy(14)",
  "rsi(14, 0)",
  "score * 2",
  "rsi( 14 )",
  7,
]
learn = true

[[model]]
name = "a"
rate = 5
kind = "forest"
sise = 3

[[model]]
kind = "amf"

[[model]]
name = "ensemble"
"""
    found = mistakes(text)
    assert [line.split(":")[1] for line in found] == ["3", "4", "5", "6", "7", "9", "13", "14", "15", "17", "21"]
    assert "did you mean" in found[0]
    assert "there already" in found[3]
    assert 'models.toml:15:1: unknown key "sise"; did you mean "size"?' in found


def test_a_targets_mistakes_are_told_where_they_stand() -> None:
    text = """[[target]]
name = "a"
question = "close >> 3"
where = "sesion == 'regular'"
horizon_minutes = 500

[[target]]
name = "a"
question = "close"
"""
    assert [line.split(":")[1] for line in mistakes(text)] == ["3", "4", "5", "8", "9"]


@pytest.mark.parametrize(
    "text", ["features = []", "features = 3", "model = 1", "model = []", "this is no TOML", "x" * 1_000_001]
)
def test_what_is_no_such_file_is_one_mistake(text: str) -> None:
    assert len(mistakes(text)) == 1


def test_a_mistake_of_a_target_hides_no_other() -> None:
    text = """[[target]]
name = "a"
question = "close >> 3"
horizon_minutes = 500
"""
    assert [line.split(":")[1] for line in mistakes(text)] == ["3", "4"]


def test_models_without_names_are_not_named_none() -> None:
    found = mistakes("[[model]]\nrate = 0.1\n\n[[model]]\nrate = nan\n")
    assert [line.split(":")[1] for line in found] == ["1", "4", "5"]
    assert not any("None" in line for line in found)
