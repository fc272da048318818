"""Laws that every indicator of the catalogue obeys, none of them named here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indicators import Frame
from indicators.naive import Bars
from tests.indicators.feeds import (
    DAY_MS,
    block,
    columns,
    default_specs,
    feed,
    flat_bars,
    joined,
    make_bars,
    random_bars,
    run,
    twin,
    varied_specs,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from indicators import Spec
    from tests.indicators.feeds import (
        Block,
    )

    Floats = NDArray[np.float64]

PRE_MARKET_MS, NEW_YORK_OPEN_MS = 32_400_000, 52_200_000

few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
specs_by_key = pytest.mark.parametrize("spec", varied_specs(), ids=str)


AMPLIFIES = {"stoch_rsi": 1e-7}
"""Indicators that divide by a range as small as a millionth of what they are made of, and their rounding with it."""


def assert_agrees(values: Floats, expected: Floats, spec: Spec) -> None:
    """Equal to 1e-9 of the value, or of the largest one: sums of a window are no better than their terms."""
    scale = np.nanmax(np.abs(expected), initial=1.0)
    atol = AMPLIFIES.get(spec.indicator.name, 1e-9) * scale
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=atol, err_msg=spec.key)


def walk(seed: int, size: int = 90) -> Bars:
    rng = np.random.default_rng(seed)
    close = 50 + np.cumsum(np.round(rng.normal(0, 0.05, size), 2))
    return make_bars(close, np.round(rng.uniform(0, 0.1, size), 2), rng.integers(1, 100_000, size))


@specs_by_key
@few
@given(bars=random_bars())
def test_equals_its_twin_on_random_bars(spec: Spec, bars: Bars) -> None:
    assert_agrees(run([spec], bars), twin(spec, bars), spec)


@pytest.mark.parametrize("symbol", ["NVDA", "TWLO", "MELI"])
def test_equals_its_twin_on_real_bars(symbol: str, real_bars: Callable[[str], Bars]) -> None:
    bars = real_bars(symbol)
    specs = default_specs()
    values = run(specs, bars)
    for spec, stretch in columns(specs):
        assert_agrees(values[stretch], twin(spec, bars), spec)


@specs_by_key
def test_has_no_value_before_its_warm_up_and_one_from_then_on(spec: Spec) -> None:
    bars = walk(1)
    known = ~np.isnan(run([spec], bars))
    expected = ~np.isnan(twin(spec, bars))
    for warmup, row, due in zip(spec.warmups, known, expected, strict=True):
        assert not row[: warmup - 1].any()
        np.testing.assert_array_equal(row, due if spec.indicator.waits else np.arange(len(row)) >= warmup - 1)


@few
@given(bars=random_bars())
def test_lacks_a_value_after_warm_up_only_where_the_catalogue_says_so(bars: Bars) -> None:
    specs = varied_specs()
    values = run(specs, bars)
    for spec, stretch in columns(specs):
        for warmup, row in zip(spec.warmups, values[stretch], strict=True):
            assert spec.indicator.undefined or not np.isnan(row[warmup - 1 :]).any(), spec.key


@pytest.mark.parametrize("price", [0.0001, 0.1, 33.33, 600_000.0])
@pytest.mark.parametrize("volume", [0.0, 0.3, 1e9])
def test_is_never_infinite_and_agrees_with_its_twin_when_nothing_moves(price: float, volume: float) -> None:
    bars = flat_bars(price, volume=volume)
    specs = varied_specs()
    values = run(specs, bars)
    assert not np.isinf(values).any()
    for spec, stretch in columns(specs):
        assert_agrees(values[stretch], twin(spec, bars), spec)


def test_is_defined_again_and_exact_after_a_price_that_stood_still() -> None:
    moving, still = walk(2, 40), flat_bars(0.1, 40)
    bars = joined(moving, still, moving)
    specs = varied_specs()
    values = run(specs, bars)
    assert not np.isinf(values).any()
    for spec, stretch in columns(specs):
        assert_agrees(values[stretch], twin(spec, bars), spec)


def test_forgets_a_far_larger_price_to_the_last_digit() -> None:
    huge, small = walk(7, 200), walk(8, 120)
    bars = joined(Bars(*(column * 1e4 for column in huge)), small)
    specs = varied_specs()
    values = run(specs, bars)[:, -20:]
    for spec, stretch in columns(specs):
        assert_agrees(values[stretch], twin(spec, bars)[:, -20:], spec)


def test_does_not_depend_on_batch_size_or_on_the_order_of_symbols() -> None:
    many = [walk(seed) for seed in range(4)]
    specs = varied_specs()
    together = feed(Frame(specs, 8), many, [5, 0, 3, 6])
    turned = feed(Frame(specs, 4), many[::-1], [0, 1, 2, 3])
    alone = np.stack([run(specs, bars) for bars in many])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(turned[::-1], alone)


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_does_not_depend_on_who_else_has_a_bar_and_where_it_stands(seed: int) -> None:
    rng = np.random.default_rng(seed)
    many, specs = [walk(number, 40) for number in range(3)], varied_specs()
    frame, taken = Frame(specs, 4), np.zeros(3, np.int64)
    values = np.full((3, len(frame.outputs), 40), np.nan)
    while (taken < 40).any():
        some = rng.permutation(np.flatnonzero((taken < 40) & (rng.random(3) < 0.6)))
        blocks = [block([many[k]], taken[k]) for k in some]
        if blocks:
            joint = (np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True))
            frame.update(some + 1, *joint)
            values[some, :, taken[some]] = frame.out[:, some + 1].T
            taken[some] += 1
    np.testing.assert_array_equal(values, np.stack([run(specs, bars) for bars in many]))


def scaled(bars: Bars, price: float, volume: float) -> Bars:
    """The same bars in another currency and in lots; the market's level has a unit of its own."""
    prices = {name: getattr(bars, name) * price for name in ("open", "high", "low", "close", "vwap", "previous_close")}
    return bars._replace(**prices, volume=bars.volume * volume)


