from __future__ import annotations

from random import Random

from streams.polygon.backoff import EVICTED, LOST, SILENT, Backoff


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - delays are no secret


def delays(backoff: Backoff, ladder: object, count: int, healthy_s: float = 0.0) -> list[float]:
    return [backoff.next_s(ladder, healthy_s) for _ in range(count)]  # type: ignore[arg-type]


def test_the_first_delay_after_a_loss_is_at_most_a_second() -> None:
    assert all(0.5 <= Backoff(chance(seed)).next_s(LOST, 0.0) <= 1.0 for seed in range(200))


def test_delays_grow_to_half_a_minute_and_stay_there() -> None:
    found = delays(Backoff(chance(1)), LOST, 40)
    assert all(0.5 * min(1.6**k, 30) <= delay <= min(1.6**k, 30) for k, delay in enumerate(found))
    assert min(found[10:]) >= 15


def test_only_a_minute_of_health_starts_anew() -> None:
    backoff = Backoff(chance(1))
    delays(backoff, LOST, 20)
    assert backoff.next_s(LOST, 59.9) >= 15
    assert backoff.next_s(LOST, 60.0) <= 1.0


def test_an_eviction_costs_a_minute_then_two_then_four() -> None:
    found = delays(Backoff(chance(1)), EVICTED, 6)
    assert all(60 * 2**k <= delay <= 1.25 * min(60 * 2**k, 960) for k, delay in enumerate(found[:5]))
    assert found[5] <= 1200


def test_two_that_evict_each_other_slow_down_although_each_lives_for_minutes() -> None:
    assert delays(Backoff(chance(1)), EVICTED, 4, healthy_s=300.0)[3] >= 480


def test_a_silent_market_is_asked_less_and_less_down_to_every_five_minutes() -> None:
    found = delays(Backoff(chance(1)), SILENT, 30)
    assert found[0] <= 1.0
    assert 150 <= found[-1] <= 300


def test_ladders_do_not_disturb_each_other() -> None:
    backoff = Backoff(chance(1))
    delays(backoff, EVICTED, 3)
    assert backoff.next_s(LOST, 0.0) <= 1.0
    assert backoff.next_s(EVICTED, 0.0) >= 480


def test_the_same_chance_gives_the_same_delays() -> None:
    assert delays(Backoff(chance(7)), LOST, 10) == delays(Backoff(chance(7)), LOST, 10)
