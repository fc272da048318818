"""What rules can name, apart from the indicators of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indicators import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indicators.catalogue import Catalogue

FIELDS = ("open", "high", "low", "close", "volume")
"""Fields of the bar, in the order of the rows of a bar array."""

ALIASES = {"price": "close"}
"""Second names of fields."""

CONTEXT = ("score", "unusual", "minutes_since_open", "minutes_since_bar")
"""Numbers that come with a step and not from the bar."""

SCORES = ("score", "unusual")
"""Those of them that stand for what a model says of the features."""

FUTURE = ("future_high", "future_low", "future_close", "future_volume")
"""Of the bars between a question and its answer: highest, lowest, last, all together. Questions may name them, and
nothing else."""

TEXTS = ("session", "coverage", "symbol", "sector")
"""Names that are compared to strings."""

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

COVERAGES = ("covered", "warming", "late", "gap", "halted")
"""What ``coverage`` can be: all that the rule names has had its bars · not yet · the newest bar is made of seconds, the
vendor's had not come · bars are missing for good · trading is halted."""

CROSSINGS = ("crosses_above", "crosses_below")

EVENTS = (*CROSSINGS, "became", "rising", "falling", "within")
"""Functions that give a condition."""

EXTREMES = ("highest", "lowest")
"""Functions of a number over its last bars."""

CROSS_SECTIONS = ("breadth", "market_mean", "market_return", "pct_rank", "rank", "sector_mean")
"""Values of all symbols together, apart from ``zscore(x, by=...)``: without ``by`` that is the indicator."""

RESERVED = frozenset({"market", "halted"})
"""Names that will mean something; a rule that uses one is told so."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All names an expression may use.

    Attributes:
        catalogue: of indicators.
        sectors: that symbols can be of; empty where they are not known, and any name is taken.
        lists: symbols by the name of their list.
        future: whether the names of `FUTURE` are among them.
    """

    catalogue: Catalogue = CATALOGUE
    sectors: tuple[str, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    future: bool = False

    def everything(self) -> list[str]:
        """All names, for suggestions."""
        ahead = FUTURE if self.future else ()
        numbers = [*FIELDS, *ALIASES, *CONTEXT, *ahead, *TEXTS, *FUNCTIONS, *EXTREMES]
        return [*numbers, *EVENTS, *CROSS_SECTIONS, *self.catalogue.names]
