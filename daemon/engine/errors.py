"""What can be wrong with rules, and who acts on it.

* `RulesError`: base of all below.

  * `RuleError`: one mistake, at a line and a column. Stop: someone has to edit the text.
  * `RuleErrors`: all mistakes of one file, in order of place. Stop: at start the daemon ends as for any
    wrong configuration, at a reload the rules in force stay.
  * `StateError`: saved arrays do not fit together. Skip: the engine starts without them.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Position(NamedTuple):
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


class RulesError(Exception):
    """Base of all that can be wrong with rules."""


class RuleError(RulesError):
    """One mistake: where it is, what is wrong, and what to do about it."""

    def __init__(self, at: Position, message: str, remedy: str = "") -> None:
        super().__init__(at, message, remedy)
        self.at = at
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """Line, column, mistake and remedy on one line."""
        return f"{self.at.line}:{self.at.column}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


class RuleErrors(RulesError):  # noqa: N818 -- many of `RuleError`
    """All mistakes of one file, sorted by place."""

    def __init__(self, filename: str, errors: Iterable[RuleError]) -> None:
        self.filename = filename
        self.errors = tuple(sorted(errors, key=lambda error: error.at))
        super().__init__(filename, self.errors)

    def __str__(self) -> str:
        """One line a mistake, as compilers print them."""
        return "\n".join(f"{self.filename}:{error}" for error in self.errors)


class StateError(RulesError):
    """Saved arrays do not fit together."""


def nearest(name: str, known: Sequence[str]) -> str:
    """``did you mean "..."?`` for the known name most like `name`, or nothing when none is like it."""
    found = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f'did you mean "{found[0]}"?' if found else ""
