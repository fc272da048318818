from __future__ import annotations

from datetime import date, time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.bars import MINUTE_MS, SECOND_MS, concat
from streams.polygon.codec import Codec
from streams.simulator import wire
from streams.simulator.errors import SourceError
from streams.simulator.hours import at
from streams.simulator.market import FIRST_DAY, SyntheticMarket
from streams.simulator.rhythm import SESSION_MINUTES, activity
from streams.simulator.tape import emissions

if TYPE_CHECKING:
    from streams.bars import BarBatch
    from streams.types import Floats, Longs

NAMES = 400
DAYS = 3


class Record:
    """Everything a market did, by minute and name."""

    def __init__(self) -> None:
        self.market = SyntheticMarket(NAMES, seed=11, days=DAYS)
        self.seconds: list[BarBatch] = []
        self.minutes: list[BarBatch] = []
        for minute in self.market.minutes():
            self.seconds.append(minute.seconds.bars)
            self.minutes.append(minute.minutes.bars)

    def grid(self, field: int) -> Floats:
        """``float64[minutes, NAMES]`` of a field of the minute bars, NaN where silent."""
        grid = np.full((len(self.minutes), NAMES), np.nan)
        for number, bars in enumerate(self.minutes):
            grid[number, np.searchsorted(self.market.symbols, bars.symbol)] = bars.values[field]
        return grid


@cache
def record() -> Record:
    return Record()


def returns(every: int) -> Floats:
    """Log returns over `every` minutes of the first day, the last price standing through silence."""
    close = record().grid(3)[:SESSION_MINUTES]
    for row in range(1, len(close)):
        close[row] = np.where(np.isnan(close[row]), close[row - 1], close[row])
    return np.diff(np.log(close[::every]), axis=0)


def liquid() -> Longs:
    return np.flatnonzero(record().market._universe.activity > 4.0)


def test_the_same_seed_gives_the_same_market_and_another_one_another() -> None:
    def prefix(seed: int) -> BarBatch:
        minutes = SyntheticMarket(50, seed=seed).minutes()
        return concat([next(minutes).minutes.bars for _ in range(20)])

    first, again, other = prefix(1), prefix(1), prefix(2)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert first.symbol.tolist() != other.symbol.tolist()


def test_tickers_look_like_tickers_and_none_comes_twice() -> None:
    symbols = SyntheticMarket(10_000).symbols.tolist()
    assert len(set(symbols)) == 10_000
    assert symbols == sorted(symbols)
    assert 100 < sum(b"." in symbol for symbol in symbols) < 1_000
    assert 100 < sum(not symbol.isupper() for symbol in symbols) < 1_000


def test_a_session_has_its_390_minutes_on_weekdays_only() -> None:
    starts = [int(bars.start_ms[0]) for bars in record().minutes]
    assert len(starts) == DAYS * SESSION_MINUTES
    assert starts[0] == at(FIRST_DAY, time(9, 30))
    assert starts[-1] == at(date(2025, 3, 12), time(15, 59))
    assert record().market.end_ms == starts[-1] + MINUTE_MS


def test_the_first_minute_can_be_chosen() -> None:
    afternoon = SyntheticMarket(20, start=time(15, 58), days=2).minutes()
    starts = [minute.start_ms for minute in afternoon]
    assert starts[:3] == [at(FIRST_DAY, time(15, 58)), at(FIRST_DAY, time(15, 59)), at(date(2025, 3, 11), time(9, 30))]
    assert len(starts) == 2 + SESSION_MINUTES


def test_before_the_open_trading_is_thin_and_the_official_open_unknown() -> None:
    minutes = list(zip(range(61), SyntheticMarket(NAMES, start=time(8, 30)).minutes(), strict=False))
    early, opening = [minute for _, minute in minutes[:60]], minutes[60][1]
    assert np.isnan(concat([minute.minutes.bars for minute in early]).values[7]).all()
    assert not np.isnan(opening.minutes.bars.values[7]).any()
    assert np.mean([minute.minutes.bars.size for minute in early]) < opening.minutes.bars.size / 3


def test_every_bar_keeps_the_laws_of_the_feed() -> None:
    codec = Codec()
    market = SyntheticMarket(NAMES, seed=2)
    for _, emission in zip(range(500), emissions(market.minutes()), strict=False):
        events = wire.events(emission)
        got = codec.decode(wire.frame(events), emission.due_ms)
        assert not got.rejects
        np.testing.assert_array_equal(got.bars.symbol, emission.prints.bars.symbol)
        np.testing.assert_array_equal(got.bars.start_ms, emission.prints.bars.start_ms)
        np.testing.assert_array_equal(got.bars.values, emission.prints.bars.values)


