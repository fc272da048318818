"""The listed names of a synthetic market: tickers, and how each of them trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from streams.types import Floats, Longs, Symbols

SECTORS: Final = 11

_LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_LENGTHS = (1, 2, 3, 4, 5)
_LENGTH_WEIGHTS = (0.002, 0.025, 0.38, 0.5, 0.093)
_SUFFIXES = ("", ".A", ".B", "pA", "pC", "pL", ".WS", ".U")
_SUFFIX_WEIGHTS = (0.93, 0.008, 0.012, 0.012, 0.01, 0.008, 0.01, 0.01)

_SECONDS_A_MINUTE = 2.0
_SECONDS_SPREAD = 1.6
_DAILY_VOLATILITY = 0.017


class Universe(NamedTuple):
    """N names, one column a trait.

    Attributes:
        symbol: ``S16[N]``, sorted; some with a dot or a lower-case letter.
        sector: ``int64[N]``, 0 to `SECTORS` - 1.
        price: ``float64[N]``, the first day's before the opening gap.
        market_beta, sector_beta: ``float64[N]``, share of the common moves.
        volatility: ``float64[N]``, standard deviation of the name's own daily move.
        activity: ``float64[N]``, seconds a minute in which it trades, before the hour of day is considered.
        lot: ``float64[N]``, shares an average trade has.
        half_spread: ``float64[N]``, relative.
    """

    symbol: Symbols
    sector: Longs
    price: Floats
    market_beta: Floats
    sector_beta: Floats
    volatility: Floats
    activity: Floats
    lot: Floats
    half_spread: Floats


def universe(size: int, rng: np.random.Generator) -> Universe:
    """`size` names, a few of them traded all the time and many of them seldom.

    The spread of activity is that of real listings: of a typical minute about a third of them are silent. What
    trades less is more volatile, dearer to trade, and cheaper.
    """
    liquidity = rng.standard_normal(size)
    price = np.exp(3.4 + 0.35 * liquidity + 0.9 * rng.standard_normal(size)).clip(0.6, 3_000)
    return Universe(
        symbol=_tickers(size, rng),
        sector=rng.integers(SECTORS, size=size),
        price=price,
        market_beta=(1.0 + 0.35 * rng.standard_normal(size)).clip(0.0, 2.5),
        sector_beta=(0.8 + 0.3 * rng.standard_normal(size)).clip(0.0, 2.0),
        volatility=_DAILY_VOLATILITY * np.exp(-0.2 * liquidity + 0.35 * rng.standard_normal(size)),
        activity=(_SECONDS_A_MINUTE * np.exp(_SECONDS_SPREAD * liquidity)).clip(0.02, 240.0),
        lot=(3_000 / price * np.exp(0.3 * rng.standard_normal(size))).clip(4.0, 900.0),
        half_spread=1e-4 * np.exp(-0.7 * liquidity).clip(0.5, 20.0),
    )


def _tickers(size: int, rng: np.random.Generator) -> Symbols:
    """`size` different tickers, sorted."""
    found: dict[str, None] = {}
    while len(found) < size:
        found |= dict.fromkeys(_draw(size, rng))
    return np.array(sorted(list(found)[:size]), SYMBOL)


def _draw(count: int, rng: np.random.Generator) -> list[str]:
    letters = rng.choice(_LETTERS, (count, max(_LENGTHS)))
    lengths = rng.choice(_LENGTHS, count, p=_LENGTH_WEIGHTS)
    suffixes = rng.choice(_SUFFIXES, count, p=_SUFFIX_WEIGHTS)
    return ["".join(row[:n]) + tail for row, n, tail in zip(letters, lengths, suffixes, strict=True)]
