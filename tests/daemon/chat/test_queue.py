"""What waits for a channel and when it goes: rates, digests, quiet hours, outages, refusals, doubts."""

from __future__ import annotations

from datetime import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.chat import messages, queue
from daemon.chat.channels import Quiet
from daemon.chat.queue import LONGEST, ChannelQueue, Verdict, Wish
from streams.chat import apprise, discord, matrix, slack, telegram
from streams.chat.message import Answer, Fate
from streams.chat.text import compose, size
from streams.secret import Secret
from tests.daemon.chat.alerts import NOON, alert, channel

if TYPE_CHECKING:
    from streams.chat.text import Markup

DONE = Answer(Fate.DELIVERED, "")
LATER = Answer(Fate.LATER, "no connection")
UNKNOWN = Answer(Fate.UNKNOWN, "no answer in time")
REFUSED = Answer(Fate.REFUSED, "404 no_team")


def full(*numbers: int, **further: Any) -> ChannelQueue:
    """A queue at second 0 with these alerts."""
    made = ChannelQueue(channel(**{"rate_per_minute": 60, **further}), 0.0)
    for number in numbers:
        assert made.put(alert(number)) is None
    return made


def ids(wish: Wish | None) -> list[str]:
    assert wish
    return [each.id for each in wish.alerts]


def named(*numbers: int) -> list[str]:
    return [f"alert-{number}" for number in numbers]


def test_a_few_alerts_go_one_by_one_in_order() -> None:
    waiting = full(1, 2, 3)
    for number in (1, 2, 3):
        assert ids(waiting.next(0.0, NOON)) == named(number)
        assert waiting.next(0.0, NOON) is None, "one at a time"
        assert [each.id for each in waiting.answered(DONE, 0.0).done] == named(number)
    assert waiting.next(0.0, NOON) is None
    assert len(waiting) == 0


def test_a_burst_is_one_digest_and_a_very_long_one_several() -> None:
    waiting = full(*range(LONGEST + 5))
    assert ids(waiting.next(0.0, NOON)) == named(*range(LONGEST))
    waiting.answered(DONE, 0.0)
    assert ids(waiting.next(0.0, NOON)) == named(*range(LONGEST, LONGEST + 5))


def test_no_more_messages_go_than_the_rate_permits_and_what_waited_meanwhile_is_one_digest() -> None:
    waiting = full(rate_per_minute=2)
    sent = []
    for second in range(121):
        waiting.put(alert(second))
        if wish := waiting.next(float(second), NOON):
            sent.append((second, len(wish.alerts)))
            waiting.answered(DONE, float(second))
    assert sent == [(0, 1), (1, 1), (60, 25), (61, 25), (120, 25)]


@pytest.mark.parametrize("rate", [1, 3, 20])
def test_in_no_minute_go_more_messages_than_the_rate_however_slow_the_service_is(rate: int) -> None:
    waiting, now_s, taken = full(rate_per_minute=rate), 0.0, []
    for number in range(400):
        waiting.put(alert(number))
        if waiting.next(now_s, NOON):
            taken.append(now_s + (0.9 if number % 3 else 0.0))  # somewhere between asking and the answer
            waiting.answered(DONE, now_s + 0.9)
        now_s += 1.0
    for first in taken:
        assert sum(first <= each < first + 60.0 for each in taken) <= rate
    assert len(taken) >= rate * 6


def test_a_service_that_is_away_is_tried_again_with_growing_pauses_and_gets_all_in_order_as_a_digest() -> None:
    waiting = full(1)
    now_s, tries = 0.0, []
    while now_s < 3600:
        if waiting.next(now_s, NOON):
            tries.append(now_s)
            turned = waiting.answered(LATER, now_s).turned
            assert turned == ("away" if len(tries) == 1 else None), "told once"
            waiting.put(alert(len(tries) + 1))
        now_s += max(0.5, waiting.pause_s(now_s))
    pauses = [after - before for before, after in pairwise(tries)]
    assert 10 < len(tries) < 30
    assert pauses[:3] == pytest.approx([2.0, 4.0, 8.0], abs=0.6)
    assert max(pauses) <= 301
    told = waiting.next(now_s + 301, NOON)
    assert ids(told) == named(*range(1, len(tries) + 2))
    assert waiting.answered(DONE, now_s + 301).turned == "live"


