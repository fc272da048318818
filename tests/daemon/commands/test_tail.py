"""What `technic tail` shows of an entry."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from daemon.commands import tail
from streams.redis.embedded import EmbeddedValkey
from tests.fakes.program import technic

if TYPE_CHECKING:
    from collections.abc import Iterator

ALERT = {
    "rule": "vwap-reclaim",
    "symbol": "TWLO",
    "severity": "high",
    "price": 136.5,
    "score": 0.71,
    "session": "pre",
    "values": {"rvol(20)": 9.0, "rsi(14)": None, "close": 1234.56789},
    "times": {"event_ms": 1_737_729_600_000, "received_ms": 0, "scored_ms": 0},
}


def test_an_alert_is_shown_whole_from_its_json_with_its_place_in_the_stream() -> None:
    fields = {"id": "a", "rule": "vwap-reclaim", "data": json.dumps(ALERT)}
    assert tail.entry("1737729600000-0", fields) == {"stream_id": "1737729600000-0", **ALERT}


@pytest.mark.parametrize("broken", ["", "[1]", "{", "null"])
def test_what_is_no_json_object_is_shown_by_its_fields(broken: str) -> None:
    assert tail.entry("1-0", {"rule": "x", "data": broken}) == {"stream_id": "1-0", "rule": "x", "data": broken}


def test_an_alerts_line_has_its_bars_time_in_new_york_and_why_it_fired() -> None:
    line = tail._line({"stream_id": "1753363800000-0", **ALERT}, as_json=False)
    assert line.startswith("2025-01-24 09:40:00 EST            TWLO")
    assert line.endswith("high    pre     price 136.50 score 0.710  rvol(20) 9  close 1234.57")


def test_an_alerts_line_has_an_id_to_acknowledge_it_by_and_says_what_is_special() -> None:
    special = {"id": "157756f6022c", "forming": True, "late": False, "members": [{"symbol": "AMD"}, {"symbol": "MU"}]}
    line = tail._line({"stream_id": "1-0", **ALERT, **special}, as_json=False)
    assert line.startswith("2025-01-24 09:40:00 EST  157756f6  TWLO     vwap-reclaim           high")
    assert line.endswith("score 0.710 forming  rvol(20) 9  close 1234.57  with AMD, MU")


def test_an_events_line_has_the_time_it_was_told_at() -> None:
    line = tail._line({"stream_id": "1753363800000-0", "kind": "feed.state", "state": "live"}, as_json=False)
    assert line.split()[2:] == ["EDT", "feed.state", "state=live"]


def test_a_dead_letter_has_its_own_place_that_of_its_entry_and_the_reason() -> None:
    fields = {"stream_id": "1-0", "reason": "it was given out 5 times", "group": "g", "data": "{}", "rule": "gap"}
    shown = tail.entry("1753363800000-0", fields)
    assert shown == {**fields, "stream_id": "1753363800000-0", "entry": "1-0"}
    line = tail._line(shown, as_json=False)
    assert line == "2025-07-24 09:30:00 EDT  entry=1-0 rule=gap group=g reason=it was given out 5 times"


def test_an_event_about_a_rule_is_no_alert() -> None:
    event = {"kind": "silence.set", "at_ms": "5", "rule": "gap", "symbol": "*", "how": "mute", "by": "anna"}
    line = tail._line({"stream_id": "1753363800000-0", **event}, as_json=False)
    assert line.endswith("EDT  silence.set      rule=gap symbol=* how=mute by=anna")


@pytest.mark.parametrize(
    ("price", "shown"), [(5.0, "5.00"), (0.12345, "0.1235"), (7.125, "7.125"), (3, "3.00"), (1e6, "1000000.00")]
)
def test_a_price_has_two_decimals_and_up_to_four_where_it_needs_them(price: float, shown: str) -> None:
    assert f"price {shown} " in tail._line({"stream_id": "1-0", **ALERT, "price": price}, as_json=False)


def test_hostile_entries_stay_one_harmless_line() -> None:
    hostile: dict[str, Any] = {
        "stream_id": "1-0",
        "rule": "a\nb",
        "symbol": None,
        "price": "x",
        "score": {},
        "severity": "\x1b[2J",
    }
    hostile |= {"times": {"event_ms": 10**30}, "values": [1]}
    line = tail._line(hostile, as_json=False)
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\\x1b[2J" in line


@pytest.mark.parametrize(
    ("stream_id", "fields"),
    [
        ("18446744073709551615-1", {"kind": "feed.state"}),
        ("1-0", {"kind": "feed.state", "stream_id": "nonsense"}),
        ("1-0", {"data": '{"rule": "r", "stream_id": 5}'}),
        ("1-0", {"data": "[" * 200_000}),
        ("1-0", {"data": '{"rule": "\\ud800"}'}),
        ("1-0", {"data": '{"rule": "r", "price": NaN}'}),
        *(("1-0", {"data": f'{{"rule": "r", {number}: 1{"0" * 400}}}'}) for number in ('"price"', '"score"')),
        ("1-0", {"data": f'{{"rule": "r", "values": {{"a": 1{"0" * 400}}}}}'}),
    ],
)
def test_no_entry_whoever_wrote_it_ends_the_tail(stream_id: str, fields: dict[str, str]) -> None:
    shown = tail.entry(stream_id, fields)
    assert shown["stream_id"] == stream_id
    for as_json in (False, True):
        line = tail._line(shown, as_json=as_json)
        assert "\n" not in line.encode().decode()
    assert json.loads(line, parse_constant=pytest.fail)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for that of a socket."""
    with TemporaryDirectory(prefix="tail-") as folder:
        yield Path(folder)


