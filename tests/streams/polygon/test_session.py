from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from streams.polygon.messages import Status
from streams.polygon.session import (
    ANSWER_S,
    CHUNK_CHARS,
    DEAF_S,
    Changed,
    Ending,
    Session,
    State,
    Strange,
    Unanswered,
    Unauthorised,
)
from streams.secret import Secret

if TYPE_CHECKING:
    from streams.polygon.session import (
        Event,
    )

KEY = "sesame-open-42"
CHANNELS = ("A.*", "AM.*", "LULD.*")


def ack(channel: str) -> Status:
    return Status("success", f"subscribed to: {channel}")


DENIED = Status("error", "not authorized")
GREETING = Status("connected", "Connected Successfully")
ACCEPTED = Status("auth_success", "authenticated")


def authenticated(channels: tuple[str, ...] = CHANNELS, now_s: float = 0.0) -> Session:
    session = Session(Secret(KEY), channels)
    session.opened(now_s)
    session.statuses([GREETING, ACCEPTED], now_s)
    session.take_texts()
    session.take_events()
    return session


def subscribed(now_s: float = 0.0) -> Session:
    session = authenticated(now_s=now_s)
    session.statuses(map(ack, CHANNELS), now_s)
    session.take_events()
    return session


def states(events: list[Event]) -> list[State]:
    return [event.state for event in events if isinstance(event, Changed)]


def test_the_conversation_goes_from_greeting_to_live() -> None:
    session = Session(Secret(KEY), CHANNELS)
    session.opened(0.0)
    assert session.take_texts() == []
    session.statuses([GREETING], 0.1)
    assert json.loads(session.take_texts()[0]) == {"action": "auth", "params": KEY}
    session.statuses([ACCEPTED], 0.2)
    assert json.loads(session.take_texts()[0]) == {"action": "subscribe", "params": "A.*,AM.*,LULD.*"}
    session.statuses(map(ack, CHANNELS), 0.3)
    session.heard(0.4)
    assert states(session.take_events()) == [
        State.CONNECTED,
        State.AUTHENTICATED,
        State.SUBSCRIBED,
        State.LIVE,
    ]
    assert session.over is None


def test_nothing_is_said_before_the_greeting() -> None:
    session = Session(Secret(KEY), CHANNELS)
    session.opened(0.0)
    session.statuses([ACCEPTED], 0.0)
    assert session.take_texts() == []
    assert session.take_events() == [Strange(ACCEPTED)]


def test_a_second_greeting_does_not_send_the_key_again() -> None:
    session = subscribed()
    session.statuses([GREETING], 1.0)
    assert session.take_texts() == []
    assert session.state is State.SUBSCRIBED


def test_a_session_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="no channels"):
        Session(Secret(KEY), ())


def test_a_channel_named_twice_is_asked_for_once() -> None:
    session = Session(Secret(KEY), ("A.*", "A.*"))
    session.opened(0.0)
    session.statuses([GREETING, ACCEPTED, ack("A.*")], 0.0)
    assert json.loads(session.take_texts()[1])["params"] == "A.*"
    assert session.settled


def test_many_channels_are_asked_for_in_requests_of_bounded_length() -> None:
    channels = tuple(f"A.SYM{k}" for k in range(3000))
    session = Session(Secret(KEY), channels)
    session.opened(0.0)
    session.statuses([GREETING, ACCEPTED], 0.0)
    requests = [json.loads(text)["params"] for text in session.take_texts()[1:]]
    assert len(requests) > 1
    assert max(map(len, requests)) <= CHUNK_CHARS
    assert tuple(",".join(requests).split(",")) == channels


def test_data_before_the_last_ack_counts() -> None:
    session = authenticated()
    session.statuses([ack("A.*")], 0.0)
    session.heard(0.1)
    assert session.state is State.AUTHENTICATED
    session.statuses([ack("AM.*"), ack("LULD.*")], 0.2)
    assert session.state is State.LIVE


def test_a_denied_channel_is_named_by_what_is_left() -> None:
    session = authenticated()
    session.statuses([DENIED, ack("A.*"), ack("AM.*")], 1.0)
    assert Unauthorised(("LULD.*",)) in session.take_events()
    assert session.state is State.SUBSCRIBED
    assert session.over is None


def test_all_channels_denied_is_an_alarm_and_no_end() -> None:
    session = authenticated()
    session.statuses([DENIED, DENIED, DENIED], 1.0)
    assert Unauthorised(CHANNELS) in session.take_events()
    assert session.over is None


def test_a_channel_that_is_never_answered_is_reported_at_the_deadline() -> None:
    session = authenticated()
    session.statuses([ack("A.*"), ack("AM.*")], 1.0)
    session.tick(ANSWER_S - 0.1, None)
    assert not session.settled
    session.tick(ANSWER_S + 0.1, None)
    assert Unanswered(("LULD.*",)) in session.take_events()
    assert session.state is State.SUBSCRIBED


