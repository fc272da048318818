"""Indicators by name, and how wickra, talipp and TA-Lib's streams are asked for them, one object a symbol."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import wickra
from talib import stream
from talipp import indicators as talipp
from talipp.indicators.Indicator import Indicator
from talipp.ohlcv import OHLCV

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.types import Floats

ROWS = {"h": 1, "l": 2, "c": 3, "v": 4}

Make = tuple["Callable[..., Any]", ...]


class Asked(NamedTuple):
    """One indicator, in technic's words and in those of its peers.

    Attributes:
        name: in technic's catalogue.
        arguments: as technic takes them.
        fields: high, low, close, volume that TA-Lib takes; where it is one, everybody takes a number, else a bar.
        wickra: makes an object; None where it has no such indicator.
        talipp: as above.
        talib: each makes a stream from its history; empty where it has no such indicator.
    """

    name: str
    arguments: tuple[int | float | str, ...]
    fields: str
    wickra: Callable[[], Any] | None
    talipp: Callable[[], Any] | None
    talib: Make


def _of_series(name: str, n: int, field: str = "c") -> Asked:
    """An indicator that all call alike and that takes a series and a window."""
    arguments = (n,) if field == "c" else ("volume", n)
    peers = (partial(getattr(wickra, name.upper()), n), partial(getattr(talipp, name.upper()), n))
    return Asked(name, arguments, field, *peers, (partial(getattr(stream, name.upper()), timeperiod=n),))


def _made(function: Callable[..., Any], n: int) -> Make:
    return (partial(function, timeperiod=n),)


def _atr(n: int) -> Asked:
    return Asked("atr", (n,), "hlc", partial(wickra.ATR, n), partial(talipp.ATR, n), _made(stream.ATR, n))


def cci(n: int) -> Asked:
    return Asked("cci", (n,), "hlc", partial(wickra.CCI, n), partial(talipp.CCI, n), _made(stream.CCI, n))


def stddev(n: int) -> Asked:
    peers = (partial(wickra.StdDev, n), partial(talipp.StdDev, n))
    return Asked("stddev", (n,), "c", *peers, _made(stream.STDDEV, n))


def donchian(n: int) -> Asked:
    peers = (partial(wickra.Donchian, n), partial(talipp.DonchianChannels, n))
    return Asked("donchian", (n,), "hl", *peers, _made(stream.DONCHIAN, n))


def quantile(n: int) -> Asked:
    return Asked("quantile", ("close", n, 0.5), "c", partial(wickra.RollingQuantile, n, 0.5), None, ())


sma = partial(_of_series, "sma")

_BANDS = partial(stream.BBANDS, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
_STOCHASTIC = partial(stream.STOCH, fastk_period=14, slowk_period=3, slowk_matype=0, slowd_period=3, slowd_matype=0)
_ADX = (*_made(stream.ADX, 14), *_made(stream.PLUS_DI, 14), *_made(stream.MINUS_DI, 14))
_MACD = (partial(stream.MACD, fastperiod=12, slowperiod=26, signalperiod=9),)

COMMON = (
    sma(20),
    _of_series("ema", 9),
    _of_series("wma", 20),
    _of_series("rsi", 14),
    Asked("macd", (12, 26, 9), "c", partial(wickra.MACD, 12, 26, 9), partial(talipp.MACD, 12, 26, 9), _MACD),
    Asked("bollinger", (20, 2), "c", partial(wickra.BollingerBands, 20, 2.0), partial(talipp.BB, 20, 2.0), (_BANDS,)),
    _atr(14),
    Asked("adx", (14,), "hlc", partial(wickra.ADX, 14), partial(talipp.ADX, 14, 14), _ADX),
    Asked("stochastic", (), "hlc", partial(wickra.Stochastic, 14, 3), partial(talipp.Stoch, 14, 3), (_STOCHASTIC,)),
    cci(20),
    donchian(20),
    _of_series("roc", 10),
    Asked("obv", (), "cv", wickra.OBV, talipp.OBV, (stream.OBV,)),
    Asked("mfi", (14,), "hlcv", partial(wickra.MFI, 14), None, _made(stream.MFI, 14)),
    stddev(20),
    Asked("true_range", (), "hlc", wickra.TrueRange, None, (stream.TRANGE,)),
)
"""Each with a result of its own."""

FURTHER = (
    Asked("smma", (20,), "c", partial(wickra.SMMA, 20), partial(talipp.SMMA, 20), _made(stream.RMA, 20)),
    _of_series("dema", 20),
    _of_series("tema", 20),
    Asked("kama", (), "c", wickra.KAMA, partial(talipp.KAMA, 10, 2, 30), _made(stream.KAMA, 10)),
    Asked("mom", (10,), "c", partial(wickra.MOM, 10), None, _made(stream.MOM, 10)),
    _of_series("trix", 15),
)
"""These too."""

OTHERS = (
    sma(50),
    sma(200),
    sma(20, "v"),
    _of_series("ema", 21),
    _of_series("ema", 50),
    _of_series("ema", 200),
    _of_series("ema", 20, "v"),
    _of_series("rsi", 7),
    _of_series("roc", 60),
    _atr(100),
    Asked("vwap", (), "hlcv", wickra.VWAP, talipp.VWAP, (stream.VWAP,)),
    Asked("zscore", (20,), "c", partial(wickra.ZScore, 20), None, ()),
    Asked("rvol", (20,), "v", None, None, _made(stream.RVOL, 20)),
)

SET = (*COMMON, *OTHERS)
"""Forty outputs."""

Update = tuple["Callable[..., Any]", "list[Any]"]


class Peer:
    """Indicators of a few symbols in one library's objects, warm, with the bars that follow as it likes them best.

    Args:
        name: of the library.
        asked: indicators; those that it lacks are left out.
        bars: ``float64[bars, 6, symbols]``.
        warm_up: so many of them are taken in at once, the others one by one.

    Attributes:
        outputs: numbers that it gives for one symbol and bar.
    """

    def __init__(self, name: str, asked: Sequence[Asked], bars: Floats, warm_up: int) -> None:
        make = {"wickra": _wickra, "talipp": _talipp, "ta-lib": _talib}[name]
        self.size = bars.shape[2]
        self._unpacked = name == "ta-lib"
        self._calls = [call for column in range(self.size) for call in make(asked, bars[:, :, column], warm_up)]
        first = self._calls[: len(self._calls) // self.size]
        self.outputs = sum(_width(update, self.prepare(0)[place][1]) for place, (update, _) in enumerate(first))

    def prepare(self, number: int) -> list[tuple[Callable[..., Any], Any]]:
        """What is called with what."""
        return [(update, taken[number]) for update, taken in self._calls]

    def run(self, start: Iterable[tuple[Callable[..., Any], Any]]) -> Mapping[str, int]:
        """One bar of each symbol."""
        before = perf_counter_ns()
        if self._unpacked:
            for update, taken in start:
                update(*taken)
        else:
            for update, taken in start:
                update(taken)
        return {"update": perf_counter_ns() - before}


def lacks(name: str, asked: Iterable[Asked]) -> list[str]:
    """Indicators that a library does not have."""
    field = {"wickra": "wickra", "talipp": "talipp", "ta-lib": "talib"}[name]
    return [one.name for one in asked if not getattr(one, field)]


def _wickra(asked: Iterable[Asked], bars: Floats, warm_up: int) -> list[Update]:
    candles = [(*bar[:5], 60_000 * minute) for minute, bar in enumerate(bars.tolist())]
    return _fed("wickra", "update", asked, bars, candles, warm_up)


def _talipp(asked: Iterable[Asked], bars: Floats, warm_up: int) -> list[Update]:
    return _fed("talipp", "add", asked, bars, [OHLCV(*bar[:5]) for bar in bars.tolist()], warm_up)


def _fed(
    name: str, method: str, asked: Iterable[Asked], bars: Floats, candles: list[Any], warm_up: int
) -> list[Update]:
    calls = []
    for one in asked:
        if (make := getattr(one, name)) is None:
            continue
        update = getattr(make(), method)
        taken = bars[:, ROWS[one.fields]].tolist() if len(one.fields) == 1 else candles
        for value in taken[:warm_up]:
            update(value)
        calls.append((update, taken[warm_up:]))
    return calls


def _talib(asked: Iterable[Asked], bars: Floats, warm_up: int) -> list[Update]:
    calls = []
    for one in asked:
        series = [bars[:, ROWS[field]].copy() for field in one.fields]
        following = list(zip(*(values[warm_up:].tolist() for values in series), strict=True))
        calls += [(make(*(values[:warm_up] for values in series)).update, following) for make in one.talib]
    return calls


def _width(update: Callable[..., Any], taken: Any) -> int:
    """How many numbers come of one bar. Takes it in, on the first symbol only."""
    owner = update.__self__  # type: ignore[attr-defined] # a bound method
    value = update(*taken) if isinstance(owner, stream.Stream) else update(taken)
    if isinstance(owner, Indicator):
        value = owner.output_values[-1]
        return len(fields(value)) if is_dataclass(value) else 1
    return len(value) if isinstance(value, tuple) else 1
