"""What a history holds, in figures. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class KeptBars(NamedTuple):
    """Bars of one length.

    Attributes:
        rows: how many; in files a bar that was sent again counts twice until its parts are merged.
        symbols: how many have any.
        days: on how many days there are any.
        first_day, last_day: the first and the last of them, days since 1970; None without any.
    """

    rows: int = 0
    symbols: int = 0
    days: int = 0
    first_day: int | None = None
    last_day: int | None = None


class KeptSpans(NamedTuple):
    """What was fetched of one kind.

    Attributes:
        spans: how many, after those that touch have become one.
        keys: of how many keys.
    """

    spans: int
    keys: int


class Kept(NamedTuple):
    """All of it.

    Attributes:
        disk_bytes: what it occupies.
        minutes, daily: bars.
        rows: rows of each other table, by name.
        fetched: what was fetched, by kind.
    """

    disk_bytes: int
    minutes: KeptBars
    daily: KeptBars
    rows: Mapping[str, int]
    fetched: Mapping[str, KeptSpans]


def bars_of(rows: int, symbols: int, days: set[int]) -> KeptBars:
    """Bars by their number, the number of their symbols, and their days."""
    return KeptBars(rows, symbols, len(days), min(days, default=None), max(days, default=None))
