import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.polygon.rest.retry import LONGEST_ASKED_S, LONGEST_S, OPEN_S, OPENS_AFTER, Circuit, asked_pause_s, pause_s

NOW_MS = 1_736_000_000_000  # 2025-01-04 14:13:20 GMT


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        (" 0 ", 0.0),
        ("172800", LONGEST_ASKED_S),
        ("9" * 500, LONGEST_ASKED_S),
        ("Sat, 04 Jan 2025 14:13:50 GMT", 30.0),
        ("Sat, 04 Jan 2025 14:13:00 GMT", 0.0),
        ("Sat, 04 Jan 2125 14:13:00 GMT", LONGEST_ASKED_S),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_what_the_other_side_asks_for_is_obeyed_within_reason(header: str | None, seconds: float | None) -> None:
    assert asked_pause_s(header, NOW_MS) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_anything(header: str) -> None:
    found = asked_pause_s(header, NOW_MS)
    assert found is None or 0 <= found <= LONGEST_ASKED_S


def test_pauses_grow_and_are_spread_and_bounded() -> None:
    jitter = random.Random(1)  # noqa: S311 - pauses
    pauses = [[pause_s(k, jitter) for _ in range(200)] for k in (1, 2, 3, 50, 5_000)]
    assert all(max(a) <= max(b) or max(b) > LONGEST_S / 2 for a, b in itertools.pairwise(pauses))
    assert all(max(one) / min(one) > 1.5 and max(one) <= LONGEST_S for one in pauses)


def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_try_after_a_while() -> None:
    circuit = Circuit()
    for _ in range(OPENS_AFTER - 1):
        circuit.failed(100.0)
    assert not circuit.is_open(100.0)
    circuit.succeeded()
    for _ in range(OPENS_AFTER):
        circuit.failed(100.0)
    assert circuit.is_open(100.0)
    assert circuit.is_open(99.0 + OPEN_S)
    assert not circuit.is_open(100.0 + OPEN_S)  # the trial
    assert circuit.is_open(100.0 + OPEN_S)
    circuit.failed(101.0 + OPEN_S)
    assert circuit.is_open(102.0 + OPEN_S)
    assert not circuit.is_open(101.0 + 2 * OPEN_S)
    circuit.succeeded()
    assert not circuit.is_open(102.0 + 2 * OPEN_S)
