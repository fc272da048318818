"""Tickers to rows: a hash table over columns of symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.errors import StateError
from indicators.jit import inlined, kernel

if TYPE_CHECKING:
    from indicators.types import Longs, Symbols, Words

SYMBOL = np.dtype("S16")

_ODD_A = np.uint64(0x9E3779B97F4A7C15)
_ODD_B = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)


@inlined
def _slot(a: np.uint64, b: np.uint64, size: int) -> int:
    mixed = (a * _ODD_A) ^ (b * _ODD_B)
    mixed ^= mixed >> _HALF
    return int((mixed * _ODD_A) >> _HALF) & (size - 1)


@inlined
def _seek(a: np.uint64, b: np.uint64, keys: Words, slots: Longs) -> int:
    """The slot that holds this key, or the empty one where it would stand."""
    slot = _slot(a, b, slots.shape[0])
    while slots[slot] >= 0:
        row = slots[slot]
        if keys[row, 0] == a and keys[row, 1] == b:
            break
        slot = (slot + 1) & (slots.shape[0] - 1)
    return slot


@kernel
def _find(wanted: Words, keys: Words, slots: Longs, rows: Longs) -> int:
    """Fill rows, -1 where unknown; returns how many are unknown."""
    missing = 0
    for i in range(wanted.shape[0]):
        rows[i] = slots[_seek(wanted[i, 0], wanted[i, 1], keys, slots)]
        missing += rows[i] < 0
    return missing


@kernel
def _insert(wanted: Words, fresh: Longs, keys: Words, slots: Longs) -> None:
    """Give wanted[i] the row fresh[i]; the keys are new and distinct."""
    for i in range(wanted.shape[0]):
        keys[fresh[i], 0] = wanted[i, 0]
        keys[fresh[i], 1] = wanted[i, 1]
        slots[_seek(wanted[i, 0], wanted[i, 1], keys, slots)] = fresh[i]


class SymbolTable:
    """Gives each symbol a row, for as long as it is not released.

    Open addressing with linear probing over the two 64-bit halves of a symbol, at most half full.

    Attributes:
        refused: symbols asked for that got no row because the table is full (or that were empty); counts
            every try.
        changes: how often rows were given, taken or named otherwise; whoever keeps what belongs to a name looks here.
    """

    def __init__(self, capacity: int = 1024, max_symbols: int = 65_536) -> None:
        self._max_symbols = max_symbols
        self._size = 0
        self._free: list[int] = []
        self._keys = np.zeros((max(1, min(capacity, max_symbols)), 2), np.uint64)
        self._slots = _empty_slots(len(self._keys))
        self.refused = 0
        self.changes = 0

    def __len__(self) -> int:
        """Symbols that have a row."""
        return self._size - len(self._free)

    @property
    def size(self) -> int:
        """Rows ever given out: every row is below."""
        return self._size

    @property
    def capacity(self) -> int:
        """Rows there is room for without growing; other columns are reserved to this."""
        return len(self._keys)

    @property
    def symbols(self) -> Symbols:
        """``S16[size]``, the symbol of each row, empty where released; a view."""
        view: Symbols = self._keys[: self._size].reshape(-1).view(SYMBOL)
        return view

    def rows(self, symbols: Symbols, *, create: bool = True) -> Longs:
        """The row of each symbol, ``int64[n]``.

        Args:
            symbols: ``S16[n]``; may repeat.
            create: give rows to those that have none, the lowest free rows in order of appearance.

        Returns:
            -1 where a symbol has no row: unknown and not created, empty, or beyond `max_symbols`.
            Cost: O(n), about 10 ns each; growth doubles.
        """
        wanted = _halves(symbols)
        rows = np.empty(len(wanted), np.int64)
        with np.errstate(over="ignore"):  # the hash wraps around; only seen without compilation
            missing = _find(wanted, self._keys, self._slots, rows)
            if missing and create:
                self._create(wanted[rows < 0])
                self.refused += _find(wanted, self._keys, self._slots, rows)
        return rows

    def release(self, rows: Longs | int) -> None:
        """Take their rows from symbols, so that others may get them; whoever keeps columns must zero theirs.

        Args:
            rows: ``int64[n]`` or one.

        Raises:
            KeyError: a row holds no symbol; nothing was changed.

        Cost: O(capacity), the table is built anew.
        """
        released = set(np.atleast_1d(rows).tolist())
        empty = [row for row in released if not 0 <= row < self._size or not self._keys[row].any()]
        if empty:
            raise KeyError(f"row {empty[0]} holds no symbol")
        self.changes += 1
        self._keys[sorted(released)] = 0
        self._free = sorted(released.union(self._free))
        self._index()

    def rename(self, row: int, symbol: bytes) -> None:
        """Give the row of one symbol another name; whatever stands in the row stays. O(capacity).

        Raises:
            KeyError: the row holds no symbol, or the name has a row; nothing was changed.
        """
        wanted = np.array([symbol], SYMBOL)
        if not 0 <= row < self._size or not self._keys[row].any() or self.rows(wanted, create=False)[0] >= 0:
            raise KeyError(f"row {row} holds no symbol, or {symbol.decode()} has one")
        self.changes += 1
        self._keys[row] = _halves(wanted)[0]
        self._index()

    def to_arrays(self) -> dict[str, Symbols]:
        """The table as plain arrays: ``symbols S16[size]``."""
        return {"symbols": self.symbols.copy()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Symbols], max_symbols: int = 65_536) -> SymbolTable:
        """The table that `to_arrays` saved: every symbol has its row again.

        Raises:
            StateError: a symbol comes twice, or there are more than `max_symbols`.
        """
        keys = _halves(arrays["symbols"])
        held = keys[keys.any(axis=1)]
        if len(np.unique(held, axis=0)) != len(held) or len(keys) > max_symbols:
            raise StateError(f"{len(keys)} saved symbols: one comes twice, or more than {max_symbols}")
        table = cls(max(len(keys), 1), max_symbols)
        table._keys[: len(keys)] = keys
        table._size = len(keys)
        table._free = np.flatnonzero(~keys.any(axis=1)).tolist()
        table._index()
        return table

    def _create(self, unknown: Words) -> None:
        self.changes += 1
        named = unknown[unknown.any(axis=1)]
        _, first = np.unique(named, axis=0, return_index=True)
        first.sort()
        fresh = self._take_rows(len(first))
        _insert(named[first[: len(fresh)]], fresh, self._keys, self._slots)

    def _take_rows(self, n: int) -> Longs:
        recycled = self._free[:n]
        added = min(n - len(recycled), self._max_symbols - self._size)
        self._grow(self._size + added)
        fresh = np.array([*recycled, *range(self._size, self._size + added)], np.int64)
        self._free = self._free[n:]
        self._size += added
        return fresh

    def _grow(self, needed: int) -> None:
        if needed <= self.capacity:
            return
        capacity = min(max(needed, 2 * self.capacity), self._max_symbols)
        keys = np.zeros((capacity, 2), np.uint64)
        keys[: len(self._keys)] = self._keys
        self._keys = keys
        self._index()

    def _index(self) -> None:
        self._slots = _empty_slots(self.capacity)
        held = np.flatnonzero(self._keys.any(axis=1))
        with np.errstate(over="ignore"):
            _insert(self._keys[held], held, self._keys, self._slots)


def _empty_slots(capacity: int) -> Longs:
    return np.full(1 << (2 * capacity - 1).bit_length(), -1, np.int64)


def _halves(symbols: Symbols) -> Words:
    packed = np.require(symbols, SYMBOL, ["C", "A", "W"])
    halves: Words = packed.view(np.uint64).reshape(-1, 2)
    return halves
