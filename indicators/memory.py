"""Bytes that a frame holds for one symbol, counted over its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from indicators.frame import Frame


class Held(NamedTuple):
    """What one indicator takes, bytes a symbol.

    Attributes:
        state: its own columns.
        outputs: values at the last closed bar.
        peeked: values of the forming bar.
        checkpoints: earlier copies of the state, where bars can be corrected.
    """

    state: int
    outputs: int
    peeked: int
    checkpoints: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


class Footprint(NamedTuple):
    """What a frame takes, bytes a symbol.

    Attributes:
        indicators: by the key of the spec.
        ring: closed bars.
        rows: counts, times and marks of each row.
    """

    indicators: dict[str, Held]
    ring: int
    rows: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.ring + self.rows + sum(held.total for held in self.indicators.values())


def footprint(frame: Frame) -> Footprint:
    """Count a frame's arrays; every one of them has a row a symbol. Work space of an update is not in it."""
    sizes = {name: array.nbytes // frame.capacity for name, array in frame.to_arrays().items()}
    column = frame.peeked.nbytes // frame.capacity // max(len(frame.outputs), 1)
    indicators = {
        spec.key: Held(
            sizes[f"state/{spec.key}"],
            sizes[f"out/{spec.key}"],
            column * len(spec.outputs),
            sizes.get(f"copies/{spec.key}", 0),
        )
        for spec in frame.specs
    }
    rest = frame.size_bytes // frame.capacity - sizes["ring"] - sum(held.total for held in indicators.values())
    return Footprint(indicators, sizes["ring"], rest)
