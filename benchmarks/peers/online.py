"""River as it is used online: a dictionary a symbol, scored one by one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from river.linear_model import LogisticRegression
from river.preprocessing import StandardScaler

from benchmarks.peers.values import FEATURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class OnlineScore:
    """Standard scaling and logistic regression, taught on `rows` with answers drawn by lot."""

    def __init__(self, rows: Iterable[Sequence[float]]) -> None:
        lot = random.Random(7)  # noqa: S311 (no secret)
        self._model = StandardScaler() | LogisticRegression()
        for row in rows:
            self._model.learn_one(dict(zip(FEATURES, row, strict=False)), lot.random() < 0.36)

    def score(self, all_values: Iterable[Sequence[float]]) -> list[float]:
        """Probability of yes for each symbol; its first 24 values, as they are, are the features."""
        ask = self._model.predict_proba_one
        return [ask(dict(zip(FEATURES, values, strict=False)))[True] for values in all_values]
