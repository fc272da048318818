"""A synthetic market: second by second, of as many names as wanted, seeded and repeatable.

Prices follow a market factor, a factor of each sector and a path of their own; how much trades follows the hour of
day, the name, and bursts that come out of nowhere and die down. A name is silent while nobody trades it. Every day
begins with a gap. The minute bars are those of the same trades as the second bars, except that some trades count
for volume alone: they enter minute bar and day, but no second bar.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from streams.bars import FIELDS, MINUTE_MS, SECOND_MS, BarBatch
from streams.simulator import rhythm
from streams.simulator.errors import SourceError
from streams.simulator.hours import OPEN, SATURDAY, at, trading_day, weekdays
from streams.simulator.tape import NOTHING, Minute, Prints
from streams.simulator.trading import SECONDS, ends, seconds_traded, trade, within
from streams.simulator.universe import SECTORS, universe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import time

    from streams.simulator.trading import Trading
    from streams.types import Floats, Longs

FIRST_DAY: Final = date(2025, 3, 10)
"""A Monday after which 29 days follow without a holiday."""

MOST_SYMBOLS: Final = 50_000

_SESSION_S: Final = rhythm.SESSION_MINUTES * SECONDS
_MARKET_DAILY, _SECTOR_DAILY = 0.009, 0.008
_GAP_SHARE = 0.6
_GAP_FREEDOM = 3.0
_BURSTS_A_MINUTE, _BURST_HEAT, _COOLING = 1.2e-3, 12.0, 0.88
_VOLUME_ONLY_SHARE = 0.03
_LONGEST_SILENCE_S = 1_800


class SyntheticMarket:
    """The market as a source of minutes, generated one by one as they are asked for.

    A minute of 10,000 names costs 15 to 40 ms. The same arguments give the same bars.

    Args:
        symbols: how many names.
        seed: another seed is another market.
        first_day: a weekday; holidays are not known.
        days: how many weekdays.
        start: time of day, New York, at which the first minute begins; before 09:30 trading is thin, and then every
            day begins at that time.

    Attributes:
        symbols: ``S16[N]``, sorted.
        start_ms: start of the first minute.
        end_ms: end of the last.

    Raises:
        SourceError: there is no such market.
    """

    def __init__(
        self,
        symbols: int,
        *,
        seed: int = 0,
        first_day: date = FIRST_DAY,
        days: int = 1,
        start: time = OPEN,
    ) -> None:
        _refuse_impossible(symbols, first_day, days, start)
        self._seed = seed
        self._days = weekdays(first_day, days)
        self._start = start
        self.start_ms = at(first_day, start)
        self.end_ms = trading_day(self._days[-1]).close_ms
        self._universe = universe(symbols, self._random(0))
        self.symbols = self._universe.symbol
        self._common = np.zeros(symbols)
        self._own = np.log(self._universe.price)
        self._heat = np.zeros(symbols)
        self._drift = np.zeros(symbols)
        self._traded_s = np.zeros(symbols)
        self._volume, self._turnover, self._open = (np.zeros(symbols) for _ in range(3))

    def minutes(self) -> Iterator[Minute]:
        """All minutes in order. Ask once: prices move on as minutes are taken."""
        for number, day in enumerate(self._days):
            open_ms, close_ms = at(day, OPEN), trading_day(day).close_ms
            first_ms = at(day, self._start if number == 0 else min(self._start, OPEN))
            self._open_day(self._random(1, number), (first_ms - open_ms) / SECOND_MS)
            for start_ms in range(first_ms, close_ms, MINUTE_MS):
                yield self._minute(self._random(2, start_ms // MINUTE_MS), start_ms, (start_ms - open_ms) // MINUTE_MS)

    def _random(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, *key))

    def _open_day(self, rng: np.random.Generator, now_s: float) -> None:
        """Move prices overnight, some of them far; what moved far will be busy."""
        names = self._universe
        market, sector = rng.standard_normal() * _MARKET_DAILY, rng.standard_normal(SECTORS) * _SECTOR_DAILY
        own = rng.standard_t(_GAP_FREEDOM, len(names.symbol)).clip(-9, 9)
        common = names.market_beta * market + names.sector_beta * sector[names.sector]
        self._common += _GAP_SHARE * common
        self._own += _GAP_SHARE / np.sqrt(_GAP_FREEDOM) * names.volatility * own
        self._heat = 1.5 * (np.abs(own) - 2.5).clip(0.0)
        self._drift = 0.2 * np.sign(own) * rng.standard_normal(len(own))
        self._traded_s[:] = now_s - 1.0
        self._volume[:], self._turnover[:], self._open[:] = 0.0, 0.0, np.nan

    def _minute(self, rng: np.random.Generator, start_ms: int, number: int) -> Minute:
        busy = rhythm.activity(number)
        self._burst(rng)
        rate = self._universe.activity * busy * (1.0 + self._heat) / SECONDS
        traded = seconds_traded(rng, rate)
        mid = self._walk(rng, busy, float(number * SECONDS), traded)
        trading = trade(rng, mid, traded, rate, self._universe.lot, self._universe.half_spread)
        seconds = self._seconds(start_ms, trading, regular=number >= 0)
        return Minute(start_ms, seconds, self._minutes(start_ms, trading, self._volume_only(rng)))

    def _burst(self, rng: np.random.Generator) -> None:
        """Let bursts cool, and new ones begin."""
        self._heat *= _COOLING
        size = len(self._heat)
        struck = np.flatnonzero(rng.random(size) < _BURSTS_A_MINUTE)
        self._heat[struck] += _BURST_HEAT * rng.exponential(size=len(struck))
        self._drift[struck] = rng.choice((-0.5, 0.5), len(struck))

    def _walk(self, rng: np.random.Generator, busy: float, now_s: float, traded: tuple[Longs, Longs, Longs]) -> Floats:
        """Price of every second in which a name traded, before spread and rounding; moves all prices on."""
        name, second, first = traded
        names = self._universe
        pace = np.sqrt(busy / _SESSION_S)
        market = np.cumsum(rng.standard_normal(SECONDS)) * (_MARKET_DAILY * pace)
        sector = np.cumsum(rng.standard_normal((SECTORS, SECONDS)), axis=1) * (_SECTOR_DAILY * pace)
        common = self._common[name] + names.market_beta[name] * market[second]
        common += names.sector_beta[name] * sector[names.sector[name], second]

        elapsed = self._elapsed(name, second, first, now_s)
        step = names.volatility * pace * (1.0 + 0.6 * self._heat)
        drift = step * self._drift * (self._heat > 1.0) * 0.5
        own = step[name] * np.sqrt(elapsed) * rng.standard_normal(len(name)) + drift[name] * elapsed
        own = self._own[name] + within(own, first)

        last = ends(first, len(name))
        self._own[name[last]] = own[last]
        self._traded_s[name[last]] = now_s + second[last]
        self._common += names.market_beta * market[-1] + names.sector_beta * sector[names.sector, -1]
        price: Floats = np.exp(common + own)
        return price

    def _elapsed(self, name: Longs, second: Longs, first: Longs, now_s: float) -> Floats:
        """Seconds since the name last traded, at most half an hour."""
        elapsed = np.diff(second, prepend=0).astype(np.float64)
        elapsed[first] = now_s + second[first] - self._traded_s[name[first]]
        return elapsed.clip(1.0, _LONGEST_SILENCE_S)

    def _volume_only(self, rng: np.random.Generator) -> Floats:
        """Shares of each name in trades that make no bar, odd in size; at the day's vwap, which so stays."""
        size = len(self._volume)
        struck = rng.random(size) < _VOLUME_ONLY_SHARE * np.minimum(self._universe.activity, 10.0)
        extra = np.where(struck & (self._volume > 0.0), rng.integers(1, 400, size), 0.0)
        self._turnover *= 1.0 + extra / np.maximum(self._volume, 1.0)
        self._volume += extra
        return extra

    def _seconds(self, start_ms: int, t: Trading, *, regular: bool) -> Prints:
        """The second bars, in order of (second, name); the day goes on with them."""
        if regular:
            opened = t.name[t.first]
            self._open[opened] = np.where(np.isnan(self._open[opened]), t.open[t.first], self._open[opened])
        volume = self._volume[t.name] + within(t.volume, t.first)
        turnover = self._turnover[t.name] + within(t.volume * t.vwap, t.first)
        last = ends(t.first, len(t.name))
        self._volume[t.name[last]], self._turnover[t.name[last]] = volume[last], turnover[last]
        order = np.argsort(t.second.astype(np.int16), kind="stable")
        values = np.empty((len(FIELDS), len(order)))
        day = (volume.round(6), self._open[t.name], (turnover / volume).round(4))
        for row, column in enumerate((t.open, t.high, t.low, t.close, t.volume, t.vwap, *day)):
            values[row] = column[order]
        starts = start_ms + t.second[order] * SECOND_MS
        return self._prints(t.name[order], starts, SECOND_MS, values, t.trades[order])

    def _minutes(self, start_ms: int, t: Trading, extra: Floats) -> Prints:
        """The minute bars, in order of name, trades for volume alone among their volume."""
        if not len(t.name):
            return NOTHING
        name, last = t.name[t.first], ends(t.first, len(t.name))
        high, low = np.maximum.reduceat(t.high, t.first), np.minimum.reduceat(t.low, t.first)
        volume, turnover = np.add.reduceat(t.volume, t.first), np.add.reduceat(t.volume * t.vwap, t.first)
        trades = np.add.reduceat(t.trades, t.first)
        day = (self._volume[name], self._open[name], self._turnover[name] / self._volume[name])
        columns = (t.open[t.first], high, low, t.close[last], volume + extra[name], turnover / volume, *day)
        values = np.stack(columns)
        values[[4, 6]] = values[[4, 6]].round(6)
        values[[5, 8]] = values[[5, 8]].round(4)
        return self._prints(name, np.full(len(name), start_ms), MINUTE_MS, values, trades)

    def _prints(self, name: Longs, starts: Longs, length_ms: int, values: Floats, trades: Floats) -> Prints:
        length = np.full(len(name), length_ms, np.int64)
        bars = BarBatch(self.symbols[name], starts, length, starts + length, values)
        return Prints(bars, np.maximum(values[4] / trades, 1.0).astype(np.int64))


def _refuse_impossible(symbols: int, first_day: date, days: int, start: time) -> None:
    if not 1 <= symbols <= MOST_SYMBOLS:
        raise SourceError(f"a synthetic market has 1 to {MOST_SYMBOLS} symbols, not {symbols}")
    if first_day.weekday() >= SATURDAY:
        raise SourceError(f"{first_day} is no weekday: nothing trades")
    if days < 1:
        raise SourceError(f"a synthetic market lasts 1 day or more, not {days}")
    day = trading_day(first_day)
    if not day.early_ms <= at(first_day, start) < day.close_ms or start.second or start.microsecond:
        raise SourceError(f"trading begins at a full minute from 04:00 to 15:59 New York, not at {start}")
