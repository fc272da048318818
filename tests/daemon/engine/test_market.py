from __future__ import annotations

import numpy as np
import pytest

from daemon.engine.errors import StateError
from daemon.engine.market import MINUTES, Market
from streams.bars import MINUTE_MS

OPEN = 1_736_173_800_000
DAY = 86_400_000


def close(market: Market, minute: int, closes: dict[int, float], session_ms: int = OPEN) -> float:
    rows = np.array(list(closes), np.int64)
    market.close_minute(session_ms + minute * MINUTE_MS, session_ms, rows, np.array(list(closes.values()), float))
    return market.level


def test_the_level_moves_by_the_mean_return_and_what_is_quiet_has_not_moved() -> None:
    market = Market()
    assert close(market, 0, {0: 10.0, 1: 20.0}) == 1.0
    assert close(market, 1, {0: 11.0, 1: 20.0}) == pytest.approx(1.05)
    assert close(market, 2, {1: 22.0}) == pytest.approx(1.05 * 1.05)
    assert close(market, 3, {}) == pytest.approx(1.05 * 1.05)
    assert close(market, 4, {5: 7.0}) == pytest.approx(1.05 * 1.05)
    assert close(market, 5, {5: 7.7}) == pytest.approx(1.05 * 1.05 * (1 + 0.1 / 3))


def test_what_happens_between_sessions_does_not_move_the_level() -> None:
    market = Market()
    close(market, 0, {0: 10.0})
    assert close(market, 0, {0: 1.0}, OPEN + DAY) == 1.0
    assert close(market, 1, {0: 1.1}, OPEN + DAY) == pytest.approx(1.1)


def test_the_level_of_a_minute_stays_and_others_are_not_known() -> None:
    market = Market()
    for minute in range(MINUTES + 3):
        close(market, minute, {0: 10.0 * 1.001**minute})
    asked = OPEN + np.array([0, 2, 3, 100, MINUTES + 2, MINUTES + 3]) * MINUTE_MS
    known = market.level_at(asked)
    assert np.isnan(known).tolist() == [True, True, False, False, False, True]
    np.testing.assert_allclose(known[2:5], 1.001 ** np.array([3, 100, MINUTES + 2]))
    assert np.isnan(market.level_at(np.array([0]))).all()


def test_a_saved_level_goes_on_bit_for_bit() -> None:
    first, second = Market(), Market()
    for minute in range(5):
        close(first, minute, {0: 10.0 + minute, 3: 7.0})
    second.load_arrays({name: array.copy() for name, array in first.to_arrays().items()})
    assert close(first, 5, {0: 3.0, 9: 4.0}) == close(second, 5, {0: 3.0, 9: 4.0})
    for name, array in first.to_arrays().items():
        assert array.tobytes() == second.to_arrays()[name].tobytes()


@pytest.mark.parametrize("broken", [{"levels": np.zeros(3)}, {"price": np.zeros((2, 2))}, {"level": np.zeros(2)}])
def test_a_level_that_does_not_fit_is_refused(broken: dict[str, np.ndarray]) -> None:
    market = Market()
    for arrays in ({**market.to_arrays(), **broken}, {}):
        with pytest.raises(StateError):
            market.load_arrays(arrays)


def test_a_row_that_was_given_to_another_symbol_has_not_moved() -> None:
    market = Market()
    close(market, 0, {0: 10.0, 1: 20.0})
    market.zero(np.array([1, 5000]))
    assert close(market, 1, {0: 10.0, 1: 2000.0}) == 1.0
