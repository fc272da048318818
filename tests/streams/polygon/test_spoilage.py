"""When what cannot be read is too much to go on silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streams.polygon.codec import Codec
from streams.polygon.spoilage import Condition, Spoilage
from tests.streams.polygon.frames import frame, second, status

if TYPE_CHECKING:
    from streams.polygon.spoilage import Verdict

GOOD, BAD, UNKNOWN = second(), second(o=0), {"ev": "T"}


class Watched:
    """A feed that sends the same second after second."""

    def __init__(self) -> None:
        self.spoilage, self.now_s = Spoilage(), 1_000.0
        self._codec = Codec()

    def after(self, seconds: int, *elements: Any) -> list[Verdict]:
        decoded = self._codec.decode(frame(*elements), 0)
        verdicts = []
        for _ in range(seconds):
            verdicts.append(self.spoilage.note(decoded, self.now_s))
            self.now_s += 1.0
        return [verdict for verdict in verdicts if verdict]


def test_a_feed_that_can_be_read_is_sound_for_ever() -> None:
    watched = Watched()
    assert watched.after(500, GOOD, status("success")) == []
    assert watched.spoilage.condition is Condition.SOUND


def test_more_than_one_in_twenty_for_a_minute_asks_for_a_new_connection_with_the_reasons() -> None:
    watched = Watched()
    assert watched.after(60, BAD, UNKNOWN, *[GOOD] * 20) == []
    (verdict,) = watched.after(10, BAD, UNKNOWN, *[GOOD] * 20)
    assert verdict.condition is Condition.SUSPECT
    assert verdict.reasons["price"] == verdict.reasons["unknown_type"] == verdict.elements / 22
    assert str(verdict) == "120 of 1320 elements could not be read: price 60, unknown_type 60"


def test_one_in_twenty_is_borne() -> None:
    watched = Watched()
    assert watched.after(500, BAD, *[GOOD] * 19) == []


def test_a_sound_slice_begins_the_minute_anew() -> None:
    watched = Watched()
    for _ in range(10):
        assert watched.after(50, BAD, GOOD) == []
        assert watched.after(10, GOOD) == []


def test_the_feed_is_dropped_once_and_degraded_when_that_has_not_helped() -> None:
    watched = Watched()
    assert [verdict.condition for verdict in watched.after(1_000, BAD, GOOD)] == ["suspect", "degraded"]


def test_a_minute_of_good_elements_heals() -> None:
    watched = Watched()
    watched.after(200, BAD, GOOD)
    assert watched.after(55, GOOD) == []
    assert [verdict.condition for verdict in watched.after(20, GOOD)] == ["sound"]
    assert [verdict.condition for verdict in watched.after(200, BAD)] == ["suspect", "degraded"]


def test_silence_counts_neither_way() -> None:
    watched = Watched()
    for _ in range(2):
        watched.after(20, BAD)
        watched.now_s += 40
    assert watched.spoilage.condition is Condition.SUSPECT


@pytest.mark.parametrize("gap_s", [7, 70])
def test_a_few_bad_elements_in_a_quiet_night_prove_nothing(gap_s: int) -> None:
    watched = Watched()
    for _ in range(10):
        assert watched.after(1, BAD) == []
        watched.now_s += gap_s
