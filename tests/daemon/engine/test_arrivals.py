from __future__ import annotations

import numpy as np
import pytest

from daemon.engine.arrivals import ENOUGH_MINUTES, LEAST_MS, MOST_MS, STEP_MS, Arrivals
from daemon.engine.errors import StateError

REGULAR, PRE = 1, 0
FIXED = 5_000


def taught(delays: list[int], minutes: int = 40, share: float = 0.005) -> Arrivals:
    arrivals = Arrivals(FIXED, share)
    for _ in range(minutes):
        arrivals.note(np.array(delays))
        arrivals.close(REGULAR)
    return arrivals


def test_a_minute_closes_once_few_enough_bars_are_still_to_come() -> None:
    delays = [3_900] * 900 + [4_100] * 90 + [6_300] * 9 + [40_000]
    assert taught(delays, share=0.02).grace_ms(REGULAR) == 4_250
    assert taught(delays, share=0.005).grace_ms(REGULAR) == 6_500
    assert taught(delays, share=0.0001).grace_ms(REGULAR) == 40_250


def test_the_share_that_comes_later_is_what_was_asked_for() -> None:
    random = np.random.default_rng(4)
    delays = (4_000 + random.exponential(800, 20_000)).astype(np.int64)
    grace_ms = taught(delays.tolist(), minutes=12).grace_ms(REGULAR)
    assert 0.0 < (delays > grace_ms).mean() <= 0.005
    assert (delays > grace_ms - 2 * STEP_MS).mean() > 0.005


def test_before_enough_is_known_the_grace_is_fixed() -> None:
    assert taught([1_000] * 1000, minutes=ENOUGH_MINUTES - 1).grace_ms(REGULAR) == FIXED
    assert taught([1_000] * 3, minutes=100).grace_ms(REGULAR) == FIXED
    assert taught([1_000] * 1000).grace_ms(PRE) == FIXED
    assert taught([1_000] * 1000, share=0.0).grace_ms(REGULAR) == FIXED


def test_it_stays_within_its_bounds_and_what_comes_beyond_them_is_no_straggler() -> None:
    assert taught([0] * 100).grace_ms(REGULAR) == LEAST_MS
    assert taught([-5, 1_100] * 100 + [MOST_MS, 10**9] * 50).grace_ms(REGULAR) == 1_250
    assert taught([MOST_MS - 1] * 100).grace_ms(REGULAR) == MOST_MS


def test_a_feed_that_slows_down_is_waited_for_longer() -> None:
    arrivals = taught([2_000] * 100)
    assert arrivals.grace_ms(REGULAR) == 2_250
    for _ in range(3):
        arrivals.note(np.full(100, 9_000))
        grace_ms = arrivals.close(REGULAR)
    assert grace_ms == 9_250


def test_the_state_goes_on_and_wrong_ones_are_refused() -> None:
    arrivals, again = taught([2_000] * 100), Arrivals(FIXED, 0.005)
    again.load_arrays({})
    assert again.grace_ms(REGULAR) == FIXED
    again.load_arrays(arrivals.to_arrays())
    assert again.grace_ms(REGULAR) == 2_250
    for name, wrong in (("curve", np.full((4, 220), np.nan)), ("minutes", np.full(4, -1)), ("now", np.zeros(3))):
        with pytest.raises(StateError, match=name):
            again.load_arrays({**arrivals.to_arrays(), name: wrong})
