"""The frame: its ring, its rows, its saved state."""

from __future__ import annotations

import numpy as np
import pytest

from indicators import CATALOGUE, Frame
from indicators.errors import LookbackError, RowError, StateError
from tests.indicators.feeds import MINUTE_MS, OPEN_MS, block, feed, make_bars, run

SMA = CATALOGUE.spec("sma", [3])
WMA = CATALOGUE.spec("wma", [40])


def rising(size: int = 60) -> object:
    return make_bars([float(x) for x in range(1, size + 1)], [0.0] * size, [100.0] * size)


def test_equal_specs_share_one_column() -> None:
    frame = Frame([SMA, CATALOGUE.spec("sma", ["close", 3]), CATALOGUE.spec("macd")])
    assert frame.outputs[0] == ("sma(3)", "sma")
    assert frame.column("macd(12,26,9)", "histogram") == 3
    assert len(frame.out) == 4
    with pytest.raises(KeyError):
        frame.column("rsi(14)", "rsi")


def test_looks_back_bar_by_bar_and_no_further_than_there_are_bars() -> None:
    frame, rows = Frame([SMA], 4, lookback=8), np.array([2, 0])
    feed(frame, [rising(5), rising(3)], [2, 0], 0, 3)
    assert frame.bar("close", rows).tolist() == [3.0, 3.0]
    assert frame.bar("open", rows, 2).tolist() == [1.0, 1.0]
    assert np.isnan(frame.bar("close", rows, 3)).all()
    assert np.isnan(frame.bar("close", np.array([1])))


def test_looks_back_over_the_whole_ring_after_it_has_wrapped() -> None:
    frame = Frame([SMA], 1, lookback=8)
    feed(frame, [rising(60)], [0])
    assert [frame.bar("close", np.array([0]), back)[0] for back in range(8)] == [60.0 - back for back in range(8)]


def test_the_ring_is_as_deep_as_each_field_needs() -> None:
    frame = Frame([CATALOGUE.spec("sma", ["volume", 100])], 1, lookback={"high": 3})
    assert frame.bar("volume", np.array([0]), 99).shape == (1,)
    assert frame.bar("high", np.array([0]), 2).shape == (1,)
    with pytest.raises(LookbackError, match=r"close\[1\]: this frame keeps 1 bars of close"):
        frame.bar("close", np.array([0]), 1)
    with pytest.raises(LookbackError):
        frame.bar("high", np.array([0]), -1)


def test_an_unknown_vwap_is_kept_as_typical_price() -> None:
    bars = make_bars([10.0, 20.0], [1.0, 1.0], [1.0, 1.0], vwap_every=0)
    frame = Frame([], 1)
    feed(frame, [bars], [0])
    assert frame.bar("vwap", np.array([0]))[0] == bars.typical[1]


def test_counts_bars_and_remembers_their_start() -> None:
    frame = Frame([SMA], 3)
    feed(frame, [rising(5)], [1])
    assert frame.count.tolist() == [0, 5, 0]
    assert frame.last_start.tolist() == [0, OPEN_MS + 4 * MINUTE_MS, 0]


@pytest.mark.parametrize("row", [-1, 4, 2**40])
def test_a_row_outside_is_refused_before_anything_changes(row: int) -> None:
    frame = Frame([SMA], 4)
    now = block([rising(1)] * 2, 0)
    for close in (frame.update, frame.peek):
        with pytest.raises(RowError, match="in a frame of 4"):
            close(np.array([0, row]), *now)
    assert not frame.count.any()


def test_more_rows_than_there_are_is_refused() -> None:
    now = block([rising(1)] * 2, 0)
    with pytest.raises(RowError, match="2 rows in a frame of 1"):
        Frame([SMA], 1).update(np.zeros(2, np.int64), *now)


def test_takes_bars_from_any_layout_of_memory() -> None:
    frame, bars = Frame([SMA], 2), rising(4)
    for t in range(4):
        now = [np.asfortranarray(array) for array in block([bars, bars], t)]
        for array in now:
            array.setflags(write=False)
        frame.update(np.array([0, 9, 1])[::2], *now)
    assert frame.out[0].tolist() == [3.0, 3.0]


def test_an_empty_batch_changes_nothing() -> None:
    frame, none = Frame([SMA], 1), np.zeros(0, np.int64)
    frame.update(none, none, np.zeros((6, 0)), none)
    frame.peek(none, none, np.zeros((6, 0)), none)
    assert not frame.count.any()


def test_growth_at_least_doubles_and_fills_with_fresh_rows() -> None:
    frame = Frame([SMA], 4)
    feed(frame, [rising(5)], [3])
    frame.reserve(5)
    assert frame.capacity == 8
    assert np.isnan(frame.out[0, 4:]).all()
    assert frame.out[0, 3] == 4.0
    frame.reserve(2)
    assert frame.capacity == 8
    assert frame.size_bytes > 0


def test_saved_state_loads_with_other_indicators_and_warms_up_the_new() -> None:
    bars = rising(60)
    old, new = Frame([SMA, CATALOGUE.spec("rsi")], 1, lookback=10), Frame([WMA, SMA], 1)
    feed(old, [bars], [0], 0, 10)
    assert new.load_arrays(old.to_arrays()) == ("wma(40)",)
    assert new.bar("close", np.array([0]), 9)[0] == 1.0
    values = feed(new, [bars], [0], 10)[0]
    np.testing.assert_array_equal(values[1], run([SMA], bars)[0, 10:])
    assert np.isnan(values[0, :39]).all()
    np.testing.assert_array_equal(values[0, 39:], run([WMA], bars)[0, 49:])


def test_saved_state_of_another_width_warms_up_anew() -> None:
    frame = Frame([SMA], 1)
    feed(frame, [rising(5)], [0])
    saved = dict(frame.to_arrays())
    saved["state/sma(3)"] = saved["state/sma(3)"][:, :1]
    assert Frame([SMA], 1).load_arrays(saved) == ("sma(3)",)


@pytest.mark.parametrize("missing", ["count", "ring"])
def test_saved_state_that_lacks_an_array_is_refused(missing: str) -> None:
    saved = {name: array for name, array in Frame([SMA], 1).to_arrays().items() if name != missing}
    with pytest.raises(StateError, match=f"lacks {missing}"):
        Frame([SMA], 1).load_arrays(saved)


@pytest.mark.parametrize("cut", ["count", "last_start", "ring"])
def test_saved_arrays_that_do_not_fit_together_are_refused(cut: str) -> None:
    saved = dict(Frame([SMA], 2).to_arrays())
    saved[cut] = saved[cut][:1]
    with pytest.raises(StateError, match="do not fit together"):
        Frame([SMA], 1).load_arrays(saved)
