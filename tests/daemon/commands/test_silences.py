"""`technic ack`, `snooze`, `mute`, `unmute` and `silences`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from daemon.clock import SystemClock
from streams.redis.embedded import EmbeddedValkey
from tests.fakes.program import technic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALERT = "abcdef" + "0" * 26
RULES = '[[rule]]\nname = "gap-and-go"\nwhere = "close > 1"\n[[rule]]\nname = "vwap-reclaim"\nwhere = "close > 2"\n'


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    """A home with a server that holds one alert, and rules of its own."""
    with TemporaryDirectory(prefix="sil-") as name:
        (Path(name) / "rules.toml").write_text(RULES)
        (Path(name) / "technic.toml").write_text('[engine]\nrules = "rules.toml"\n')
        async with EmbeddedValkey(Path(name) / ".local/state/technic/valkey") as server:
            async with Redis.from_url(server.url) as client:
                fields: dict[Any, Any] = {"id": ALERT, "rule": "gap-and-go", "symbol": "TWLO", "data": "{}"}
                await client.xadd("technic:alerts", fields)
            yield Path(name)


async def test_an_alert_is_taken_care_of_once_and_the_stream_shows_it(folder: Path) -> None:
    first = technic("ack", "abcdef", "--by", "anna", folder=folder)
    again = technic("ack", ALERT, "--by", "bert", folder=folder)
    none = technic("ack", "123456", folder=folder)
    events = technic("tail", "events", "--json", folder=folder)
    assert (first.returncode, first.stdout) == (0, f"{ALERT}: acknowledged\n"), first.stderr
    assert again.stdout == f"{ALERT}: acknowledged before, by anna\n"
    assert (none.returncode, none.stdout) == (64, "")
    assert none.stderr == "technic: no alert that Redis still holds has the id 123456; see technic tail --json\n"
    (event,) = json.loads(events.stdout)
    assert (event["kind"], event["id"], event["by"]) == ("alert.acknowledged", ALERT, "anna")


async def test_a_rule_is_snoozed_a_symbol_muted_both_listed_and_lifted(folder: Path) -> None:
    before_ms = SystemClock().wall_ms()
    snoozed = technic("snooze", "--rule", "gap-and-go", "--for", "30m", "--by", "anna", folder=folder)
    muted = technic("mute", "--symbol", "twlo", "--by", "anna", folder=folder)
    listed = json.loads(technic("silences", "--json", folder=folder).stdout)
    people = technic("silences", folder=folder)
    lifted = technic("unmute", "--symbol", "TWLO", folder=folder)
    nothing = technic("unmute", "--symbol", "TWLO", folder=folder)
    assert snoozed.stdout.startswith("rule gap-and-go: snoozed until 20"), snoozed.stderr
    assert muted.stdout == "symbol TWLO: muted by anna\n"
    assert [(row["rule"], row["symbol"], row["kind"], row["in_force"]) for row in listed["silences"]] == [
        ("*", "TWLO", "mute", True),
        ("gap-and-go", "*", "snooze", True),
    ]
    assert 0 <= listed["silences"][1]["until_ms"] - before_ms - 1_800_000 < 50_000
    assert people.stdout.splitlines() == [muted.stdout.strip(), snoozed.stdout.strip()]
    assert lifted.stdout == "symbol TWLO: told again\n"
    assert (nothing.returncode, nothing.stderr) == (
        64,
        "technic: symbol TWLO is not silent by itself; see technic silences\n",
    )


async def test_mistakes_are_told_with_what_to_write(folder: Path) -> None:
    said = {
        ("snooze", "--rule", "gap-and-goo", "--for", "1h"): 'there is no rule gap-and-goo; did you mean "gap-and-go"?',
        ("snooze", "--rule", "gap-and-go", "--until", "noon"): "noon is no time; write 15:30",
        ("mute",): "neither a rule nor a symbol is named",
    }
    for arguments, what in said.items():
        ended = technic(*arguments, folder=folder)
        assert ended.returncode == 64, ended.stderr
        assert ended.stderr.startswith(f"technic: {what}")
        assert ended.stdout == ""


async def test_a_symbol_that_is_neither_scored_nor_listed_is_asked_about(folder: Path) -> None:
    (folder / "companies.csv").write_text("symbol,name\nTWLO,Twilio\nAAPL,Apple\n")
    assert technic("universe", "--import", "companies.csv", folder=folder).returncode == 0
    refused = technic("mute", "--symbol", "TWLOO", folder=folder)
    listed = technic("mute", "--symbol", "TWLO", "--by", "anna", folder=folder)
    assert refused.returncode == 64
    assert refused.stderr.endswith('technic: no symbol TWLOO is known; did you mean "TWLO"?\n')
    assert listed.stdout == "symbol TWLO: muted by anna\n"


async def test_a_simulated_exchange_that_is_away_keeps_nobody_from_muting(folder: Path) -> None:
    away = {"TECHNIC_FEED__URL": "ws://127.0.0.1:1/stocks"}
    snoozed = technic("snooze", "--rule", "gap-and-go", "--for", "1h", folder=folder, environ=away)
    muted = technic("mute", "--rule", "gap-and-go", folder=folder, environ=away)
    listed = technic("silences", folder=folder, environ=away)
    assert snoozed.returncode == 69
    assert snoozed.stderr.startswith("technic: the exchange at http://127.0.0.1:1 does not tell its time: no answer")
    assert muted.returncode == 0
    assert listed.stdout.startswith("rule gap-and-go: muted")
    assert "nobody can tell which snoozes are over" in listed.stderr


def test_without_a_server_it_says_what_to_start(tmp_path: Path) -> None:
    ended = technic("mute", "--symbol", "TWLO", folder=tmp_path)
    assert ended.returncode == 69
    assert "start `technic run`" in ended.stderr
