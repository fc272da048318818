"""What is known of symbols beside their bars, in memory, so that an alert takes it along without asking anybody.

Answers are shown to it as they pass (`daemon.dataplane.lookups`), news as they are read, and once a day what is known
of all symbols. Nothing is served past its age.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from daemon.prefetch.exchange import Day
from streams.polygon.rest.records import Article, Details
from streams.redis.cached import LIFETIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.dataplane.panel import Split
    from daemon.dataplane.statistics import SymbolStatistics
    from daemon.dataplane.universe import Universe
    from streams.redis.cached import Entry

MOST: Final = 49_152
"""Answers that are remembered, some hundred bytes each: three for each of 16,384 symbols. The oldest gives way."""

MOST_ARTICLES: Final = 3
MOST_RELATED: Final = 10

DAY_MS: Final = 24 * 3_600_000
"""What is made once a day is of use for so long."""

_DETAILS: Final = ("name", "type", "primary_exchange", "market_cap", "sic_description", "list_date", "homepage_url")
_COMPANY: Final = ("name", "exchange", "kind", "sector", "industry")
_STATISTICS: Final = ("previous_close", "average_volume", "average_range", "high_20", "low_20", "high_250", "low_250")


class Known(NamedTuple):
    """One answer, as an alert shows it.

    Attributes:
        as_of_ms: wall clock when it was true.
        fresh_ms: until when it may be shown.
        known: plain values that JSON has; None where the vendor says that there is nothing.
    """

    as_of_ms: int
    fresh_ms: int
    known: Any


class Morning(NamedTuple):
    """What is known of all symbols for a trading day.

    Attributes:
        as_of_ms: wall clock when it was made.
        statistics: of the days before.
        universe: of the same symbols, in the same order.
        splits: that take effect today.
    """

    as_of_ms: int
    statistics: SymbolStatistics
    universe: Universe
    splits: Sequence[Split] = ()


class AtHand:
    """Written on the event loop, read by the engine's thread as well; neither waits for the other.

    Args:
        most: answers that are remembered.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._answers: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._today: _Today | None = None
        self._news = _News({}, 0)

    def __len__(self) -> int:
        return len(self._answers)

    def see(self, kind: str, symbol: str, entry: Entry) -> None:
        """An answer passes; one of a kind that alerts do not show, or that cannot be read, is let go."""
        before = self._answers.get((kind, symbol))
        if kind not in _TELL or (before is not None and before.as_of_ms == entry.as_of_ms):
            return
        try:
            known = _TELL[kind](entry.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        self._answers[kind, symbol] = Known(entry.as_of_ms, entry.fresh_ms, known)
        self._answers.move_to_end((kind, symbol))
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def begin(self, morning: Morning) -> None:
        """A trading day begins."""
        rows = {symbol.decode(): row for row, symbol in enumerate(morning.statistics.symbols.tolist())}
        self._today = _Today(morning, rows, {split.symbol.decode(): split for split in morning.splits})

    def publish(self, articles: Mapping[str, Sequence[Article]], as_of_ms: int) -> None:
        """All news there is, by symbol, the newest first: whoever is not named here has none."""
        told = {symbol: _articles(some) for symbol, some in articles.items()}
        self._news = _News(told, as_of_ms)

    def has(self, symbol: str, kind: str, now_ms: int) -> bool:
        """Whether an alert would have it."""
        found = self._answers.get((kind, symbol))
        if found is not None and now_ms < found.fresh_ms:
            return True
        if kind == "news":
            return now_ms < self._news.fresh_ms
        return kind == "history" and bool(self._morning(symbol, now_ms))

    def about(self, symbol: str, now_ms: int) -> dict[str, dict[str, Any]]:
        """By kind ``{"as_of_ms": ..., "known": ...}``, what may be shown of a symbol now; about 10 µs."""
        found: dict[str, dict[str, Any]] = {}
        for kind in _TELL:
            answer = self._answers.get((kind, symbol))
            if answer is not None and now_ms < answer.fresh_ms:
                found[kind] = {"as_of_ms": answer.as_of_ms, "known": answer.known}
        news = self._news  # one look: the event loop may exchange it
        if now_ms < news.fresh_ms:
            found["news"] = {"as_of_ms": news.as_of_ms, "known": news.articles.get(symbol, [])}
        return found | self._morning(symbol, now_ms)

    def _morning(self, symbol: str, now_ms: int) -> dict[str, dict[str, Any]]:
        """What was known of a symbol when the day began, while that is of use."""
        today = self._today  # one look: the event loop may exchange it
        row = None if today is None else today.rows.get(symbol)
        if today is None or row is None or now_ms >= today.morning.as_of_ms + DAY_MS:
            return {}
        as_of_ms, statistics, universe, _ = today.morning
        texts = {name: text for name in _COMPANY if (text := getattr(universe, name)[row])}
        shown: dict[str, Any] = {
            "history": {name: _number(getattr(statistics, name)[row]) for name in _STATISTICS},
            "company": {**texts, "market_cap": _number(universe.market_cap[row])},
        }
        if split := today.splits.get(symbol):
            shown["split"] = {"old": split.old, "new": split.new}
        return {kind: {"as_of_ms": as_of_ms, "known": known} for kind, known in shown.items()}


class _Today(NamedTuple):
    morning: Morning
    rows: Mapping[str, int]
    splits: Mapping[str, Split]


class _News(NamedTuple):
    articles: Mapping[str, list[dict[str, str]]]
    as_of_ms: int

    @property
    def fresh_ms(self) -> int:
        return self.as_of_ms + LIFETIMES["news"].fresh_ms


def _details(content: bytes) -> dict[str, Any] | None:
    found = msgspec.json.decode(content, type=Details | None)
    return None if found is None else {name: value for name in _DETAILS if (value := getattr(found, name))}


def _news(content: bytes) -> list[dict[str, str]]:
    return _articles(msgspec.json.decode(content, type=list[Article]))


def _articles(some: Sequence[Article]) -> list[dict[str, str]]:
    return [
        {"title": one.title, "published_utc": one.published_utc, "url": one.article_url} for one in some[:MOST_ARTICLES]
    ]


def _related(content: bytes) -> list[str]:
    return msgspec.json.decode(content, type=list[str])[:MOST_RELATED]


def _history(content: bytes) -> dict[str, Any] | None:
    """Of the symbol's own daily bars what the statistics of the day say, where those are not there."""
    days = msgspec.json.decode(content, type=list[Day])
    if not days:
        return None
    highs, lows = [day.high for day in days], [day.low for day in days]
    volumes = [day.volume for day in days[-20:]]
    extremes = {"high_20": max(highs[-20:]), "low_20": min(lows[-20:]), "high_250": max(highs), "low_250": min(lows)}
    return {"previous_close": days[-1].close, "average_volume": sum(volumes) / len(volumes), **extremes}


_TELL: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "details": _details,
    "news": _news,
    "related": _related,
    "history": _history,
}
"""How an alert shows each kind."""


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
