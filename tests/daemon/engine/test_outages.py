from __future__ import annotations

import pytest

from daemon.engine.outages import Outage, Outages
from streams.bars import MINUTE_MS

NOON = 1_736_182_800_000


def at(minute: int, second: float) -> int:
    return NOON + minute * MINUTE_MS + int(second * 1000)


@pytest.mark.parametrize(
    ("lost", "back", "missing"),
    [
        ((0, 20), (0, 50), None),  # no minute has ended, and the bars of the last one had come
        ((0, 5), (0, 7), (-1, -1)),  # its bars were coming
        ((0, 50), (1, 1), (0, 0)),
        ((0, 20), (3, 0), (0, 2)),
        ((0, 14.9), (130, 59), (-1, 129)),
    ],
)
def test_missing_are_the_minutes_whose_bars_were_due_meanwhile(
    lost: tuple[int, float], back: tuple[int, float], missing: tuple[int, int] | None
) -> None:
    outages = Outages()
    assert outages.heard(at(-30, 0)) is None
    outages.lost(at(*lost))
    outages.lost(at(lost[0], lost[1] + 1))
    assert outages.blind
    found = outages.heard(at(*back))
    assert not outages.blind
    expected = missing and Outage(at(*lost), at(*back), at(missing[0], 0), at(missing[1], 0))
    assert found == expected
    assert found is None or found.minutes == missing[1] - missing[0] + 1  # type: ignore[index]


def test_a_feed_that_was_never_heard_is_not_lost() -> None:
    outages = Outages()
    outages.lost(at(0, 0))
    assert not outages.blind
    assert outages.heard(at(50, 0)) is None


def test_outages_join() -> None:
    one, other = Outage(at(0, 1), at(2, 3), at(0, 0), at(1, 0)), Outage(at(5, 1), at(7, 3), at(4, 0), at(6, 0))
    assert one.joined(other) == other.joined(one) == Outage(at(0, 1), at(7, 3), at(0, 0), at(6, 0))