async def test_the_newest_come_oldest_first_as_one_json_list(short: Path) -> None:
    async with EmbeddedValkey(short / ".local/state/technic/valkey") as server, Redis.from_url(server.url) as client:
        for number in range(1, 4):
            await client.xadd(
                "technic:alerts", {"rule": "r", "data": json.dumps({"rule": "r", "n": number})}, f"{number}-0"
            )
        shown = technic("tail", "-n", "2", "--json", folder=short)
        people = technic("tail", "-n", "2", folder=short)
        none = technic("tail", "events", "--json", folder=short)
        followed = technic("tail", "--json", "--follow", "--duration", "1", folder=short)
    assert [entry["n"] for entry in json.loads(shown.stdout)] == [2, 3]
    assert len(people.stdout.splitlines()) == 2
    assert json.loads(none.stdout) == []
    assert none.stderr == "technic: nothing yet in stream technic:events\n"
    assert [json.loads(line)["n"] for line in followed.stdout.splitlines()] == [1, 2, 3]
    assert [each.returncode for each in (shown, people, none, followed)] == [0, 0, 0, 0]


def test_without_a_server_it_says_what_to_start(tmp_path: Path) -> None:
    ended = technic("tail", folder=tmp_path)
    assert ended.returncode == 69
    assert "start `technic run`" in ended.stderr


async def test_a_server_that_has_gone_and_left_its_socket_is_one_to_start(short: Path) -> None:
    folder = short / ".local/state/technic/valkey"
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(EmbeddedValkey(folder).url.removeprefix("unix://"))
    ended = technic("tail", folder=short)
    assert ended.returncode == 69
    assert "start `technic run`" in ended.stderr


def test_a_redis_that_is_away_is_named_with_its_key_and_not_said_to_be_tried_again(tmp_path: Path) -> None:
    ended = technic("tail", folder=tmp_path, environ={"TECHNIC_REDIS__URL": "redis://:hidden@127.0.0.1:1"})
    assert ended.returncode == 69
    assert ended.stderr.startswith("technic: redis://127.0.0.1:1: Error 111 connecting to 127.0.0.1:1. ")
    assert ended.stderr.endswith("; start the server, or set redis.url to where it is\n")
    assert ".;" not in ended.stderr
    assert "tried again" not in ended.stderr
    assert "hidden" not in ended.stderr
