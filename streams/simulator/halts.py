"""Symbols that do not trade for a while, and what the exchange says of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.simulator.schedule import Strike
    from streams.simulator.tape import Emission
    from streams.types import Symbols

HALTED: Final = 17
RESUMED: Final = 18

_REMEMBERED_MS: Final = 20 * 60_000
"""Bars of before come this long after at most."""
_TAPE: Final = 3
_FIRST_SEQUENCE: Final = 800_000


class Words(NamedTuple):
    """JSON objects about symbols, for those who subscribed to them.

    Attributes:
        due_ms: market time at which they leave.
        prefix: ``LULD``.
        symbol: ``S16[n]``.
        objects: as many.
    """

    due_ms: int
    prefix: str
    symbol: Symbols
    objects: Sequence[bytes]


class Halting(NamedTuple):
    """A halt that has begun: whose, its symbols, and the words at its begin and end."""

    strike: Strike
    symbols: Sequence[str]
    begin: Words
    end: Words


class _Span(NamedTuple):
    symbols: Symbols | None
    from_ms: int
    to_ms: int


class Halts:
    """Halts of symbols and silences of the market.

    A bar whose window overlaps one was never traded: neither the feed nor REST has it. Bars of windows before still
    come when they are due, a few seconds after the halt is told.
    """

    def __init__(self) -> None:
        self._spans: list[_Span] = []
        self._waiting: list[Strike] = []
        self._sequence = _FIRST_SEQUENCE

    def strike(self, strike: Strike) -> Halting | None:
        """Take up a halt or a silence; a halt of symbols that are not named begins with the bars that come next."""
        if strike.kind == "silence":
            self._spans.append(_Span(None, strike.at_ms, strike.at_ms + strike.settings["for"]))
            return None
        if strike.settings["symbols"]:
            return self._halt(strike, sorted(strike.settings["symbols"]), strike.at_ms)
        self._waiting.append(strike)
        return None

    def begin(self, emission: Emission) -> Sequence[Halting]:
        """The halts that have waited for bars to choose their symbols from; those that are halted go on as they are."""
        started: list[Halting] = []
        for strike in self._waiting:
            there = np.unique(self._trading(emission).prints.bars.symbol)
            chosen = strike.rng().choice(there, min(strike.settings["count"], there.size), replace=False)
            if chosen.size:
                started.append(self._halt(strike, sorted(chosen.astype("U16").tolist()), emission.due_ms))
        begun = [halting.strike for halting in started]
        self._waiting = [strike for strike in self._waiting if strike not in begun]
        return started

    def traded(self, emission: Emission) -> Emission | None:
        """The bars that were traded, None if there are none."""
        self._spans = [span for span in self._spans if emission.due_ms < span.to_ms + _REMEMBERED_MS]
        rest = self._trading(emission)
        return rest if rest.prints.bars.size else None

    def _trading(self, emission: Emission) -> Emission:
        if not self._spans:
            return emission
        bars = emission.prints.bars
        halted = np.zeros(bars.size, np.bool_)
        for span in self._spans:
            inside = (bars.start_ms < span.to_ms) & (bars.start_ms + bars.length_ms > span.from_ms)
            halted |= inside if span.symbols is None else inside & np.isin(bars.symbol, span.symbols)
        return emission._replace(prints=emission.prints.take(~halted)) if halted.any() else emission

    def _halt(self, strike: Strike, names: Sequence[str], from_ms: int) -> Halting:
        to_ms = from_ms + strike.settings["for"]
        symbols = np.array([name.encode() for name in names], SYMBOL)
        self._spans.append(_Span(symbols, from_ms, to_ms))
        rng = strike.rng()
        words = [
            Words(at_ms, "LULD", symbols, [self._word(name, code, at_ms, int(rng.integers(10**6))) for name in names])
            for code, at_ms in ((HALTED, from_ms), (RESUMED, to_ms))
        ]
        return Halting(strike, names, *words)

    def _word(self, name: str, code: int, at_ms: int, below_ms: int) -> bytes:
        """As live: no bands, and the time in nanoseconds."""
        self._sequence += 1
        time_ns = at_ms * 10**6 + below_ms
        word = {"ev": "LULD", "T": name, "h": 0.0, "l": 0.0, "i": [code], "z": _TAPE, "t": time_ns, "q": self._sequence}
        return msgspec.json.encode(word)
