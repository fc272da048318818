from __future__ import annotations

import pytest

from streams.errors import MarketClockError
from streams.polygon.servertime import Anchor, parse


@pytest.mark.parametrize(
    ("time", "expected_ms"),
    [
        ("2025-01-24T09:30:00-05:00", 1_737_729_000_000),
        ("2025-01-24T09:30:00.25-05:00", 1_737_729_000_250),
        ("2025-01-24T14:30:00Z", 1_737_729_000_000),
        ("2025-07-24T09:30:00.123456-04:00", 1_753_363_800_123),
    ],
)
def test_the_exchange_s_time_is_read_with_its_offset_and_fractions(time: str, expected_ms: int) -> None:
    assert parse(b'{"market":"open","serverTime":"%b","exchanges":{}}' % time.encode()) == expected_ms


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"serverTime":7}',
        b'{"serverTime":"noon"}',
        b'{"serverTime":"2025-01-24T09:30:00"}',
        b'{"serverTime":"2025-01-24T09:30:00-05:00"',
        b'\xff{"serverTime":"\xff"}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_time_is_an_error_that_says_so(body: bytes) -> None:
    with pytest.raises(MarketClockError, match="no market time"):
        parse(body)


def test_market_time_runs_at_its_own_speed() -> None:
    anchor = Anchor(market_ms=1_000_000, monotonic_s=50.0, speed=60.0)
    assert anchor.at(50.0) == 1_000_000
    assert anchor.at(50.5) == 1_030_000
