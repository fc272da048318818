from __future__ import annotations

import numpy as np
import pytest

from daemon.scoring.drift import MOST, Detector


def found(detector: Detector, mean: float, lessons: int, seed: int = 1) -> list[str]:
    values = np.random.default_rng(seed).normal(mean, 0.05, lessons).tolist()
    return [what for value in values if (what := detector.add(value))]


def test_a_loss_that_stays_as_it_is_is_no_drift() -> None:
    assert found(Detector(), -0.03, 6_000) == []


def test_a_loss_that_rises_is_found_and_one_that_falls_is_not() -> None:
    detector = Detector()
    assert found(detector, -0.03, 800) == []
    assert found(detector, -0.10, 800) == []
    assert found(detector, 0.05, 400)[0] in {"ADWIN", "Page-Hinkley"}


@pytest.mark.parametrize("before", [10, 700, MOST + 50])
def test_a_detector_of_a_new_process_stands_where_the_old_one_stood(before: int) -> None:
    old, new = Detector(), Detector()
    found(old, -0.03, before)
    new.load_arrays(old.to_arrays())
    values = np.random.default_rng(2).normal(0.04, 0.05, 900).tolist()
    assert [old.add(value) for value in values] == [new.add(value) for value in values]
