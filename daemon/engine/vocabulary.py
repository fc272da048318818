"""What rules can name, apart from the indicators of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indicators import CATALOGUE

if TYPE_CHECKING:
    from indicators.catalogue import Catalogue

FIELDS = ("open", "high", "low", "close", "volume")
"""Fields of the bar, in the order of the rows of a bar array."""

ALIASES = {"price": "close"}
"""Second names of fields."""

CONTEXT = ("score", "minutes_since_open")
"""Numbers that come with a step and not from the bar."""

SESSIONS = {"closed": -1, "pre": 0, "regular": 1, "post": 2}
"""What ``session`` can be, with the codes of the engine's phases."""

FUNCTIONS = {
    "abs": (1, 1),
    "clip": (3, 3),
    "log": (1, 1),
    "log1p": (1, 1),
    "max": (2, 8),
    "min": (2, 8),
    "sign": (1, 1),
    "sqrt": (1, 1),
    "tanh": (1, 1),
}
"""Functions of numbers, with the fewest and the most arguments they take."""

CROSSINGS = ("crosses_above", "crosses_below")

CROSS_SECTIONS = ("breadth", "market_mean", "market_return", "pct_rank", "rank", "sector_mean")
"""Values of all symbols together, apart from ``zscore(x, by=...)``: without ``by`` that is the indicator."""

RESERVED = frozenset(
    {
        *("within", "became", "rising", "falling", "highest", "lowest"),
        *("coverage", "symbol", "sector", "market", "halted"),
    }
)
"""Names that will mean something; a rule that uses one is told so."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All names an expression may use."""

    catalogue: Catalogue = CATALOGUE

    def everything(self) -> list[str]:
        """All names, for suggestions."""
        return [*FIELDS, *ALIASES, *CONTEXT, "session", *FUNCTIONS, *CROSSINGS, *CROSS_SECTIONS, *self.catalogue.names]
