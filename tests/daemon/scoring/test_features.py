from __future__ import annotations

import pytest

from daemon.engine.language import parse
from daemon.scoring.features import DEFAULT_FEATURES, fingerprint


@pytest.mark.parametrize("text", DEFAULT_FEATURES)
def test_every_default_feature_is_an_expression_of_the_rule_language(text: str) -> None:
    parse(text)


def test_no_default_feature_stands_there_twice() -> None:
    assert len(set(DEFAULT_FEATURES)) == len(DEFAULT_FEATURES)


def test_the_fingerprint_knows_features_and_their_order() -> None:
    prints = {fingerprint(features).tobytes() for features in (["a", "b"], ["b", "a"], ["a"], ["a\nb", ""])}
    assert len(prints) == 4
