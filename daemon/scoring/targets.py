"""What is asked of the market: targets, each a question with its horizon and whom it is put to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["large_move", "up_excursion", "direction"]
KINDS: Final = get_args(Kind)

REGULAR: Final = "session == 'regular'"


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question, put to every symbol that it may be put to, at every minute.

    Attributes:
        name: once a configuration.
        question: ``large_move`` (price moves by more than `threshold_atr` ATR, up or down), ``up_excursion`` (up),
            ``direction`` (the last close within the horizon is above the present one), or a condition of the rule
            language. Where that names the future (``future_high``, ``future_low``, ``future_close``,
            ``future_volume``: of the bars within the horizon), all else in it is of the minute in which it is asked;
            where it does not, it is looked at when the horizon is over, at the symbol's last bar.
        horizon_minutes: how far it looks ahead.
        threshold_atr: of the first two.
        where: a condition of the rule language: whom it is put to.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = "large_move"
    question: str = "large_move"
    horizon_minutes: Annotated[int, msgspec.Meta(ge=1, le=120)] = 15
    threshold_atr: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] = 4.0
    where: str = REGULAR

    @property
    def asks_all(self) -> bool:
        """Whether it is put to every symbol in regular hours, as targets are where nothing else is said."""
        return self.where == REGULAR

    @property
    def is_condition(self) -> bool:
        """Whether the question is one of the rule language."""
        return self.question not in KINDS


def conditions(targets: Sequence[Target]) -> list[str]:
    """All conditions of the rule language that targets name, in order: of each whom it is put to, then what it asks."""
    found: list[str] = []
    for target in targets:
        found += [] if target.asks_all else [target.where]
        found += [target.question] if target.is_condition else []
    return found


def places(targets: Sequence[Target]) -> list[tuple[int | None, int | None]]:
    """Of each target, where its two conditions stand among `conditions`."""
    found: list[tuple[int | None, int | None]] = []
    count = 0
    for target in targets:
        where = None if target.asks_all else count
        count += where is not None
        question = count if target.is_condition else None
        count += question is not None
        found.append((where, question))
    return found
