"""JSON Schemas (2020-12) of what stands in the streams, made of the types that are written. Pure.

``docs/schemas`` holds them as files; a test keeps those equal to this.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Final

import msgspec

from daemon.engine.alerts import SCHEMA, Alert, Member, Times
from daemon.engine.rules import SEVERITIES
from daemon.engine.vocabulary import COVERAGES
from daemon.eventkinds import KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DIGITS: Final = {"type": "string", "pattern": "^[0-9]+$"}
TEXT: Final = {"type": "string"}
STREAM_ID: Final = {"type": "string", "pattern": "^[0-9]+-[0-9]+$"}

CHOICES: Final = {
    "session": ("pre", "regular", "post"),
    "severity": SEVERITIES,
    "evaluate": ("close", "tick"),
    "coverage": COVERAGES,
}

FURTHER: Final = {
    "rule": "Name of the rule.",
    "symbol": "As the exchange writes it.",
    "session": "`pre`, `regular` or `post`, in which the bar lies.",
    "timeframe": "Length of the rule's bar.",
    "severity": "As the rule has it.",
    "evaluate": "`close` or `tick`: when the rule is looked at.",
    "volume": "Shares traded in that bar.",
    "times": "When it happened, came, and was decided.",
    "v": "Version of this form. New fields do not change it; leave out those that you do not know.",
}
"""Meanings that need no words beside the code."""

FLAT: Final[dict[str, dict[str, Any]]] = {
    "id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "As in `data`: the same in every repeat."},
    "rule": {**TEXT, "description": "As in `data`."},
    "symbol": {**TEXT, "description": "As in `data`."},
    "bar_start_ms": {**DIGITS, "description": "As in `data`."},
    "score": {
        "type": "string",
        "pattern": r"^([01]\.[0-9]{6})?$",
        "description": "As in `data`, six decimals; empty before the model has learned.",
    },
    "severity": {**TEXT, "description": "As in `data`."},
    "published_ms": {
        **DIGITS,
        "description": "When the alert was safe on disk and on its way, wall clock, milliseconds since the epoch.",
    },
    "data": {
        **TEXT,
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": "#"},
        "description": "The whole alert.",
    },
}


def texts() -> dict[str, str]:
    """The files, by name."""
    made = {"alert": alert(), "event": event(), "dead": dead()}
    return {f"{name}.schema.json": json.dumps(schema, indent=2) + "\n" for name, schema in made.items()}


def alert() -> dict[str, Any]:
    """Of field ``data`` of ``technic:alerts``; ``$defs/Entry`` is of the entry."""
    made = msgspec.json.schema(Alert)
    parts = {name: made["$defs"][name] for name in ("Times", "Member")}
    for of, schema in ((Alert, made["$defs"]["Alert"]), (Times, parts["Times"]), (Member, parts["Member"])):
        _describe(of, schema)
    whole = made["$defs"]["Alert"]
    for name, allowed in CHOICES.items():
        whole["properties"][name]["enum"] = list(allowed)
    whole["properties"]["v"] = {"const": SCHEMA, "description": FURTHER["v"]}
    whole["required"] = list(whole["properties"])
    entry = {
        "title": "Entry",
        "description": "An entry of the stream technic:alerts: flat fields to filter on, and the whole alert, as text.",
        **_texts(FLAT, list(FLAT)),
    }
    return {"$schema": DIALECT, **whole, "$defs": {**parts, "Entry": entry}}


def event() -> dict[str, Any]:
    """Of an entry of ``technic:events``."""
    known: dict[str, dict[str, Any]] = {
        "kind": {
            **TEXT,
            "enum": list(KINDS),
            "description": "What has happened. Leave out kinds that you do not know.",
        },
        "at_ms": {**DIGITS, "description": "When, wall clock, milliseconds since the epoch, UTC."},
    }
    further = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"description": of.meaning, "required": list(of.fields)},
        }
        for kind, of in KINDS.items()
    ]
    title = {"title": "Event", "description": "An entry of the stream technic:events: one a transition. All text."}
    return {"$schema": DIALECT, **title, **_texts(known, ["kind", "at_ms"]), "allOf": further}


def dead() -> dict[str, Any]:
    """Of an entry of ``technic:dead``."""
    known: dict[str, dict[str, Any]] = {
        "stream_id": {**STREAM_ID, "description": "Of the entry of technic:alerts, or where it should have stood."},
        "reason": {**TEXT, "minLength": 1, "description": "Why it was given up."},
        "group": {**TEXT, "description": "Whose consumer gave it up; absent where the daemon could not deliver it."},
        "consumer": {**TEXT, "description": "Which one."},
        "deliveries": {**DIGITS, "description": "How often it was given out."},
        "data_bytes": {**DIGITS, "description": "Bytes that its `data` has; more than 65,536 are not kept here."},
        "data": {**TEXT, "description": "What it held, as it was: perhaps no JSON at all."},
        **{name: {**TEXT, "description": "As it was."} for name in FLAT if name != "data"},
    }
    title = {"title": "Dead letter", "description": "An entry of the stream technic:dead: what could not be delivered."}
    return {"$schema": DIALECT, **title, **_texts(known, ["stream_id", "reason"])}


def _texts(properties: dict[str, dict[str, Any]], required: list[str]) -> dict[str, Any]:
    """Entries of a stream have texts only, and may get further ones."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": TEXT}


def _describe(of: type, schema: dict[str, Any]) -> None:
    """Give properties the meanings of the class's docstring."""
    text = inspect.getdoc(of) or ""
    schema["description"] = text.partition("\n")[0]
    told = {**FURTHER, **_attributes(text)}
    for name, of_property in schema["properties"].items():
        if name in told:
            of_property["description"] = told[name]


def _attributes(text: str) -> dict[str, str]:
    """The section ``Attributes`` of a docstring, each on one line, as a sentence."""
    section = re.search(r"^Attributes:\n((?: {4}.*\n?|\n)*)", text, re.MULTILINE)
    found = re.findall(r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", section[1] if section else "", re.MULTILINE)
    return {name: _sentence(meaning) for names, meaning in found for name in names.split(", ")}


def _sentence(meaning: str) -> str:
    text = re.sub(r"\s+", " ", meaning).replace("``", "`").replace("None", "null")
    return f"{text[0].upper()}{text[1:].rstrip('.')}."
