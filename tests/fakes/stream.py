"""A stream of events that keeps what is put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stream:
    """Stands in for `streams.redis.events.EventStream`."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, str]] = []

    @property
    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.entries]

    def put(self, fields: Mapping[str, str]) -> None:
        self.entries.append(fields)
