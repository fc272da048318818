from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.engine.inbox import Inbox, coalesce
from streams.bars import MINUTE_MS, SECOND_MS, concat, empty

if TYPE_CHECKING:
    from streams.bars import BarBatch

M0 = 1_736_000_040_000 // MINUTE_MS * MINUTE_MS


def bar(symbol: str, start_ms: int, length_ms: int = SECOND_MS, close: float = 10.0, volume: float = 100.0) -> BarBatch:
    batch = empty(1)
    batch.symbol[0] = symbol.encode()
    batch.start_ms[0], batch.length_ms[0], batch.arrival_ms[0] = start_ms, length_ms, start_ms + length_ms
    batch.values[:6, 0] = [close - 1, close + 1, close - 2, close, volume, close]
    return batch


def test_seconds_of_one_symbol_and_minute_merge_into_one_bar() -> None:
    bars = [bar("A", M0 + i * 1000, close=10.0 + i, volume=100.0 * (i + 1)) for i in (1, 0, 2)]
    merged = coalesce(concat([*bars, bar("B", M0), bar("A", M0 + MINUTE_MS)]))
    assert merged.symbol.tolist() == [b"A", b"B", b"A"]
    assert merged.values[:6, 0].tolist() == [9.0, 13.0, 8.0, 12.0, 600.0, (1000 + 2200 + 3600) / 600]
    assert merged.start_ms[0] == M0


def test_minute_bars_never_merge() -> None:
    bars = concat([bar("A", M0, MINUTE_MS), bar("A", M0, MINUTE_MS), bar("A", M0 + MINUTE_MS, MINUTE_MS)])
    assert coalesce(bars).size == 3


def test_a_full_inbox_merges_seconds_and_counts_them() -> None:
    inbox = Inbox(limit=4)
    for second in range(10):
        assert inbox.put(bar("A", M0 + second * 1000))
    assert inbox.put(bar("A", M0, MINUTE_MS))
    taken = inbox.take()
    assert taken.values[4, taken.length_ms < MINUTE_MS].sum() == 1000
    assert taken.size + inbox.merged == 11
    assert inbox.depth == 0


def test_minute_bars_that_do_not_fit_are_refused_and_what_waits_is_kept() -> None:
    inbox = Inbox(limit=2)
    assert inbox.put(bar("A", M0, MINUTE_MS))
    assert inbox.put(bar("B", M0, MINUTE_MS))
    assert not inbox.put(bar("C", M0, MINUTE_MS))
    assert inbox.take().symbol.tolist() == [b"A", b"B"]
    assert inbox.refused == 1


def test_an_empty_inbox_gives_an_empty_batch() -> None:
    assert Inbox(limit=2).take().size == 0


def test_order_of_arrival_survives_a_merge() -> None:
    names = ["C", "A", "B"]
    merged = coalesce(concat([bar(name, M0 + i * 1000) for i in range(2) for name in names]))
    assert merged.symbol.tolist() == [b"C", b"A", b"B"]
    assert np.all(merged.values[4] == 200)


def test_where_a_second_does_not_know_its_vwap_its_typical_price_counts() -> None:
    first, second = bar("A", M0, close=12.0), bar("A", M0 + 1000, close=20.0, volume=300.0)
    second.values[5] = np.nan
    merged = coalesce(concat([first, second]))
    typical = (21.0 + 18.0 + 20.0) / 3
    assert merged.values[5].tolist() == [(12.0 * 100 + typical * 300) / 400]


def test_what_is_taken_is_the_oldest_and_no_more_than_asked_for_but_whole_batches() -> None:
    assert Inbox(limit=100).oldest_s is None
    inbox = Inbox(limit=100)
    for n in range(4):
        inbox.put(concat([bar(f"S{n}", M0), bar(f"T{n}", M0)]), 10.0 + n)
    assert inbox.take(3).symbol.tolist() == [b"S0", b"T0", b"S1", b"T1"]
    assert inbox.oldest_s == 12.0
    assert inbox.take().size == 4
    assert inbox.depth == 0


def test_what_merges_is_as_old_as_its_oldest() -> None:
    inbox = Inbox(limit=2)
    for n in range(3):
        inbox.put(bar("A", M0 + n * 1000), 10.0 + n)
    assert (inbox.oldest_s, inbox.depth, inbox.merged) == (10.0, 2, 1)