def test_minute_bars_are_those_of_the_second_bars_but_for_volume_alone() -> None:
    extra = []
    for seconds, minutes in zip(record().seconds[:60], record().minutes[:60], strict=True):
        for k in range(0, minutes.size, 7):
            mine = seconds.values[:, seconds.symbol == minutes.symbol[k]]
            o, h, l, c, volume, *_ = minutes.values[:, k].tolist()
            assert (o, c) == (mine[0, 0], mine[3, -1])
            assert (h, l) == (mine[1].max(), mine[2].min())
            extra.append(volume - mine[4].sum())
    assert min(extra) >= -1e-6
    assert 0.0 < np.mean(np.array(extra) > 0.5) < 0.5


def test_second_bars_are_in_order_inside_their_minute() -> None:
    for seconds, minutes in zip(record().seconds, record().minutes, strict=True):
        assert (np.diff(seconds.start_ms) >= 0).all()
        assert minutes.start_ms[0] <= seconds.start_ms[0]
        assert seconds.start_ms[-1] < minutes.start_ms[0] + MINUTE_MS
        assert (seconds.start_ms % SECOND_MS == 0).all()


def test_the_days_volume_never_falls_and_exceeds_the_bars() -> None:
    day_volume = record().grid(6)[:SESSION_MINUTES]
    volume = record().grid(4)[:SESSION_MINUTES]
    for name in range(NAMES):
        known = day_volume[~np.isnan(day_volume[:, name]), name]
        assert (np.diff(known) > 0).all()
    assert np.nanmax(day_volume) >= np.nansum(volume, axis=0).max() - 1e-3


def test_volume_is_shaped_like_a_u() -> None:
    volume = np.nansum(record().grid(4)[:, liquid()], axis=1).reshape(DAYS, SESSION_MINUTES).mean(axis=0)
    opening, noon, closing = volume[:30].mean(), volume[165:225].mean(), volume[-30:].mean()
    assert opening > 2.5 * noon
    assert closing > 1.5 * noon
    assert opening > closing


def test_the_rhythm_of_a_session_averages_to_one() -> None:
    assert np.mean([activity(minute) for minute in range(SESSION_MINUTES)]) == pytest.approx(1.0)
    assert activity(-330) < activity(-1) < 0.1


def test_thin_names_have_silent_minutes_and_thick_ones_none() -> None:
    silent = np.isnan(record().grid(0)[:SESSION_MINUTES]).mean(axis=0)
    assert 0.1 < silent.mean() < 0.6
    assert (silent > 0.8).any()
    assert (silent == 0.0).any()


def test_names_move_together_and_more_so_within_their_sector() -> None:
    moves = returns(5)[:, liquid()]
    correlation = np.corrcoef(moves, rowvar=False)
    sector = record().market._universe.sector[liquid()]
    same = sector[:, None] == sector[None, :]
    np.fill_diagonal(same, val=False)
    other = sector[:, None] != sector[None, :]
    assert 0.05 < np.median(correlation[other]) < 0.6
    assert np.median(correlation[same]) > np.median(correlation[other]) + 0.05


def test_a_day_moves_prices_by_a_few_percent_and_not_by_many() -> None:
    moves = np.abs(returns(SESSION_MINUTES - 1)[-1][liquid()])
    assert 0.003 < np.median(moves) < 0.05
    assert moves.max() < 0.6


def test_days_open_with_gaps_some_of_them_large() -> None:
    close, open_ = record().grid(3), record().grid(0)
    gaps = []
    for day in range(1, DAYS):
        before, after = close[day * SESSION_MINUTES - 1], open_[day * SESSION_MINUTES]
        gaps.append(np.abs(np.log(after / before)))
    gap = np.concatenate(gaps)
    gap = gap[~np.isnan(gap)]
    within = np.nanmedian(np.abs(returns(1)))
    assert np.median(gap) > 3 * within
    assert gap.max() > 4 * np.median(gap)


def test_bursts_make_volume_leap_and_die_down() -> None:
    volume = record().grid(4)[60:300, liquid()]
    typical = np.nanmedian(volume, axis=0)
    leap = np.nanmax(volume, axis=0) / typical
    assert (leap > 6).any()
    assert np.median(leap) < 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"symbols": 0}, "symbols"),
        ({"symbols": 1_000_000}, "symbols"),
        ({"symbols": 5, "first_day": date(2025, 3, 15)}, "weekday"),
        ({"symbols": 5, "days": 0}, "day"),
        ({"symbols": 5, "start": time(16, 0)}, "04:00 to 15:59"),
        ({"symbols": 5, "start": time(3, 59)}, "04:00 to 15:59"),
    ],
)
def test_an_impossible_market_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        SyntheticMarket(**arguments)  # type: ignore[arg-type]
