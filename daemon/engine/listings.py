"""Symbols come, go and change: which of them were heard of lately, and what people are told.

A symbol that has had no bar in `QUIET_DAYS` trading days is taken for delisted when the next one begins. Days are the
exchange's, and go by bars: the first bar of a later day than all before begins it, whatever a clock shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from daemon.engine.errors import StateError
from daemon.engine.sessions import NO_DAY
from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from daemon.engine.sessions import SessionTable
    from daemon.engine.telling import Revised
    from streams.types import Longs, Symbols

QUIET_DAYS = 10
"""Whole trading days without a bar after which a symbol's row is released."""

EXAMPLES = 5
"""Symbols that a notice names."""

_FAR_MS = 2**62


class Notice(NamedTuple):
    """Something that people should know, once.

    Attributes:
        kind: as in the stream of events.
        fields: the rest of it.
    """

    kind: str
    fields: Mapping[str, str]


class Listings:
    """The day in which each row was last heard of.

    Args:
        calendar: the exchange's.

    Attributes:
        day: the newest trading day that has had a bar, days since 1970; `NO_DAY` before the first.
        heard: ``int64[capacity]``, the newest trading day when a row last had a bar, likewise.
    """

    def __init__(self, calendar: SessionTable) -> None:
        self._calendar = calendar
        self.heard = np.zeros(0, np.int64)
        self.begin(NO_DAY)

    def reserve(self, capacity: int) -> None:
        """Make room for at least `capacity` rows; new ones have not been heard of."""
        more = max(capacity - len(self.heard), 0)
        self.heard = np.pad(self.heard, (0, more), constant_values=NO_DAY)

    def parts(self, start_ms: Longs) -> Iterator[tuple[slice, int]]:
        """Cut n bars, ``int64[n]`` their starts in order of arrival, where a later day than any before begins.

        Yields:
            The bars, and the day at the beginning of which they stand; `NO_DAY` if they go on with the present one.
            Cost: O(n), next to nothing within a day.
        """
        if not len(start_ms) or start_ms.max() < self._ends_ms:
            yield slice(0, len(start_ms)), NO_DAY
            return
        newest = np.maximum.accumulate(np.append(self.day, self._calendar.date(start_ms)))
        cuts = np.flatnonzero(np.diff(newest)).tolist()
        for first, end in zip([0, *cuts], [*cuts, len(start_ms)], strict=True):
            if end > first:
                yield slice(first, end), int(newest[first + 1]) if first in cuts else NO_DAY

    def begin(self, day: int) -> None:
        """The bars to come are of `day`."""
        self.day = day
        later = self._calendar.pre_ms[self._calendar.date(self._calendar.open_ms) > day]
        self._ends_ms = int(later[0]) if len(later) else _FAR_MS

    def hear(self, rows: Longs) -> None:
        """Bars of `rows`, ``int64[n]``, in the present day; -1 is none."""
        self.heard[rows[rows >= 0]] = self.day

    def quiet(self, symbols: Symbols) -> Longs:
        """Rows that were last heard of more than `QUIET_DAYS` trading days before the present one, ascending.

        Args:
            symbols: ``S16[n]``, of all rows; an empty one needs no release.
        """
        days = self._calendar.date(self._calendar.open_ms)
        before = days[: np.searchsorted(days, self.day)]
        if len(before) < QUIET_DAYS:
            return np.zeros(0, np.int64)
        return np.flatnonzero((symbols != b"") & (self.heard[: len(symbols)] < before[-QUIET_DAYS]))

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        self.heard[rows] = NO_DAY

    def to_arrays(self) -> dict[str, NDArray[np.int64]]:
        """``heard`` and ``day``; views."""
        return {"heard": self.heard, "day": np.array([self.day], np.int64)}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]], last_start: Longs) -> None:
        """Go on where `to_arrays` left off; copies.

        Args:
            arrays: of an older state there may be none.
            last_start: ``int64[capacity]``, start of each row's last bar: that is when it was heard of then.

        Raises:
            StateError: they do not fit together.
        """
        if not arrays:
            arrays = {"heard": self._calendar.date(last_start)}
        heard = arrays["heard"].astype(np.int64)
        if heard.ndim != 1 or len(heard) > len(last_start):
            raise StateError(f"days of {heard.shape} symbols in room for {len(last_start)} do not fit together")
        self.heard = heard
        self.reserve(len(last_start))
        self.begin(int(arrays["day"][0]) if "day" in arrays else int(heard.max(initial=NO_DAY)))


def released(symbols: Symbols) -> Notice:
    """Rows of these symbols were released."""
    named = ",".join(symbol.decode() for symbol in symbols[:EXAMPLES].tolist())
    why = f"no bar for {QUIET_DAYS} trading days; a symbol that comes back starts cold"
    return Notice("symbols.released", {"count": str(len(symbols)), "names": named, "what": why})


def split(symbol: str, old: float, new: float) -> Notice:
    """A symbol's shares were split, and its row starts anew."""
    shares = {"symbol": symbol, "old": f"{old:g}", "new": f"{new:g}"}
    return Notice("symbol.split", {**shares, "what": "it starts anew; the close before and daily bars are adjusted"})


def revised(alert: Revised, symbol: bytes) -> Notice:
    """An alert was given at a bar that has been corrected since."""
    what = "its condition holds after all" if alert.holds else "its condition did not hold"
    of = {"id": alert.id, "rule": alert.rule, "symbol": symbol.decode(), "bar_start_ms": str(alert.bar_start_ms)}
    return Notice("alert.revised", {**of, "holds": str(alert.holds).lower(), "what": f"the bar was corrected: {what}"})


def renamed(old: str, new: str) -> Notice:
    """A symbol's row has another name."""
    return Notice("symbol.renamed", {"symbol": new, "before": old})


def named(*symbols: str) -> Symbols:
    """``S16[n]``.

    Raises:
        ValueError: a name has other than 1 to 16 characters of ASCII.
    """
    for symbol in symbols:
        if not (symbol.isascii() and 1 <= len(symbol) <= SYMBOL.itemsize):
            raise ValueError(f"{symbol!r} is no symbol: 1 to {SYMBOL.itemsize} characters of ASCII")
    return np.array([symbol.encode() for symbol in symbols], SYMBOL)
