"""How good one model's probabilities have been, on predictions as issued, beside the base rate of the phase.

Pure. Sums and histograms only: O(1) memory, some 90 kB, and O(n) a minute. Probabilities are ranked by the bin that
their logit falls in, `BINS` of equal width over +-`LOGITS`, so that rare and common answers are told apart alike.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from daemon.scoring.errors import StateError
from daemon.scoring.questions import PHASES
from daemon.scoring.saved import checked
from indicators.jit import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streams.types import Flags, Floats, Longs

BINS: Final = 1024
LOGITS: Final = 8.0

SECTORS: Final = 64
"""Numbers of sectors are below this; what is not counts as unknown, which is 0."""

GROUP_BINS: Final = 32
GROUP_LOGITS: Final = (-6.0, 4.0)
"""Phases and sectors have coarse bins, and an AUC within some 0.01: exact ones would take 1.3 MB a card."""

GROUP_FULL: Final = 2**30
"""A group with as many answers in one bin is halved: ranks stay as they are."""

CALIBRATION_BINS: Final = 20
TOP: Final = 0.01
"""Share of the questions, those of the highest probability, whose precision is told."""

SESSIONS: Final = 64
"""Sessions whose losses are kept."""

ROLLING: Final = 5
"""Sessions that rolling figures are made of, the running one included."""

CERTAIN: Final = 1e-9
"""Log loss takes no probability as nearer to 0 or 1 than this."""

DAY_MS: Final = 86_400_000
_MIDNIGHT_MS: Final = 18_000_000
"""Midnight of New York in winter, 1 in summer: no session with the hours before and after it crosses that."""

LAST_DAY: Final = 2_000_000
"""Days since 1970; calendars end there."""

_SCORED, _UNSCORED, _YES, _LOSS, _BASE_LOSS, _SQUARE, _BASE_SQUARE = range(7)
"""Columns of sums."""
_GROUP_SUMS: Final = [_SCORED, _YES, _LOSS, _BASE_LOSS]


class Grade(NamedTuple):
    """Figures of all predictions of some time; NaN before the first.

    Attributes:
        questions: answered questions that the model had scored.
        unscored: answered questions that it had not.
        base_rate: share of the answers that were yes.
        log_loss: mean, in nats.
        base_log_loss: that of the phase's base rate as it stood when each question was asked, on the same questions.
        brier: mean squared error.
        base_brier: likewise.
        auc: area under the ROC curve; NaN while all answers are equal.
        calibration_error: expected difference between predicted and true share, by `Calibration` bins.
        precision_top: share of yes among the `TOP` of the highest probability; ties at its edge count by share.
    """

    questions: int
    unscored: int
    base_rate: float
    log_loss: float
    base_log_loss: float
    brier: float
    base_brier: float
    auc: float
    calibration_error: float
    precision_top: float


class Group(NamedTuple):
    """Since start, of one phase or sector that had questions; see `Grade`. `number`: of the phase or sector."""

    number: int
    questions: int
    base_rate: float
    log_loss: float
    base_log_loss: float
    auc: float


class Calibration(NamedTuple):
    """A bin of predictions: their mean, the share of yes among their answers, how many `questions` they are."""

    predicted: float
    share: float
    questions: int


class SessionLoss(NamedTuple):
    """One session, with the hours before and after it. `day`: its date, as days since 1970."""

    day: int
    questions: int
    log_loss: float
    base_log_loss: float


def session_day(ms: int) -> int:
    """The date of the session that a time of the market belongs to, as days since 1970."""
    return max(ms - _MIDNIGHT_MS, 0) // DAY_MS


class Scorecard:
    """Takes predictions with their answers, market minute by market minute."""

    def __init__(self) -> None:
        self._minutes = np.zeros(1, np.int64)
        self._sums = np.zeros(7)
        self._bins = np.zeros((2, BINS), np.int64)
        self._predicted = np.zeros(BINS)
        self._groups = np.zeros((PHASES + SECTORS, 4))
        self._group_bins = np.zeros((PHASES + SECTORS, 2, GROUP_BINS), np.int32)
        self._begun = np.zeros(1, np.int64)
        self._days = np.zeros(SESSIONS, np.int64)
        self._day_sums = np.zeros((SESSIONS, 7))
        self._recent = np.zeros((ROLLING, 2, BINS), np.int32)

    def add(self, probability: Floats, answer: Flags, *, base: float, phase: int, sector: Longs, asked_ms: int) -> None:
        """Answers of questions that were asked at one market minute.

        Args:
            probability: ``float64[n]`` of yes, as issued; NaN where the model had not scored. What lies outside of 0
                to 1 counts as the nearer of them.
            answer: ``bool[n]``.
            base: base rate of the phase, as it stood when asked.
            phase: of the session when asked.
            sector: ``int64[n]``, 0 unknown.
            asked_ms: start of the minute at whose close the questions were asked; ascending from call to call.

        Cost: some 10 us, and 25 ns a prediction.
        """
        if not len(answer):
            return
        session = self._session(session_day(asked_ms))
        sums = np.zeros(7)
        said, chance = np.ascontiguousarray(probability), min(max(base, CERTAIN), 1.0 - CERTAIN)
        ranks = (self._bins, self._recent[session % ROLLING], self._predicted)
        groups = (self._groups[PHASES:], self._group_bins[phase], self._group_bins[PHASES:])
        _mark(said, answer, np.ascontiguousarray(sector), chance, sums, *ranks, *groups)
        self._minutes += 1
        self._sums += sums
        self._day_sums[session % SESSIONS] += sums
        self._groups[phase] += sums[_GROUP_SUMS]
        if self._group_bins.max() >= GROUP_FULL:
            self._group_bins[self._group_bins.max(axis=(1, 2)) >= GROUP_FULL] //= 2

    def _session(self, day: int) -> int:
        """Number of the running session, which begins with the first question of a day."""
        session = int(self._begun[0]) - 1
        if session < 0 or day > self._days[session % SESSIONS]:
            session += 1
            self._begun[0] += 1
            self._days[session % SESSIONS], self._day_sums[session % SESSIONS] = day, 0.0
            self._recent[session % ROLLING] = 0
        return session

    @property
    def minutes(self) -> int:
        """Market minutes whose answers were taken."""
        return int(self._minutes[0])

    def since_start(self) -> Grade:
        """Of all predictions."""
        return self._grade(self._sums, self._bins)

    def rolling(self) -> Grade:
        """Of those of the last `ROLLING` sessions that had questions."""
        kept = [session % SESSIONS for session in self._last(ROLLING)]
        return self._grade(self._day_sums[kept].sum(axis=0), self._recent.sum(axis=0, dtype=np.int64))

    def calibration(self) -> list[Calibration]:
        """Since start: up to `CALIBRATION_BINS` of about as many predictions each, by rising probability."""
        return _calibration(self._bins, self._means())

    def by_phase(self) -> list[Group]:
        """Phases that had scored questions."""
        return [self._group(phase, phase) for phase in range(PHASES) if self._groups[phase, 0]]

    def by_sector(self) -> list[Group]:
        """Sectors that had scored questions."""
        places = enumerate(range(PHASES, PHASES + SECTORS))
        return [self._group(place, sector) for sector, place in places if self._groups[place, 0]]

    def sessions(self) -> list[SessionLoss]:
        """Those of the last `SESSIONS` that had scored questions, the oldest first."""
        kept = [session % SESSIONS for session in self._last(SESSIONS)]
        return [
            SessionLoss(int(self._days[place]), int(scored), float(loss / scored), float(base_loss / scored))
            for place in kept
            if (scored := self._day_sums[place, _SCORED])
            for loss, base_loss in [self._day_sums[place, [_LOSS, _BASE_LOSS]]]
        ]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state, copied."""
        return {name: array.copy() for name, array in self._state().items()}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: arrays absent, of another shape or type, or with numbers that no card has; nothing was changed.
        """
        own = self._state()
        saved = {name: checked(arrays, name, column.dtype.type, column.shape, 0) for name, column in own.items()}
        if saved["bins"].sum() != saved["sums"][_SCORED] or saved["days"].max() > LAST_DAY:
            raise StateError("a scorecard's bins hold as many questions as its sums, its days are days")
        begun = int(saved["begun"][0])
        kept = [session % SESSIONS for session in range(max(begun - ROLLING, 0), begun)]
        if saved["recent"].sum(dtype=np.int64) != saved["day_sums"][kept, _SCORED].sum():
            raise StateError("a scorecard's bins of late hold as many questions as its sessions")
        for name, column in own.items():
            column[:] = saved[name]

    def _state(self) -> dict[str, NDArray[Any]]:
        return {name.removeprefix("_"): array for name, array in vars(self).items()}

    def _last(self, most: int) -> range:
        """Numbers of the last sessions, the running one included."""
        begun = int(self._begun[0])
        return range(max(begun - most, 0), begun)

    def _means(self) -> Floats:
        """Mean probability of each bin, 0 where there is none."""
        means: Floats = self._predicted / np.maximum(self._bins.sum(axis=0), 1)
        return means

    def _grade(self, sums: Floats, bins: Longs) -> Grade:
        scored, unscored = int(sums[_SCORED]), int(sums[_UNSCORED])
        if not scored:
            return Grade(0, unscored, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)
        means = (sums / scored).tolist()
        return Grade(
            questions=scored,
            unscored=unscored,
            base_rate=means[_YES],
            log_loss=means[_LOSS],
            base_log_loss=means[_BASE_LOSS],
            brier=means[_SQUARE],
            base_brier=means[_BASE_SQUARE],
            auc=_auc(bins),
            calibration_error=_calibration_error(_calibration(bins, self._means())),
            precision_top=_precision(bins, TOP),
        )

    def _group(self, place: int, number: int) -> Group:
        questions, yes, loss, base_loss = self._groups[place].tolist()
        auc = _auc(self._group_bins[place])
        return Group(number, int(questions), yes / questions, loss / questions, base_loss / questions, auc)


@kernel
def _mark(
    probability: Floats,
    answer: Flags,
    sector: Longs,
    base: float,
    sums: Floats,
    bins: Longs,
    recent: NDArray[np.int32],
    predicted: Floats,
    by_sector: Floats,
    phase_bins: NDArray[np.int32],
    sector_bins: NDArray[np.int32],
) -> None:
    """Add up one minute: its sums, and what it adds to everything else."""
    for i in range(probability.shape[0]):
        if math.isnan(probability[i]):
            sums[_UNSCORED] += 1.0
            continue
        chance, yes = min(max(probability[i], 0.0), 1.0), int(answer[i])
        for_yes, for_no = math.log(max(chance, CERTAIN)), math.log(max(1.0 - chance, CERTAIN))
        loss, base_loss = (-for_yes, -math.log(base)) if yes else (-for_no, -math.log1p(-base))
        sums[_SCORED] += 1.0
        sums[_YES] += yes
        sums[_LOSS] += loss
        sums[_BASE_LOSS] += base_loss
        sums[_SQUARE] += (chance - yes) ** 2
        sums[_BASE_SQUARE] += (base - yes) ** 2
        place = _place(for_yes - for_no, -LOGITS, LOGITS, BINS)
        bins[yes, place] += 1
        recent[yes, place] += 1
        predicted[place] += chance
        group = sector[i] if 0 <= sector[i] < SECTORS else 0
        by_sector[group, 0] += 1.0
        by_sector[group, 1] += yes
        by_sector[group, 2] += loss
        by_sector[group, 3] += base_loss
        coarse = _place(for_yes - for_no, GROUP_LOGITS[0], GROUP_LOGITS[1], GROUP_BINS)
        phase_bins[yes, coarse] += 1
        sector_bins[group, yes, coarse] += 1


@inlined
def _place(value: float, low: float, high: float, bins: int) -> int:
    """Bin of a value; what lies outside falls in the first or the last."""
    return int(min(max((value - low) * (bins / (high - low)), 0.0), bins - 1.0))


def warm() -> None:
    """Compile what a first lesson needs."""
    one = np.zeros(1)
    Scorecard().add(one, one > 0, base=0.5, phase=0, sector=one.astype(np.int64), asked_ms=0)


def _auc(bins: NDArray[np.integer[Any]]) -> float:
    """Chance that a yes was ranked above a no, ties within a bin count half; ``bins`` [no and yes, bin]."""
    no, yes = bins.astype(np.float64)
    pairs = no.sum() * yes.sum()
    return float((yes * (np.cumsum(no) - no / 2)).sum() / pairs) if pairs else np.nan


def _precision(bins: Longs, share: float) -> float:
    """Share of yes among the highest `share` of all, at least one; the bin at the edge counts by share."""
    counts, yes = bins.sum(axis=0)[::-1].astype(np.float64), bins[1, ::-1]
    wanted = max(share * counts.sum(), 1.0)
    taken = np.clip(wanted - (np.cumsum(counts) - counts), 0.0, counts)
    return float((yes * taken / np.maximum(counts, 1.0)).sum() / wanted)


def _calibration(bins: Longs, means: Floats) -> list[Calibration]:
    """Neighbouring bins put together so that about as many predictions are in each part."""
    counts = bins.sum(axis=0)
    middle = (np.cumsum(counts) - counts / 2) / max(int(counts.sum()), 1)
    part = np.minimum((middle * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    sums = [np.bincount(part, column, minlength=CALIBRATION_BINS) for column in (means * counts, bins[1], counts)]
    return [Calibration(float(p / n), float(y / n), int(n)) for p, y, n in zip(*sums, strict=True) if n]


def _calibration_error(table: list[Calibration]) -> float:
    return sum(one.questions * abs(one.predicted - one.share) for one in table) / sum(one.questions for one in table)
