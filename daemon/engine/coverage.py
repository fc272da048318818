"""Whether all that a rule names has had its bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from indicators import Frame
    from streams.types import Flags, Longs

    Need = tuple[int, str]

_BEGAN = "began/"


class Coverage:
    """Counts the bars that every indicator has seen, for some may have begun later than their symbol.

    Args:
        frames: by minutes of their timeframe.
    """

    def __init__(self, frames: Mapping[int, Frame]) -> None:
        self._frames = frames
        self._began: dict[Need, Longs] = {}

    def begin(self, fresh: Iterable[Need]) -> None:
        """These indicators warm up from the next bar on, whatever their symbols have seen."""
        for need in fresh:
            self._began[need] = self._frames[need[0]].count.copy()

    def of(self, needs: Mapping[Need, int], row: int) -> str:
        """``covered`` if each of `needs` has seen its bars at `row`, else ``warming``."""
        covered = all(self.seen(need, row) >= bars for need, bars in needs.items())
        return "covered" if covered else "warming"

    def covered(self, needs: Mapping[Need, int], rows: Longs) -> Flags:
        """The same of many rows, ``bool[n]``."""
        covered = np.ones(len(rows), np.bool_)
        for (minutes, key), bars in needs.items():
            seen, began = self._frames[minutes].count[rows], self._began.get((minutes, key))
            if began is not None:
                inside = rows < len(began)
                seen = seen - np.where(inside, began[np.where(inside, rows, 0)], 0)
            covered &= seen >= bars
        return covered

    def zero(self, rows: Longs) -> None:
        """Forget rows: whatever begins there, it begins with all that is computed."""
        for began in self._began.values():
            began[rows[rows < len(began)]] = 0

    def to_arrays(self) -> dict[str, Longs]:
        """``began/MINUTES/KEY``: ``int64``, bars before the first one seen, of what began late."""
        return {f"{_BEGAN}{minutes}/{key}": began for (minutes, key), began in self._began.items()}

    def load_arrays(self, arrays: Mapping[str, Longs]) -> None:
        """Go on where `to_arrays` left off; what is not computed any more is dropped."""
        held = {(minutes, spec.key) for minutes, frame in self._frames.items() for spec in frame.specs}
        for name, began in arrays.items():
            minutes, _, key = name.removeprefix(_BEGAN).partition("/")
            if (int(minutes), key) in held:
                self._began[int(minutes), key] = began.astype(np.int64)

    def seen(self, need: Need, row: int) -> int:
        """Bars that one of them has seen at `row`."""
        began = self._began.get(need)
        late = 0 if began is None or row >= len(began) else int(began[row])
        return int(self._frames[need[0]].count[row]) - late
