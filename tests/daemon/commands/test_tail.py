"""What `technic tail` shows of an entry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from daemon.commands import tail
from streams.redis.embedded import EmbeddedValkey
from tests.fakes.program import technic

if TYPE_CHECKING:
    from pathlib import Path

ALERT = {
    "rule": "vwap-reclaim",
    "symbol": "TWLO",
    "severity": "high",
    "price": 136.5,
    "score": 0.71,
    "values": {"rvol(20)": 9.0},
}


def test_an_alert_is_shown_whole_from_its_json_with_its_place_in_the_stream() -> None:
    fields = {"id": "a", "rule": "vwap-reclaim", "data": json.dumps(ALERT)}
    assert tail.entry("1737729600000-0", fields) == {"stream_id": "1737729600000-0", **ALERT}


@pytest.mark.parametrize("broken", ["", "[1]", "{", "null"])
def test_what_is_no_json_object_is_shown_by_its_fields(broken: str) -> None:
    assert tail.entry("1-0", {"rule": "x", "data": broken}) == {"stream_id": "1-0", "rule": "x", "data": broken}


def test_a_line_has_new_yorks_time_with_its_zone() -> None:
    line = tail._line({"stream_id": "1737729600000-0", **ALERT}, as_json=False)
    assert line.startswith("2025-01-24 09:40:00 EST  TWLO")
    assert line.endswith("high    price 136.50 score 0.710")
    line = tail._line({"stream_id": "1753363800000-0", "kind": "feed.state", "state": "live"}, as_json=False)
    assert line.split()[2:] == ["EDT", "feed.state", "state=live"]


def test_hostile_entries_stay_one_harmless_line() -> None:
    hostile = {"stream_id": "1-0", "rule": "a\nb", "symbol": None, "price": "x", "score": {}, "severity": "\x1b[2J"}
    line = tail._line(hostile, as_json=False)
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\\x1b[2J" in line


async def test_the_newest_come_oldest_first_as_one_json_list(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path / ".local/state/technic/valkey") as server, Redis.from_url(server.url) as client:
        for number in range(1, 4):
            await client.xadd(
                "technic:alerts", {"rule": "r", "data": json.dumps({"rule": "r", "n": number})}, f"{number}-0"
            )
        shown = technic("tail", "-n", "2", "--json", folder=tmp_path)
        people = technic("tail", "-n", "2", folder=tmp_path)
        none = technic("tail", "events", "--json", folder=tmp_path)
        followed = technic("tail", "--json", "--follow", "--duration", "1", folder=tmp_path)
    assert [entry["n"] for entry in json.loads(shown.stdout)] == [2, 3]
    assert len(people.stdout.splitlines()) == 2
    assert json.loads(none.stdout) == []
    assert [json.loads(line)["n"] for line in followed.stdout.splitlines()] == [1, 2, 3]
    assert [each.returncode for each in (shown, people, none, followed)] == [0, 0, 0, 0]


def test_without_a_server_it_says_what_to_start(tmp_path: Path) -> None:
    ended = technic("tail", folder=tmp_path)
    assert ended.returncode == 69
    assert "start `technic run`" in ended.stderr
