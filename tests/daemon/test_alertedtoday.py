from __future__ import annotations

import msgspec
import numpy as np
import pytest

from daemon.alertedtoday import MOST, AlertedToday
from daemon.engine.sessions import SessionTable
from streams.bars import MINUTE_MS

OPEN_MS, DAY_MS = 1_736_173_800_000, 86_400_000
SESSIONS = SessionTable(np.array([OPEN_MS, OPEN_MS + DAY_MS]), np.array([OPEN_MS, OPEN_MS + DAY_MS]) + 390 * MINUTE_MS)


def alert(symbol: str, bar_start_ms: int = OPEN_MS, *members: str) -> bytes:
    told = {"symbol": symbol, "bar_start_ms": bar_start_ms, "members": [{"symbol": each} for each in members]}
    return msgspec.json.encode(told)


def symbols(today: AlertedToday) -> list[bytes]:
    return sorted(today.symbols.tolist())


def test_who_alerted_and_whom_the_alert_named_is_remembered_until_a_later_day_begins() -> None:
    today = AlertedToday(SESSIONS)
    today.told(alert("AAA", OPEN_MS, "BBB", "CCC"))
    today.told(alert("AAA", OPEN_MS + MINUTE_MS))
    assert symbols(today) == [b"AAA", b"BBB", b"CCC"]
    assert not today.begin(0)
    assert symbols(today) == [b"AAA", b"BBB", b"CCC"]
    assert today.begin(1)
    assert symbols(today) == []


def test_an_alert_begins_its_day_and_one_of_the_day_before_is_none_of_todays() -> None:
    today = AlertedToday(SESSIONS)
    today.told(alert("OLD"))
    today.told(alert("NEW", OPEN_MS + DAY_MS))
    today.told(alert("LATE"))
    assert symbols(today) == [b"NEW"]


def test_what_is_recalled_begins_no_day_and_says_when_the_day_before_is_reached() -> None:
    today = AlertedToday(SESSIONS)
    today.begin(0)
    assert not today.recalled(alert("FUTURE", OPEN_MS + DAY_MS))
    assert not today.recalled(alert("AAA"))
    assert today.recalled(alert("GONE", OPEN_MS - DAY_MS))
    assert symbols(today) == [b"AAA"]


@pytest.mark.parametrize(
    "nonsense", [b"", b"[]", b"\xff", b'{"symbol": 1}', b'{"symbol": "X", "bar_start_ms": 99999999999999999999999}']
)
def test_what_makes_no_sense_is_nobodys(nonsense: bytes) -> None:
    today = AlertedToday(SESSIONS)
    today.begin(0)
    assert not today.recalled(nonsense)
    assert symbols(today) == []


def test_hostile_names_are_cut_and_there_are_no_more_than_so_many() -> None:
    today = AlertedToday(SESSIONS)
    today.begin(0)
    assert not today.recalled(alert("x" * 1_000))
    assert not today.recalled(alert("\u00e9\u2028"))
    for number in range(MOST + 10):
        today.told(alert(f"S{number}"))
    assert len(today.symbols) == MOST
    assert max(map(len, today.symbols.tolist())) == 16
