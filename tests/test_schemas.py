"""What docs/schemas says is what the code writes, and what really stands in Redis."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from daemon import schemas
from daemon.clock import SystemClock
from daemon.engine.alerts import Alert
from daemon.events import Events
from streams.bars import MINUTE_MS
from streams.polygon.session import Changed, State, Unanswered, Unauthorised
from streams.redis import looks
from streams.redis.alert import DeliveredAlert, opened
from streams.redis.connection import connect
from streams.redis.consumer import AlertConsumer
from streams.redis.events import EventStream
from streams.redis.silences import Silence, Silences
from streams.redis.sink import Kind, RedisSink, SinkEvent
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, config_of, running, url_of, walk
from tests.fakes.clock import ManualClock
from tests.fakes.stream import Stream
from tests.schemas import DOCS
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from redis.asyncio import Redis

ASYNCAPI = yaml.safe_load((DOCS / "schemas" / "asyncapi.yaml").read_text())
WRITE = "write it anew: python -m tests.schemas"


def file_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "schemas" / name).read_text())
    return found


@pytest.mark.parametrize("name", list(schemas.texts()))
def test_the_files_are_those_of_the_code(name: str) -> None:
    assert (DOCS / "schemas" / name).read_text() == schemas.texts()[name], WRITE


@pytest.mark.parametrize("name", list(schemas.texts()))
def test_the_files_are_schemas_and_say_what_each_field_means(name: str) -> None:
    whole = file_of(name)
    Draft202012Validator.check_schema(whole)
    for schema in (whole, *whole.get("$defs", {}).values()):
        assert schema["description"]
        assert [field for field, of in schema["properties"].items() if not of.get("description")] == []


def test_the_flat_fields_of_an_alert_are_those_that_are_written() -> None:
    names = [*alert().fields(), "published_ms"]
    assert sorted(schemas.FLAT) == sorted(names)


def alert() -> Alert:
    least: dict[str, Any] = dict.fromkeys(Alert.__struct_fields__, "")
    return msgspec.json.decode(json.dumps({**least, "id": "a" * 32, **NUMBERS}), type=Alert)


NUMBERS: dict[str, Any] = {
    "bar_start_ms": 1,
    "price": 1.0,
    "volume": 1.0,
    "score": None,
    "values": {},
    "late": False,
    "about": {},
    "v": 1,
    "times": {"event_ms": 1, "received_ms": 1},
    "change": None,
    "order": None,
    "contributions": {},
    "forming": False,
    "members": [],
}


def test_a_program_reads_every_field_of_an_alert_that_is_written() -> None:
    written, read = Alert.__struct_fields__, DeliveredAlert.__struct_fields__
    assert set(read) - set(written) == {"stream_id", "deliveries", "published_ms"}
    assert set(written) - set(read) == set()


async def test_what_the_daemon_tells_keeps_to_the_schema() -> None:
    stream = Stream()
    events = Events(stream, ManualClock())  # type: ignore[arg-type]
    for event in (Changed(State.SUBSCRIBED, ""), Unauthorised(("A.*",)), Unanswered(("A.*",))):
        events.feed(event)
    for kind in get_args(Kind):
        events.sink(SinkEvent("redis", kind, "what"))
    events.calendar("a warning")
    events.time("behind")
    events.time("")
    events.history("trouble", over=False)
    events.history("trouble", over=True)
    events.history("", over=False)
    events.server("ended")
    validator = Draft202012Validator(file_of("event.schema.json"))
    assert len(stream.entries) == 16
    for entry in stream.entries:
        validator.validate(entry)


def full() -> dict[str, Any]:
    """An alert with something in every field."""
    further = {"score": 0.5, "change": -0.02, "order": 3.0, "contributions": {"intercept": -1.0, "rsi(14)": 0.3}}
    members = [{"symbol": "MSFT", "price": 2.0, "change": None}]
    plain = {"session": "regular", "severity": "high", "evaluate": "tick", "coverage": "covered", "forming": True}
    whole = msgspec.json.decode(alert().json())
    return {**whole, **further, **plain, "members": members, "values": {"close": 1.5, "sma(3)": None}}


def test_an_alert_with_all_its_fields_keeps_to_the_schema_and_can_be_read() -> None:
    Draft202012Validator(file_of("alert.schema.json")).validate(full())
    data = json.dumps(full()).encode()
    read = json.loads(msgspec.json.encode(opened({b"data": data}, "5-0", 1)))
    assert {name: read[name] for name in full()} == full()


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": 2},
        {"score": "0.5"},
        {"session": "lunch"},
        {"severity": "extreme"},
        {"values": {"close": "much"}},
        {"members": [{"symbol": "MSFT"}]},
        {"times": {}},
        {"bar_start_ms": 0.5},
    ],
)
def test_what_is_no_alert_does_not_keep_to_the_schema(wrong: dict[str, Any]) -> None:
    assert not Draft202012Validator(file_of("alert.schema.json")).is_valid({**full(), **wrong})


# what really stands in Redis


def valid(entries: list[tuple[str, Mapping[str, str]]], schema: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema)
    for _, fields in entries:
        validator.validate(fields)


async def entries_of(redis: Redis, channel: str) -> list[tuple[str, Mapping[str, str]]]:
    """Of the stream that the AsyncAPI document names so."""
    found: Any = await redis.xrange(ASYNCAPI["channels"][channel]["address"])
    return [(i.decode(), {name.decode(): value.decode() for name, value in fields.items()}) for i, fields in found]


async def test_what_a_daemon_leaves_in_redis_keeps_to_the_schemas(tmp_path: Path) -> None:
    async with (
        Simulator(Tape(walk(5, 60)), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange,
        running(config_of(tmp_path, url_of(exchange.port), model=LEARNS)) as app,
        connect(app.redis_url) as redis,
    ):
        await eventually(lambda: app.live.figures.closed_ms >= OPEN + 59 * MINUTE_MS, 40)
        await eventually(lambda: app.outbox.backlog("redis").pending == 0)
        await redis.xadd("technic:alerts", {"data": "not JSON", "rule": "poison"})
        await given_up(app.redis_url)
        silences = Silences(app.redis_url)
        await silences.put(Silence("busy", "*", "mute", 0, "me", 1), 1)
        await silences.lift("busy", "*", "me", 2)
        await silences.acknowledge("a" * 32, "me", 3)
        assert await looks.tell(app.redis_url, "technic:", "scan", ["AAPL", "BRK.A"])
        await eventually(lambda: not len(app.event_stream))
        found = {name: await entries_of(redis, name) for name in ASYNCAPI["channels"]}
    alerts = [entry for entry in found["alerts"] if entry[1]["rule"] != "poison"]
    valid(alerts, {**file_of("alert.schema.json"), "$ref": "#/$defs/Entry", **NO_ROOT})
    whole = Draft202012Validator(file_of("alert.schema.json"))
    assert any(json.loads(fields["data"])["contributions"] for _, fields in alerts), "the model has learned"
    for stream_id, fields in alerts:
        whole.validate(json.loads(fields["data"]))
        assert fields["published_ms"] == stream_id.partition("-")[0]
        assert fields["id"] == json.loads(fields["data"])["id"]
    valid(found["events"], file_of("event.schema.json"))
    assert {"feed.state", "sink.live", "silence.set", "silence.lifted", "alert.acknowledged"} <= {
        fields["kind"] for _, fields in found["events"]
    }
    valid(found["dead"], file_of("dead.schema.json"))
    assert [fields["reason"].partition(":")[0] for _, fields in found["dead"]] == ["by hand", "its data is no alert"]
    valid(found["looks"], ASYNCAPI["components"]["messages"]["look"]["payload"]["schema"])
    assert [len(found[name]) > 0 for name in ("alerts", "events", "dead", "looks")] == [True] * 4


LEARNS = {"enabled": True, "horizon_minutes": 1}
NO_ROOT: dict[str, Any] = {"properties": {}, "required": []}
"""Of the file only what it defines besides the alert itself."""


async def given_up(url: str) -> None:
    """Read all of the stream; the first alert is buried by hand, and what is none by itself."""
    async with AlertConsumer(url, group="orders", name="one", start="0") as consumer:
        await consumer.bury(await anext(consumer), "by hand")
        async with asyncio.timeout(20):
            while not consumer.buried > 1:
                waiting = asyncio.ensure_future(anext(consumer))
                await asyncio.wait([waiting], timeout=0.2)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)


# the AsyncAPI document


def test_the_document_has_the_form_that_asyncapi_3_demands() -> None:
    Draft202012Validator(FORM).validate(ASYNCAPI)


REFERENCE = {"type": "object", "required": ["$ref"], "properties": {"$ref": {"type": "string"}}}
SCHEMA_FORMAT = {
    "type": "object",
    "required": ["schemaFormat", "schema"],
    "properties": {"schemaFormat": {"const": "application/schema+json;version=2020-12"}},
    "additionalProperties": {"type": "object"},
}
TEXTS = {name: {"type": "string"} for name in ("title", "summary", "description")}
FORM = {
    "type": "object",
    "required": ["asyncapi", "info", "servers", "channels", "operations", "components"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "additionalProperties": False,
            "properties": {**TEXTS, "version": {"type": "string"}, "license": {"required": ["name"]}},
        },
        "defaultContentType": {"type": "string"},
        "servers": {
            "additionalProperties": {
                "required": ["host", "protocol"],
                "additionalProperties": False,
                "properties": {**TEXTS, "host": {"type": "string"}, "protocol": {"const": "redis"}},
            }
        },
        "channels": {
            "additionalProperties": {
                "additionalProperties": False,
                "required": ["address", "messages"],
                "properties": {
                    **TEXTS,
                    "address": {"type": "string"},
                    "servers": {"type": "array", "items": REFERENCE},
                    "messages": {"type": "object", "additionalProperties": REFERENCE},
                },
            }
        },
        "operations": {
            "additionalProperties": {
                "required": ["action", "channel"],
                "additionalProperties": False,
                "properties": {
                    **TEXTS,
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "messages": {"type": "array", "items": REFERENCE},
                },
            }
        },
        "components": {
            "additionalProperties": False,
            "properties": {
                "messages": {
                    "additionalProperties": {
                        "additionalProperties": False,
                        "required": ["payload"],
                        "properties": {**TEXTS, "name": {"type": "string"}, "payload": SCHEMA_FORMAT},
                    }
                }
            },
        },
    },
}
"""The part of AsyncAPI 3.0.0 that the document uses."""


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolved(reference: str) -> Any:
    name, _, pointer = reference.partition("#")
    found: Any = file_of(name) if name else ASYNCAPI
    for part in pointer.split("/")[1:]:
        found = found[part]
    return found


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = list(references(ASYNCAPI))
    assert len(found) > 15
    for reference in found:
        assert resolved(reference)


def test_operations_name_messages_of_their_own_channel() -> None:
    for operation in ASYNCAPI["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


def test_the_document_has_every_stream_that_technic_has() -> None:
    addresses = {channel["address"] for channel in ASYNCAPI["channels"].values()}
    defaults = {
        *(of.__kwdefaults__["stream"] for of in (RedisSink.__init__, EventStream.__init__, AlertConsumer.__init__)),
        *(of.__kwdefaults__["dead"] for of in (RedisSink.__init__, AlertConsumer.__init__)),
        f"technic:{looks.STREAM}",
    }
    assert addresses == defaults
