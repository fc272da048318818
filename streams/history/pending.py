"""What waits to be stored, and how it is."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from streams.bars import concat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.bars import BarBatch
    from streams.history.protocol import History, Span


class Item(NamedTuple):
    """Something to store.

    Attributes:
        rows: how many it counts for.
        write: stores it; None where there is nothing but `bars` or `spans`.
        bars: minutes, stored together with those that follow.
        kind, spans: what is known once it is stored; it is noted with it or not at all.
    """

    rows: int
    write: Callable[[History], object] | None
    bars: BarBatch | None = None
    kind: str = ""
    spans: Sequence[Span] = ()


def first_run(items: list[Item]) -> list[Item]:
    """The first item; if it is minutes, all minutes that follow it directly."""
    return list(takewhile(lambda item: item.bars is not None, items)) or items[:1]


def write(history: History, run: list[Item]) -> None:
    """Store a run, and only then what is known by it."""
    minutes = [item.bars for item in run if item.bars is not None]
    if minutes:
        history.write_minutes(concat(minutes))
    elif run[0].write is not None:
        run[0].write(history)
    spans = [span for item in run for span in item.spans]
    if spans:
        history.mark_fetched(run[0].kind, spans)