def test_no_greeting_in_time_ends_the_connection() -> None:
    session = Session(Secret(KEY), CHANNELS)
    session.opened(5.0)
    session.tick(5.0 + ANSWER_S, None)
    assert session.over is Ending.UNANSWERED
    assert session.message == "no greeting"


def test_no_answer_to_the_key_in_time_ends_the_connection() -> None:
    session = Session(Secret(KEY), CHANNELS)
    session.opened(0.0)
    session.statuses([GREETING], 8.0)
    session.tick(ANSWER_S, None)
    assert session.over is None
    session.tick(8.0 + ANSWER_S, None)
    assert session.over is Ending.UNANSWERED


def test_a_wrong_key_is_the_end() -> None:
    session = Session(Secret(KEY), CHANNELS)
    session.opened(0.0)
    session.statuses([GREETING, Status("auth_failed", "authentication failed")], 0.0)
    assert session.over is Ending.REFUSED
    assert session.message == "authentication failed"


def test_eviction_shows_as_a_state_until_the_next_greeting() -> None:
    session = subscribed()
    session.statuses([Status("max_connections", "Maximum number of websocket connections exceeded. ")], 5.0)
    assert (session.over, session.state) == (Ending.EVICTED, State.EVICTED)
    session.lost("connection closed: 1008")
    assert session.state is State.EVICTED
    session.opened(70.0)
    assert session.over is None
    session.statuses([GREETING], 70.0)
    assert session.state is State.CONNECTED


@pytest.mark.parametrize("name", ["auth_timeout", "slow_consumer", "force_disconnect"])
def test_a_dismissal_ends_the_connection_before_the_exchange_does(name: str) -> None:
    session = subscribed()
    session.statuses([Status(name, "why")], 5.0)
    assert session.over is Ending.DISMISSED
    assert session.message == f"{name}: why"


def test_an_unknown_status_is_an_event_and_nothing_else() -> None:
    session = subscribed()
    session.statuses([Status("error", "something new"), Status("weather", "fine")], 1.0)
    assert session.take_events() == [Strange(Status("error", "something new")), Strange(Status("weather", "fine"))]
    assert session.state is State.SUBSCRIBED


def ticked(session: Session, first_s: float, last_s: float, silence_s: float | None) -> None:
    now_s = first_s
    while now_s <= last_s:
        session.tick(now_s, silence_s)
        now_s += 0.5


def test_silence_in_trading_hours_makes_the_session_stale() -> None:
    session = subscribed()
    session.heard(1.0)
    ticked(session, 1.0, 15.5, 15.0)
    assert session.state is State.LIVE
    ticked(session, 16.0, 16.0, 15.0)
    assert (session.state, session.over) == (State.STALE, Ending.STALE)


def test_silence_before_the_first_bar_counts_too() -> None:
    session = subscribed()
    ticked(session, 0.0, 15.0, 15.0)
    assert session.over is Ending.STALE


def test_silence_out_of_hours_is_no_fault_and_does_not_count_at_the_open() -> None:
    session = subscribed()
    session.heard(1.0)
    ticked(session, 1.0, 100.0, None)
    ticked(session, 100.5, 114.5, 15.0)
    assert session.over is None
    ticked(session, 115.0, 115.5, 15.0)
    assert session.over is Ending.STALE


def test_a_stall_of_our_own_is_not_taken_for_silence_of_the_exchange() -> None:
    session = subscribed()
    session.tick(1.0, 15.0)
    session.tick(1.0 + 60.0 + DEAF_S, 15.0)
    assert session.over is None


def test_health_ends_where_the_silence_begins() -> None:
    session = subscribed(now_s=10.0)
    session.heard(50.0)
    assert session.healthy_s(60.0) == 50.0
    ticked(session, 50.0, 70.0, 15.0)
    assert session.healthy_s(70.0) == 40.0


def test_the_same_loss_again_is_no_event() -> None:
    session = Session(Secret(KEY), CHANNELS)
    for _ in range(3):
        session.lost("cannot connect: Connection refused")
    assert session.take_events() == [Changed(State.CONNECTING, "cannot connect: Connection refused")]
    session.lost("cannot connect: no route")
    assert len(session.take_events()) == 1


def test_after_a_loss_everything_is_asked_for_again() -> None:
    session = subscribed()
    session.lost("connection closed: 1001")
    session.opened(20.0)
    session.statuses([GREETING, ACCEPTED], 20.0)
    assert [json.loads(text)["action"] for text in session.take_texts()] == ["auth", "subscribe"]
    assert not session.settled


def test_no_event_shows_the_key() -> None:
    session = subscribed()
    session.statuses([Status("auth_failed", "no")], 1.0)
    session.lost("gone")
    assert KEY not in repr((session, session.take_events(), vars(session)))