def degrees(spec: Spec) -> tuple[tuple[int, int] | None, ...]:
    """What the catalogue claims; of the volume as a source the degree is that in volume."""
    claimed = spec.indicator.scales or (None,) * len(spec.outputs)
    if spec.arguments and spec.arguments[0] == "volume":
        return tuple(degree and degree[::-1] for degree in claimed)
    return claimed


@few
@given(bars=random_bars(), price=st.integers(-9, 9), volume=st.integers(-9, 9))
def test_scales_with_price_and_volume_to_the_last_bit_as_the_catalogue_claims(
    bars: Bars, price: int, volume: int
) -> None:
    specs = varied_specs()
    plain, other = run(specs, bars), run(specs, scaled(bars, 2.0**price, 2.0**volume))
    for spec, stretch in columns(specs):
        for degree, before, after in zip(degrees(spec), plain[stretch], other[stretch], strict=True):
            if degree is not None:
                factor = 2.0 ** (price * degree[0] + volume * degree[1])
                np.testing.assert_array_equal(after, before * factor, err_msg=spec.key)


def test_does_not_leak_into_other_rows() -> None:
    specs = varied_specs()
    frame = Frame(specs, 3)
    feed(frame, [walk(1)], [1])
    for name, array in frame.to_arrays().items():
        rows = array.T if name == "ring" or name.startswith("out/") else array
        if name != "layout":
            assert not np.nan_to_num(rows[[0, 2]]).any(), name


def test_starts_anew_in_a_row_that_was_zeroed() -> None:
    specs = varied_specs()
    frame = Frame(specs, 2)
    feed(frame, [walk(1), walk(2)], [0, 1])
    frame.zero(0)
    assert np.isnan(frame.out[:, 0]).all()
    assert not np.isnan(frame.out[:, 1]).all()
    np.testing.assert_array_equal(feed(frame, [walk(3)], [0])[0], run(specs, walk(3)))


@few
@given(at=st.integers(0, 89), capacity=st.integers(1, 5))
def test_goes_on_bit_for_bit_from_saved_arrays(at: int, capacity: int) -> None:
    bars, specs = walk(4), varied_specs()
    before = Frame(specs, 2)
    if at:
        feed(before, [bars], [0], 0, at)
    after = Frame(specs, capacity)
    assert after.load_arrays({name: array.copy() for name, array in before.to_arrays().items()}) == ()
    np.testing.assert_array_equal(after.out[:, 0], before.out[:, 0])
    np.testing.assert_array_equal(feed(after, [bars], [0], at), feed(before, [bars], [0], at))


def test_goes_on_bit_for_bit_when_the_frame_grows() -> None:
    many, specs = [walk(seed) for seed in range(3)], varied_specs()
    frame = Frame(specs, 1)
    first = feed(frame, many[:1], [0], 0, 40)
    frame.reserve(3)
    rest = feed(frame, many[:1], [0], 40)
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=2)[0], run(specs, many[0]))


def test_peek_says_what_update_would_and_changes_nothing() -> None:
    many, specs = [walk(5), walk(6)], varied_specs()
    frame, rows = Frame(specs, 3), np.array([2, 0])
    for t in range(len(many[0].close)):
        now = block(many, t)
        _peek_at_others(frame, rows, now)
        before = {name: array.copy() for name, array in frame.to_arrays().items()}
        frame.peek(rows, *now)
        peeked = frame.peeked[:, rows].copy()
        for name, array in frame.to_arrays().items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)
        frame.update(rows, *now)
        np.testing.assert_array_equal(frame.out[:, rows], peeked)


def _peek_at_others(frame: Frame, rows: NDArray[np.int64], now: Block) -> None:
    """Forming bars as they come second by second: another price each time."""
    for price in (0.01, 51.0, 9_000.0):
        frame.peek(rows, *now._replace(bars=block([flat_bars(price, 1)] * 2, 0).bars))


@pytest.fixture
def real_bars(data_file: Callable[[str], Path]) -> Callable[[str], Bars]:
    """The first 800 minutes of a symbol in January 2025, when New York opened at 14:30 UTC."""
    duckdb = pytest.importorskip("duckdb")
    path = data_file("minute_2025_01.parquet")

    def read(symbol: str) -> Bars:
        query = "select * from read_parquet(?) where symbol = ? order by ts limit 800"
        with duckdb.connect() as connection:
            found = connection.execute(query, [str(path), symbol]).fetchnumpy()
        prices = [found[name].astype(np.float64) for name in ("open", "high", "low", "close", "volume")]
        size = len(found["ts"])
        day = found["ts"] // DAY_MS * DAY_MS
        closes = np.where(day == day[0], prices[0][0], prices[3][np.maximum(np.searchsorted(day, day) - 1, 0)])
        begin_ms = np.where(found["ts"] - day < NEW_YORK_OPEN_MS, day + PRE_MARKET_MS, day + NEW_YORK_OPEN_MS)
        market = 1000.0 + np.cumsum(np.random.default_rng(5).normal(0, 1, size))
        return Bars(*prices, np.full(size, np.nan), begin_ms, found["ts"], closes, market)

    return read
