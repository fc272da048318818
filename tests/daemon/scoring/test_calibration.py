from __future__ import annotations

import numpy as np
import pytest

from daemon.scoring.calibration import LEAST, MOST, Calibration
from daemon.scoring.errors import StateError


def test_it_changes_nothing_at_first_and_mends_what_is_too_sure() -> None:
    calibration, random = Calibration(), np.random.default_rng(1)
    assert (calibration.slope, calibration.shift) == (1.0, 0.0)
    for _ in range(6_000):
        logit = random.normal(0.0, 2.0, 60)
        answer = random.random(60) < 1.0 / (1.0 + np.exp(-0.5 * logit + 0.3))
        calibration.learn(logit, answer)
    assert calibration.slope == pytest.approx(0.5, abs=0.1)
    assert calibration.shift == pytest.approx(-0.3, abs=0.1)


def test_slope_and_shift_stay_within_their_bounds() -> None:
    calibration = Calibration()
    for _ in range(20_000):
        calibration.learn(np.array([13.0, -13.0]), np.array([False, True]))
    assert calibration.slope == LEAST
    assert abs(calibration.shift) <= MOST


def test_it_goes_on_from_its_numbers_and_from_no_others() -> None:
    calibration = Calibration()
    calibration.load_arrays({"numbers": np.array([0.7, 0.2])})
    assert calibration.to_arrays()["numbers"].tolist() == [0.7, 0.2]
    for numbers in ([0.7], [0.0, 0.0], [1.0, np.nan], [np.inf, 0.0]):
        with pytest.raises(StateError):
            calibration.load_arrays({"numbers": np.array(numbers)})
