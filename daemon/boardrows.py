"""A ranking as Redis holds it: scores by symbol, and the fields of each hash. Pure."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from daemon.engine.coverage import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from daemon.ranking import Ranking

DIGITS: Final = 6
"""Of features, after the point: more would be noise. What is not known is ``null``."""


def scores_of(ranking: Ranking) -> list[tuple[bytes, float]]:
    """Every symbol with its score."""
    return list(zip(ranking.symbols.tolist(), ranking.scores.tolist(), strict=True))


def hashes_of(ranking: Ranking, sectors: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Symbol and fields of each ``technic:symbol:SYM``; a number that is not known is "". Some 10 µs each.

    Args:
        ranking: of a closed minute.
        sectors: by symbol, as far as they are known.
    """
    columns = (ranking.start_ms, ranking.score, ranking.price, ranking.volume, ranking.change, ranking.coverage)
    features = np.round(ranking.features, DIGITS)
    rows = zip(ranking.shown.tolist(), *(column.tolist() for column in columns), features, strict=True)
    for symbol, start_ms, score, price, volume, change, state, seen in rows:
        name = symbol.decode()
        yield (
            name,
            {
                "symbol": name,
                "sector": sectors.get(name, ""),
                "minute_ms": str(start_ms) if start_ms >= 0 else "",
                "score": _number(score),
                "price": _number(price),
                "change": _number(change),
                "volume": _number(volume),
                "coverage": STATES[state],
                "features": msgspec.json.encode(dict(zip(ranking.names, seen.tolist(), strict=True))).decode(),
                "v": "1",
            },
        )


def _number(value: float) -> str:
    return repr(value) if isfinite(value) else ""
