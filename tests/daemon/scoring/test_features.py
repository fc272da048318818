from __future__ import annotations

from daemon.engine import rules
from daemon.scoring.features import DEFAULT_FEATURES, fingerprint


def test_every_default_feature_is_a_checked_expression_of_the_rule_language() -> None:
    assert len(rules.features(DEFAULT_FEATURES)) == len(DEFAULT_FEATURES)


def test_no_default_feature_stands_there_twice() -> None:
    assert len(set(DEFAULT_FEATURES)) == len(DEFAULT_FEATURES)


def test_the_fingerprint_knows_features_and_their_order() -> None:
    prints = {fingerprint(features).tobytes() for features in (["a", "b"], ["b", "a"], ["a"], ["a\nb", ""])}
    assert len(prints) == 4
