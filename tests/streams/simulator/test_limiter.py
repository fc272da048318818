from __future__ import annotations

from streams.simulator.limiter import TokenBucket


def test_a_minutes_requests_are_granted_at_once_and_no_more() -> None:
    bucket = TokenBucket(5)
    assert [bucket.take(100.0) for _ in range(7)] == [True] * 5 + [False] * 2


def test_requests_come_back_with_time() -> None:
    bucket = TokenBucket(6)
    assert all(bucket.take(0.0) for _ in range(6))
    assert [bucket.take(9.9), bucket.take(10.0), bucket.take(10.0)] == [False, True, False]


def test_a_long_silence_saves_up_one_minute_only() -> None:
    bucket = TokenBucket(2)
    assert bucket.take(0.0)
    assert [bucket.take(1e6) for _ in range(3)] == [True, True, False]