def test_retry_after_is_obeyed_to_the_second() -> None:
    waiting = full(1)
    waiting.next(0.0, NOON)
    waiting.answered(LATER._replace(retry_after_s=17.0), 0.0)
    assert waiting.next(16.9, NOON) is None
    assert waiting.pause_s(16.0) == pytest.approx(1.0)
    assert ids(waiting.next(17.0, NOON)) == named(1)


def test_what_may_have_been_taken_is_sent_once_more_as_a_repeat_and_then_given_up() -> None:
    waiting = full(1, 2)
    assert waiting.next(0.0, NOON) == Wish((alert(1),), repeated=False)
    assert waiting.answered(UNKNOWN, 0.0) == Verdict(what="no answer in time")
    assert waiting.next(queue.REPEAT_S - 0.1, NOON) is None
    assert waiting.next(queue.REPEAT_S, NOON) == Wish((alert(1),), repeated=True)
    given_up = waiting.answered(UNKNOWN, queue.REPEAT_S)
    assert given_up == Verdict(dead=(alert(1),), what="no answer in time", turned="away")
    assert ids(waiting.next(queue.REPEAT_S + 5, NOON)) == named(2)


def test_an_hour_in_which_nobody_knows_costs_a_few_alerts_and_the_rest_comes_afterwards_in_order() -> None:
    waiting, now_s, number = full(0), 0.0, 0
    dead: list[str] = []
    while now_s < 3600:
        if waiting.next(now_s, NOON):
            now_s += 15.0
            dead += [each.id for each in waiting.answered(UNKNOWN, now_s).dead]
        number += 1
        waiting.put(alert(number))
        now_s += 10.0
    assert len(dead) < 15
    assert waiting.state == "away"
    told: list[str] = []
    sizes = []
    now_s += 300.0
    while wish := waiting.next(now_s, NOON):
        told += ids(wish)
        sizes.append(len(wish.alerts))
        waiting.answered(DONE, now_s)
        now_s += 1.0
    assert dead + told == named(*range(number + 1))
    assert sizes[:3] == [1, 25, 25]


def test_one_message_that_a_service_does_not_like_holds_up_the_others_for_seconds() -> None:
    waiting, now_s = full(1, 2), 0.0
    for _ in range(2):
        assert ids(waiting.next(now_s, NOON)) == named(1)
        waiting.answered(UNKNOWN, now_s)
        now_s += waiting.pause_s(now_s)
    assert now_s < 20.0
    assert ids(waiting.next(now_s, NOON)) == named(2)
    assert waiting.answered(DONE, now_s).turned == "live"


def test_a_repeat_that_has_to_wait_stays_a_repeat() -> None:
    waiting = full(1)
    waiting.next(0.0, NOON)
    waiting.answered(UNKNOWN, 0.0)
    waiting.next(20.0, NOON)
    waiting.answered(LATER, 20.0)
    assert waiting.next(60.0, NOON) == Wish((alert(1),), repeated=True)
    assert len(waiting) == 1


def test_a_channel_that_is_refused_is_off_and_gives_up_all_that_waited() -> None:
    waiting = full(*range(30))
    waiting.next(0.0, NOON)
    verdict = waiting.answered(REFUSED, 0.0)
    assert (verdict.turned, verdict.what) == ("off", "404 no_team")
    assert [each.id for each in verdict.dead] == named(*range(30))
    assert waiting.put(alert(31)) == alert(31)
    assert (waiting.refused, waiting.state, len(waiting)) == (1, "off", 0)
    assert waiting.next(1e9, NOON) is None


def test_in_quiet_hours_alerts_wait_but_for_grave_ones_and_come_as_a_digest_afterwards() -> None:
    waiting = full(quiet=Quiet(time(20), time(4)), quiet_passes="high")
    for number in range(5):
        waiting.put(alert(number, severity="medium"))
    waiting.put(alert(9, severity="high"))
    assert ids(waiting.next(0.0, time(21))) == named(9)
    waiting.answered(DONE, 0.0)
    assert waiting.next(1.0, time(21)) is None
    assert waiting.pause_s(1.0) == queue.LOOK_S, "no haste"
    assert ids(waiting.next(2.0, time(4))) == named(0, 1, 2, 3, 4)


