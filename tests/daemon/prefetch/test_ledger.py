from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.prefetch import ledger as module
from daemon.prefetch.ledger import Figures, Label, Ledger
from daemon.prefetch.plan import HORIZON_MS, MINUTE_MS

T0 = 1_736_000_000_000 // MINUTE_MS * MINUTE_MS


def test_a_need_of_what_was_prefetched_is_a_hit_and_saves_what_the_fetch_took() -> None:
    ledger = Ledger()
    ledger.fetched("NVDA", "news", T0, latency_ms=120.0)
    assert ledger.needed("NVDA", "news", T0 + MINUTE_MS, cache_ms=1.5, ready=True)
    figures = ledger.since_start()
    assert (figures.needs, figures.ready, figures.hits, figures.calls) == (1, 1, 1, 1)
    assert figures.saved_ms == pytest.approx(118.5)


def test_what_an_earlier_need_has_fetched_is_ready_but_no_hit() -> None:
    ledger = Ledger()
    assert not ledger.needed("NVDA", "news", T0, 1.0, ready=False)
    assert not ledger.needed("NVDA", "news", T0, 1.0, ready=True)
    figures = ledger.since_start()
    assert (figures.needs, figures.ready, figures.hits, figures.hit_rate) == (2, 1, 0, 0.5)


def test_what_is_no_longer_fresh_when_needed_is_no_hit_then_or_later() -> None:
    ledger = Ledger()
    ledger.fetched("NVDA", "news", T0, 120.0)
    assert not ledger.needed("NVDA", "news", T0 + 20 * MINUTE_MS, 1.0, ready=False)
    assert not ledger.needed("NVDA", "news", T0 + 21 * MINUTE_MS, 1.0, ready=True)
    assert ledger.labels(T0 + HORIZON_MS + 1) == [Label("NVDA", "news", T0, used=False)]


@pytest.mark.parametrize(("after_ms", "used"), [(0, True), (HORIZON_MS, True), (HORIZON_MS + 1, False)])
def test_a_use_counts_within_thirty_minutes_of_market_time(after_ms: int, used: bool) -> None:
    ledger = Ledger()
    ledger.fetched("NVDA", "details", T0, 120.0)
    ledger.needed("NVDA", "details", T0 + after_ms, 1.0, ready=True)
    assert ledger.labels(T0 + HORIZON_MS) == []
    assert ledger.labels(T0 + HORIZON_MS + 1) == [Label("NVDA", "details", T0, used=used)]
    assert ledger.since_start().precision == used
    assert ledger.since_start().hits == 1


def test_calls_that_came_to_nothing_are_calls_spent() -> None:
    ledger = Ledger()
    ledger.failed(T0, calls=2)
    assert ledger.since_start().calls == 2
    assert ledger.since_start().calls_per_hit == math.inf


def test_before_anything_happens_no_rate_is_known() -> None:
    figures = Ledger().since_start()
    assert figures == Figures()
    assert all(math.isnan(rate) for rate in (figures.hit_rate, figures.precision, figures.calls_per_hit))


def test_items_beyond_what_is_remembered_give_way_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 2)
    monkeypatch.setattr(module, "MOST_LABELS", 2)
    ledger = Ledger()
    for number, symbol in enumerate("ABC"):
        ledger.fetched(symbol, "news", T0 + number, 120.0)
    assert not ledger.needed("A", "news", T0 + 9, 1.0, ready=True)
    assert ledger.needed("B", "news", T0 + 9, 1.0, ready=True)
    assert ledger.labels(T0 + 9) == [Label("A", "news", T0, used=False)]


EVENTS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from("AB"), st.sampled_from(["fetch", "need", "miss", "fail"])),
    max_size=60,
)


@given(EVENTS)
def test_figures_are_the_sum_of_what_happened_and_the_last_hour_of_its_minutes(
    events: list[tuple[int, str, str]],
) -> None:
    ledger, minute, happened, fetched = Ledger(), 0, [], 0
    for passed, symbol, what in events:
        minute += passed
        now_ms = T0 + minute * MINUTE_MS
        happened.append((minute, what))
        if what == "fetch":
            fetched += 1
            ledger.fetched(symbol, "news", now_ms + fetched, 120.0)
        elif what == "fail":
            ledger.failed(now_ms)
        else:
            ledger.needed(symbol, "news", now_ms, 2.0, ready=what == "need")
    total, hour = ledger.since_start(), ledger.last_hour(T0 + minute * MINUTE_MS)
    for figures, kept in ((total, happened), (hour, [one for one in happened if one[0] > minute - 60])):
        whats = [what for _, what in kept]
        assert figures.calls == whats.count("fetch") + whats.count("fail")
        assert figures.needs == whats.count("need") + whats.count("miss")
        assert figures.ready == whats.count("need")
        assert figures.hits <= figures.ready
        assert figures.saved_ms == pytest.approx(118.0 * figures.hits)
    assert len(ledger.labels(T0 + 10**12)) == whats_fetched(happened)
    assert ledger.since_start().answered == whats_fetched(happened)


def whats_fetched(happened: list[tuple[int, str]]) -> int:
    return sum(what == "fetch" for _, what in happened)
