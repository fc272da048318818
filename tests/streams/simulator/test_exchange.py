from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.bars import SYMBOL
from streams.simulator.exchange import GREETING, MOST_CHANNELS, Fate, Session

SYMBOLS = np.array([b"AAPL", b"BRK.B", b"KIMpL", b"MSFT"], SYMBOL)


def say(session: Session, action: str, params: str) -> list[tuple[str, str]]:
    """Statuses and messages of the answer."""
    answer = session.receive(msgspec.json.encode({"action": action, "params": params}))
    objects: list[dict[str, Any]] = msgspec.json.decode(answer.frame) if answer.frame else []
    assert all(one["ev"] == "status" for one in objects)
    return [(one["status"], one["message"]) for one in objects]


@pytest.fixture
def session() -> Session:
    opened = Session("secret", {"A", "AM"})
    assert say(opened, "auth", "secret") == [("auth_success", "authenticated")]
    return opened


def test_the_greeting_is_the_vendors() -> None:
    assert GREETING == b'[{"ev":"status","status":"connected","message":"Connected Successfully"}]'


def test_a_wrong_key_is_told_and_the_connection_aborted() -> None:
    session = Session("secret")
    answer = session.receive('{"action":"auth","params":"geheim"}')
    assert answer.fate is Fate.ABORTED
    assert answer.frame == b'[{"ev":"status","status":"auth_failed","message":"authentication failed"}]'
    assert not session.authenticated


def test_each_channel_is_acknowledged_on_its_own_after_trimming(session: Session) -> None:
    assert say(session, "subscribe", "A.*, AM.BRK.B ,AM.NONESUCH") == [
        ("success", "subscribed to: A.*"),
        ("success", "subscribed to: AM.BRK.B"),
        ("success", "subscribed to: AM.NONESUCH"),
    ]


def test_refusals_come_first_and_name_no_channel(session: Session) -> None:
    answers = say(session, "subscribe", "AM.*,LULD.*,T.AAPL")
    assert answers == [("error", "not authorized")] * 2 + [("success", "subscribed to: AM.*")]


def test_unknown_prefixes_are_passed_over_in_silence(session: Session) -> None:
    assert say(session, "subscribe", "ZZ.AAPL,nonsense,.,A.,,am.AAPL") == []


def test_what_is_subscribed_is_not_acknowledged_again(session: Session) -> None:
    assert len(say(session, "subscribe", "AM.*,AM.*")) == 1
    assert say(session, "subscribe", "AM.*") == []


def test_unsubscribing_is_acknowledged_once(session: Session) -> None:
    say(session, "subscribe", "AM.AAPL,AM.*")
    assert say(session, "unsubscribe", "AM.*,AM.MSFT") == [("success", "unsubscribed to: AM.*")]
    assert session.wanted("AM", SYMBOLS) == [0]


def test_nothing_can_be_subscribed_before_the_key() -> None:
    session = Session("secret")
    assert say(session, "subscribe", "AM.*") == []
    assert session.wanted("AM", SYMBOLS) == []


def test_a_wildcard_and_a_ticker_give_a_bar_once(session: Session) -> None:
    say(session, "subscribe", "A.AAPL,A.*")
    assert session.wanted("A", SYMBOLS) is None
    assert session.wanted("AM", SYMBOLS) == []


def test_tickers_keep_their_dots_and_their_case(session: Session) -> None:
    say(session, "subscribe", "AM.BRK.B,AM.KIMpL,AM.aapl," + "AM." + "X" * 17)
    assert session.wanted("AM", SYMBOLS) == [1, 2]


def test_channels_of_one_connection_are_bounded(session: Session) -> None:
    say(session, "subscribe", ",".join(f"A.{k}" for k in range(MOST_CHANNELS + 5)))
    assert len(session.channels) == MOST_CHANNELS


@given(st.one_of(st.text(), st.binary(), st.from_type(dict).map(msgspec.json.encode)))
def test_whatever_is_sent_is_answered_or_passed_over(message: str | bytes) -> None:
    session = Session("secret")
    session.receive('{"action":"auth","params":"secret"}')
    session.receive(message)
    assert session.authenticated