def test_a_queue_that_is_full_gives_up_the_newest_of_the_least_grave_and_counts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "MOST", 4)
    waiting = full()
    for number, severity in enumerate(("high", "low", "low", "medium")):
        assert waiting.put(alert(number, severity=severity)) is None
    assert ids(waiting.next(0.0, NOON)) == named(0, 1, 2, 3)
    waiting.answered(LATER, 0.0)
    assert waiting.put(alert(4, severity="low")) == alert(4, severity="low")
    assert waiting.put(alert(5, severity="high")) == alert(2, severity="low")
    assert waiting.put(alert(6, severity="stranger")) == alert(1, severity="low")
    assert (len(waiting), waiting.refused) == (4, 3)
    assert ids(waiting.next(9.0, NOON)) == named(0, 3, 5, 6)


@pytest.mark.parametrize("markup", [discord.MARKUP, slack.MARKUP, telegram.MARKUP, matrix.HTML, apprise.PLAIN])
def test_every_service_shows_all_lines_of_the_longest_digest(markup: Markup) -> None:
    waiting, sizes = full(), []
    for number in range(100):
        rule = f"{'a-_' * 21}{number % 4}"
        waiting.put(alert(number, rule=rule, symbol="BRK.B", price=123456.78, change=-0.123, forming=True, late=True))
    while wish := waiting.next(0.0, NOON):
        waiting.answered(DONE, 0.0)
        sizes.append(len(wish.alerts))
        text = compose(messages.digest(wish.alerts, "https://desk.example:8787/", repeated=True), markup)
        assert "more line" not in text
        assert size(text) <= markup.limit
    assert sizes[0] > 5


def test_an_answer_to_nothing_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no message was under way"):
        full().answered(DONE, 0.0)


@given(st.lists(st.sampled_from(["put", "done", "later", "unknown", "wait"]), max_size=80))
def test_every_alert_is_told_or_given_up_exactly_once(steps: list[str]) -> None:
    waiting, now_s, number = full(), 0.0, 0
    ended: list[str] = []
    under_way = False
    answers = {"done": DONE, "later": LATER, "unknown": UNKNOWN}
    for step in [*steps, *["wait", "done"] * 60]:
        if step == "put":
            waiting.put(alert(number))
            number += 1
        elif step == "wait":
            now_s += 400.0
            under_way = under_way or waiting.next(now_s, NOON) is not None
        elif under_way:
            verdict = waiting.answered(answers[step], now_s)
            ended += [each.id for each in (*verdict.done, *verdict.dead)]
            under_way = False
    assert ended == named(*range(number))


def test_of_a_message_under_way_some_alerts_can_be_spared() -> None:
    waiting = full(1, 2, 3, 4)
    waiting.next(0.0, NOON)
    left = waiting.spare([alert(2), alert(4)])
    assert ids(left) == named(1, 3)
    assert waiting.answered(DONE, 0.0).done == (alert(1), alert(3))
    waiting.put(alert(5))
    waiting.next(1.0, NOON)
    assert waiting.spare([alert(5)]) is None
    assert len(waiting) == 0
    waiting.put(alert(6))
    assert ids(waiting.next(2.0, NOON)) == named(6)


def test_a_new_reading_of_the_same_channel_keeps_its_rate() -> None:
    before, after = full(1, rate_per_minute=1), full(2, rate_per_minute=1)
    before.next(0.0, NOON)
    before.answered(DONE, 5.0)
    after.go_on(before)
    assert after.next(64.9, NOON) is None
    assert ids(after.next(65.0, NOON)) == named(2)


def test_a_new_reading_of_the_same_channel_waits_as_long_as_the_service_has_asked() -> None:
    before = full(1)
    before.next(0.0, NOON)
    before.answered(LATER._replace(retry_after_s=90.0), 0.0)
    after, other = full(1), full(1, settings={"url": Secret("another")})
    after.go_on(before)
    other.go_on(before)
    assert after.next(89.0, NOON) is None
    assert ids(after.next(90.0, NOON)) == ids(other.next(0.0, NOON)) == named(1)
