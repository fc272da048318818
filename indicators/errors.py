"""What can go wrong with indicators, and who acts.

* `IndicatorError`
    * `UnknownIndicatorError` -- stop: a rule or configuration names what is not in the catalogue
    * `ArgumentError` -- stop: an argument is unknown, out of range, or one too many
    * `LookbackError` -- stop: a bar is asked for that lies deeper than the frame was built to keep
    * `RowError` -- stop: a row lies outside the frame; `Frame.reserve` was not called
    * `GroupError` -- stop: the groups of a cross-section do not go with its values
    * `StateError` -- skip: saved arrays do not fit; warm up from history instead
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class IndicatorError(Exception):
    """Root of all errors of the indicators."""


class UnknownIndicatorError(IndicatorError):
    """No indicator of this name.

    Attributes:
        name: the name as given.
        nearest: the closest name of the catalogue, or None.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.name = name
        self.nearest = nearest(name, known)

    def __str__(self) -> str:
        remedy = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        return f'unknown indicator "{self.name}"{remedy}'


class ArgumentError(IndicatorError):
    """An argument that the indicator cannot take.

    Attributes:
        indicator: its name.
        position: index of the offending argument as written, or None when it is about several.
        problem: what is wrong with it, and what is allowed.
    """

    def __init__(self, indicator: str, position: int | None, problem: str) -> None:
        super().__init__(indicator, position, problem)
        self.indicator = indicator
        self.position = position
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.indicator}: {self.problem}"


class LookbackError(IndicatorError):
    """A bar lies deeper than the ring keeps."""


class RowError(IndicatorError):
    """A row lies outside the frame."""


class GroupError(IndicatorError):
    """Groups do not go with the values: another number of them, or one below 0."""


class StateError(IndicatorError):
    """Saved arrays do not fit together."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` closest to `word`, or None when none is close."""
    matches = get_close_matches(word.lower(), list(known), n=1)
    return matches[0] if matches else None
