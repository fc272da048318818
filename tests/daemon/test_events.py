from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon.engine.listings import released
from daemon.events import Events
from streams.outbox import OutboxUnavailableError
from streams.polygon.messages import Status
from streams.polygon.session import Changed, State, Strange, Unanswered, Unauthorised
from streams.polygon.spoilage import Condition, Verdict
from streams.redis.sink import SinkEvent
from tests.fakes.clock import ManualClock
from tests.fakes.stream import Stream

if TYPE_CHECKING:
    from streams.polygon.session import Event


@pytest.fixture
async def stream() -> Stream:
    return Stream()


@pytest.fixture
async def events(stream: Stream) -> Events:
    return Events(stream, ManualClock(wall_ms=77))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "level", "entry"),
    [
        (Changed(State.LIVE, "data"), "info", {"kind": "feed.state", "state": "live", "reason": "data"}),
        (Unauthorised(("A.*", "LULD.*")), "warning", {"kind": "feed.unauthorised", "channels": "A.*,LULD.*"}),
        (Unanswered(("X.*",)), "warning", {"kind": "feed.unanswered", "channels": "X.*"}),
        (Strange(Status("odd", "what")), "warning", {"kind": "feed.status", "status": "odd", "message": "what"}),
    ],
)
async def test_what_the_feed_tells_is_a_line_and_an_entry(
    events: Events, stream: Stream, event: Event, level: str, entry: dict[str, str]
) -> None:
    with capture_logs() as logged:
        events.feed(event)
    (put,) = stream.entries
    assert {**put, **entry, "at_ms": "77"} == dict(put)
    assert [(line["event"], line["log_level"]) for line in logged] == [(entry["kind"], level)]


@pytest.mark.parametrize(
    ("condition", "level"),
    [(Condition.SUSPECT, "warning"), (Condition.DEGRADED, "warning"), (Condition.SOUND, "info")],
)
async def test_how_much_of_the_feed_can_be_read_is_told_with_the_reasons(
    events: Events, stream: Stream, condition: Condition, level: str
) -> None:
    with capture_logs() as logged:
        events.spoilage(Verdict(condition, 100, {"price": 7}))
    (put,) = stream.entries
    assert put["kind"] == f"feed.{condition}"
    assert put["what"] == "7 of 100 elements could not be read: price 7"
    assert logged[0]["log_level"] == level


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (SinkEvent("redis", "live", "alerts reach technic:alerts"), "info"),
        (SinkEvent("redis", "away", "connection refused", "start it"), "warning"),
        (SinkEvent("redis", "undeliverable", "later entries", alerts=3), "warning"),
    ],
)
async def test_only_good_news_of_a_sink_is_no_alarm(
    events: Events, stream: Stream, event: SinkEvent, level: str
) -> None:
    with capture_logs() as logged:
        events.sink(event)
    assert stream.entries == [
        {
            "kind": f"sink.{event.kind}",
            "at_ms": "77",
            "sink": "redis",
            "what": event.what,
            "remedy": event.remedy,
            "alerts": str(event.alerts),
        }
    ]
    assert logged[0]["log_level"] == level


async def test_the_disk_is_told_of_from_the_engine_s_thread(events: Events, stream: Stream) -> None:
    error = OutboxUnavailableError(Path("/outbox.db"), "disk full", "free it")
    await asyncio.to_thread(events.outbox, error)
    await asyncio.to_thread(events.outbox, None)
    await asyncio.sleep(0)
    assert stream.kinds == ["outbox.refused", "outbox.healed"]
    assert "disk full" in stream.entries[0]["what"]


async def test_what_the_engine_found_is_an_event_of_its_own_kind(events: Events, stream: Stream) -> None:
    events.notice(released(np.array([f"S{n}" for n in range(7)], "S16")))
    (put,) = stream.entries
    assert (put["kind"], put["count"], put["names"]) == ("symbols.released", "7", "S0,S1,S2,S3,S4")


async def test_every_field_is_text_for_streams_hold_nothing_else(events: Events, stream: Stream) -> None:
    events.tell("reload.done", rules="5")
    events.server("ended")
    values: list[Any] = [value for entry in stream.entries for value in entry.values()]
    assert all(isinstance(value, str) for value in values)
