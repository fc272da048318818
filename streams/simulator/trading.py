"""One minute's trades: which names trade in which seconds, at what prices, how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from streams.types import Flags, Floats, Longs

SECONDS: Final = 60
"""In a minute."""

_FRACTIONAL_SHARE = 0.06
_LEAST_PRICE = 0.02


class Trading(NamedTuple):
    """k seconds in which some name traded, in order of (name, second); columns are of length k.

    Attributes:
        name, second: which name, and when in the minute.
        first: where each name begins; as long as there are names that traded.
        open, high, low, close, volume, vwap: the second bar.
        trades: how many it is made of.
    """

    name: Longs
    second: Longs
    first: Longs
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    trades: Floats


def seconds_traded(rng: np.random.Generator, rate: Floats) -> tuple[Longs, Longs, Longs]:
    """In which seconds each name trades: names and seconds in that order, and where each name begins."""
    chance = -np.expm1(-rate)
    traded: Flags = rng.random((len(rate), SECONDS), np.float32) < chance.astype(np.float32)[:, None]
    name, second = np.divmod(np.flatnonzero(traded), SECONDS)
    return name, second, np.flatnonzero(np.diff(name, prepend=-1))


def trade(
    rng: np.random.Generator,
    mid: Floats,
    traded: tuple[Longs, Longs, Longs],
    rate: Floats,
    lot: Floats,
    half_spread: Floats,
) -> Trading:
    """The trades of every second around its price: prices in ticks, shares in lots, some of them fractional."""
    name, second, first = traded
    size = len(name)
    trades = 1.0 + np.floor(rng.standard_exponential(size) * rate[name])
    half = np.maximum(mid * half_spread[name], np.where(mid < 1.0, 5e-5, 5e-3))
    noise = rng.standard_normal((4, size))
    start = mid + half * noise[0]
    end = np.where(trades > 1, mid + half * noise[1], start)
    beyond = half * np.abs(noise[2:]) * (trades > 2)  # noqa: PLR2004 - it takes a third trade to go beyond
    open_, close = _ticks(start), _ticks(end)
    high = _ticks(np.maximum(start, end) + beyond[0])
    low = _ticks(np.minimum(start, end) - beyond[1])
    volume = np.ceil(trades * lot[name] * np.exp(0.8 * rng.standard_normal(size) - 0.32))
    fraction = rng.random(size)
    fractional = fraction < _FRACTIONAL_SHARE
    volume[fractional] = (volume[fractional] - fraction[fractional]).round(6)
    vwap = ((open_ + high + low + close) / 4.0).round(4)
    return Trading(name, second, first, open_, high, low, close, volume, vwap, trades)


def _ticks(price: Floats) -> Floats:
    """Prices as they are quoted: cents, and below a dollar hundredths of a cent."""
    price = np.maximum(price, _LEAST_PRICE)
    return np.where(price < 1.0, price.round(4), price.round(2))


def within(values: Floats, first: Longs) -> Floats:
    """Running sums that begin anew with each name."""
    sums = np.cumsum(values)
    if len(first):
        before = sums[first] - values[first]
        sums -= np.repeat(before, np.diff(first, append=len(values)))
    return sums


def ends(first: Longs, size: int) -> Longs:
    """Where each name ends."""
    return np.append(first[1:], size)[: len(first)] - 1
