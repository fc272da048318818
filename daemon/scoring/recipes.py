"""What is learned, and by which models: the part of the configuration that the learner's process needs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Kind = Literal[
    "logistic",
    "passive-aggressive",
    "alma",
    "adpredictor",
    "hoeffding-tree",
    "adaptive-forest",
    "amf",
    "bagging",
    "adwin-boosting",
]
Optimizer = Literal["sgd", "adagrad", "adam", "rmsprop", "ftrl"]

ENSEMBLE = "ensemble"
"""The model that mixes all others; its name is taken."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the ladder.

    Attributes:
        name: once a ladder.
        kind: which of River's estimators.
        basis: of the logistic kind: ``scaled`` features, or their ``knots``, a line from knot to knot for each.
        optimizer: of the logistic kind.
        rate: its learning rate.
        l2: its penalty.
        rehearsal: rows of earlier answers that each step learns again, of the logistic kind.
        share: of a step's gradient that those have.
        size: trees of a forest, models of a bag.
        rows: most rows of a minute that a kind without mini-batches learns; it takes them evenly.
    """

    name: Name
    kind: Kind = "logistic"
    basis: Literal["scaled", "knots"] = "scaled"
    optimizer: Optimizer = "sgd"
    rate: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.02
    l2: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    rehearsal: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 256
    share: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.8
    size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    rows: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 256


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one target is learned.

    Attributes:
        name: of the target.
        horizon_minutes: of its question.
        recipes: the ladder; the ensemble of all is added where there are several.
        memory_rows: answers that are remembered, for rehearsal and for models that have to learn anew.
        memory_share: most rows of one minute that are remembered.
        unusual: whether half-space trees learn beside the ladder.
    """

    name: str
    horizon_minutes: int = 15
    recipes: tuple[Recipe, ...] = (Recipe("logistic"),)
    memory_rows: Annotated[int, msgspec.Meta(ge=0, le=2_000_000)] = 200_000
    memory_share: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 64
    unusual: bool = False


DEFAULT_LADDER: Sequence[Recipe] = (
    Recipe("logistic"),
    Recipe("knots", basis="knots", rate=0.1, share=0.95),
    Recipe("fast", rate=0.005, rehearsal=0),
)
"""Of the linear family: rehearsed, rehearsed with curves, and one that only knows the newest answers."""

PLAIN = Recipe("logistic", rate=0.005, rehearsal=0)
"""One step a lesson along its mean gradient, and nothing else."""
