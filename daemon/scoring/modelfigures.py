"""What people are shown of one model: `technic models --json`, ``/api/v1/models`` and the report of a replay. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from daemon.scoring.scorecard import Grade, Group, Scorecard

Role = Literal["issued", "champion", "challenger", "benched"]

ORDER: Final[Mapping[Role, int]] = {"issued": 0, "champion": 1, "challenger": 2, "benched": 3}


class Part(msgspec.Struct, frozen=True):
    """Since start, of one session phase or sector; see `ModelFigures`. `number`: of the phase, 0 to 12, or sector."""

    number: int
    questions: int
    base_rate: float
    log_loss: float
    base_log_loss: float
    auc: float | None


class CalibrationBin(msgspec.Struct, frozen=True):
    """Neighbouring predictions: their mean, the share of yes among their answers, how many they are."""

    predicted: float
    share: float
    questions: int


class Session(msgspec.Struct, frozen=True):
    """Mean log losses of one session. `day`: its date, as days since 1970."""

    day: int
    questions: int
    log_loss: float
    base_log_loss: float


class ModelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How good one model of one target has been, on predictions as issued; None where there is nothing to tell.

    Attributes:
        name: of the model.
        target: what it predicts.
        role: what the engine has said, by whichever model spoke (issued); its scores are in use (champion), only
            compared (challenger), or withheld, while the base rate speaks (benched).
        lessons: market minutes that it has learned.
        questions: answered questions that it had scored, since start.
        unscored: answered questions that it had not.
        base_rate: share of the answers that were yes.
        log_loss: mean, in nats.
        base_log_loss: of the phase's base rate as it stood when asked, on the same questions.
        brier: mean squared error; `base_brier` likewise.
        auc: area under the ROC curve.
        calibration_error: expected difference between predicted and true share.
        precision_top: share of yes among the 1 % of the highest probability; compare with `base_rate`.
        rolling_questions: of the last five sessions, as all whose names begin so.
        by_phase: half hours of the session; their AUC, and that of sectors, within some 0.01.
        by_sector: 0 is unknown.
        calibration: up to 20 bins of about as many questions, by rising probability.
        sessions: the last 64, the oldest first.
    """

    name: str
    target: str
    role: Role
    lessons: int
    questions: int
    unscored: int
    base_rate: float | None
    log_loss: float | None
    base_log_loss: float | None
    brier: float | None
    base_brier: float | None
    auc: float | None
    calibration_error: float | None
    precision_top: float | None
    rolling_questions: int
    rolling_unscored: int
    rolling_base_rate: float | None
    rolling_log_loss: float | None
    rolling_base_log_loss: float | None
    rolling_brier: float | None
    rolling_base_brier: float | None
    rolling_auc: float | None
    rolling_calibration_error: float | None
    rolling_precision_top: float | None
    by_phase: list[Part]
    by_sector: list[Part]
    calibration: list[CalibrationBin]
    sessions: list[Session]


def figures_of(card: Scorecard, *, name: str, target: str, role: Role, lessons: int) -> ModelFigures:
    """All that `card` tells of a model. Cost: some 2 ms."""
    return ModelFigures(
        name=name,
        target=target,
        role=role,
        lessons=lessons,
        **_told(card.since_start(), ""),
        **_told(card.rolling(), "rolling_"),
        by_phase=_parts(card.by_phase()),
        by_sector=_parts(card.by_sector()),
        calibration=[CalibrationBin(*one) for one in card.calibration()],
        sessions=[Session(*one) for one in card.sessions()],
    )


def ranked(models: Sequence[ModelFigures]) -> Sequence[ModelFigures]:
    """Targets in their order, of each the champion first, then the others by role and log loss."""
    targets = list(dict.fromkeys(one.target for one in models))

    def rank(one: ModelFigures) -> tuple[int, int, float]:
        return targets.index(one.target), ORDER[one.role], math.inf if one.log_loss is None else one.log_loss

    return sorted(models, key=rank)


def _told(grade: Grade, prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": _known(value) for name, value in grade._asdict().items()}


def _parts(groups: Iterable[Group]) -> list[Part]:
    return [Part(*group[:-1], auc=_known(group.auc)) for group in groups]


def _known(value: float) -> float | None:
    """None for what is not finite: JSON has no NaN."""
    return value if math.isfinite(value) else None
