"""The sector of each symbol as a group for cross-sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.types import Longs, Symbols

UNKNOWN = 0
"""Group of all symbols whose sector is not known."""


class Sectors:
    """Sectors by symbol.

    Args:
        sectors: name of the sector by symbol, none of them empty.

    Attributes:
        names: of the groups, in order of their numbers; that of group `UNKNOWN` is empty.
    """

    def __init__(self, sectors: Mapping[str, str]) -> None:
        self.names = ("", *sorted(set(sectors.values())))
        number = {name: group for group, name in enumerate(self.names)}
        symbols = sorted(sectors)
        self._symbols = np.array(symbols, SYMBOL)
        self._groups = np.array([number[sectors[symbol]] for symbol in symbols], np.int64)

    def groups(self, symbols: Symbols) -> Longs:
        """Group of each symbol, ``int64[n]`` for ``S16[n]``; O(n log sectors)."""
        if not len(self._symbols):
            return np.full(len(symbols), UNKNOWN)
        place = np.minimum(np.searchsorted(self._symbols, symbols), len(self._symbols) - 1)
        return np.where(self._symbols[place] == symbols, self._groups[place], UNKNOWN)


class SectorColumn:
    """The group of every row of a table: symbols are looked up when they change.

    Args:
        sectors: by symbol.
    """

    def __init__(self, sectors: Sectors) -> None:
        self._sectors = sectors
        self._symbols = np.zeros(0, SYMBOL)
        self._groups = np.zeros(0, np.int64)

    def of(self, symbols: Symbols) -> Longs:
        """Group of each row, ``int64[n]``, of a table that holds `symbols`, ``S16[n]``, by now."""
        if not np.array_equal(symbols.view(np.int64), self._symbols.view(np.int64)):  # texts take twenty times as long
            self._symbols, self._groups = symbols.copy(), self._sectors.groups(symbols)
        return self._groups
