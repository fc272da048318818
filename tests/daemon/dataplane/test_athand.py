from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from daemon.dataplane.athand import DAY_MS, AtHand, Morning
from daemon.dataplane.panel import Split
from daemon.dataplane.statistics import SymbolStatistics
from daemon.dataplane.universe import Universe
from streams.bars import SYMBOL
from streams.polygon.rest.records import Article, Details
from streams.redis.cached import entry

if TYPE_CHECKING:
    from streams.redis.cached import Entry

NOW = 1_000_000_000


def kept(kind: str, found: object) -> Entry:
    return entry(kind, msgspec.json.encode(found), "rest", NOW)


def morning(*symbols: str, splits: tuple[Split, ...] = ()) -> Morning:
    named, ones = np.array(symbols, SYMBOL), np.arange(1.0, len(symbols) + 1)
    statistics = SymbolStatistics(named, *(ones * number for number in range(1, 11)))
    texts = [
        [f"{symbol} Inc" for symbol in symbols],
        *([""] * len(symbols) for _ in range(3)),
        ["Energy"] * len(symbols),
    ]
    cap = np.array([np.nan, *ones[1:]])
    return Morning(NOW, statistics, Universe(named, *texts, cap, ones > 0), splits)


def test_an_answer_is_shown_as_long_as_it_is_fresh_and_no_longer() -> None:
    hand, answer = AtHand(), kept("news", [])
    hand.see("news", "A", answer)
    assert hand.about("A", NOW) == {"news": {"as_of_ms": NOW, "known": []}}
    assert hand.has("A", "news", answer.fresh_ms - 1)
    assert hand.about("A", answer.fresh_ms) == {}
    assert not hand.has("A", "news", answer.fresh_ms)


def test_what_the_vendor_does_not_know_is_known_to_be_nothing() -> None:
    hand = AtHand()
    hand.see("details", "A", kept("details", None))
    assert hand.about("A", NOW)["details"]["known"] is None


def test_alerts_show_what_a_reader_needs_of_each_kind() -> None:
    hand = AtHand()
    hand.see("details", "A", kept("details", Details("A", "A Inc", "CS", market_cap=1e9, description="long")))
    articles = [Article(str(k), f"title {k}", "2025-01-06T10:00:00Z", "https://x", "long") for k in range(5)]
    hand.see("news", "A", kept("news", articles))
    hand.see("related", "A", kept("related", [f"S{k}" for k in range(30)]))
    hand.see("history", "A", kept("history", [[1, 5.0, 6.0, 4.0, 5.5, 100.0], [2, 5.0, 7.0, 4.5, 5.0, 300.0]]))
    about = {kind: one["known"] for kind, one in hand.about("A", NOW).items()}
    assert about["details"] == {"name": "A Inc", "type": "CS", "market_cap": 1e9}
    assert [one["title"] for one in about["news"]] == ["title 0", "title 1", "title 2"]
    assert about["related"] == [f"S{k}" for k in range(10)]
    assert about["history"] == {
        "previous_close": 5.0,
        "average_volume": 200.0,
        "high_20": 7.0,
        "low_20": 4.0,
        "high_250": 7.0,
        "low_250": 4.0,
    }


def test_what_cannot_be_read_and_kinds_nobody_shows_are_let_go() -> None:
    hand = AtHand()
    hand.see("news", "A", entry("news", b"{not json", "rest", NOW))
    hand.see("news", "A", entry("news", b"\xff", "rest", NOW))
    hand.see("statistics", "A", kept("statistics", 1))
    assert len(hand) == 0


def test_the_oldest_answer_gives_way() -> None:
    hand = AtHand(most=2)
    for symbol in "ABC":
        hand.see("related", symbol, kept("related", []))
    assert [symbol for symbol in "ABC" if hand.has(symbol, "related", NOW)] == ["B", "C"]


def test_the_morning_tells_of_every_symbol_for_a_day() -> None:
    hand = AtHand()
    hand.begin(morning("A", "B", splits=(Split(b"B", 20_000, 1.0, 4.0),)))
    a, b = (hand.about(symbol, NOW) for symbol in "AB")
    assert a["history"]["known"]["previous_close"] == 1.0
    assert a["company"]["known"] == {"name": "A Inc", "industry": "Energy", "market_cap": None}
    assert "split" not in a
    assert b["split"]["known"] == {"old": 1.0, "new": 4.0}
    assert hand.about("C", NOW) == hand.about("A", NOW + DAY_MS) == {}
    assert hand.has("A", "history", NOW)
    assert not hand.has("A", "news", NOW)


def test_what_is_shown_is_plain_json() -> None:
    hand = AtHand()
    hand.begin(morning("A"))
    assert msgspec.json.decode(msgspec.json.encode(hand.about("A", NOW))) == hand.about("A", NOW)
