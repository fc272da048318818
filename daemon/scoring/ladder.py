"""Which model speaks: the champion and its challengers, all judged on the same questions as issued. Pure.

* A lesson's log loss is its rows' mean. Lessons overlap, so half hours (`BLOCK` lessons) are what is compared.
* A challenger is promoted when, over the half hours that both were judged in (the newest `BLOCKS`), its log loss is
  lower with a one-sided t of `PROOF` or more, over `ENOUGH` half hours at least. Of several the one with the lowest
  loss is taken, and all comparisons begin anew.
* The ensemble's weights shrink with each lesson by ``exp(-WEIGHING * loss)``, and then share a part `SHARED` of
  themselves equally, so that a model that was bad long ago comes back within a session or two (fixed share: Herbster
  and Warmuth, 1998).
* A champion that was worse than the base rate over a whole session is benched: the one that spoke at the start takes
  its place, or the best one that was better than the base rate, and if there is none the base rate itself speaks,
  until one has been better over a session. The first session of all benches nobody: there, all know too little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from daemon.scoring.errors import StateError
from daemon.scoring.saved import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streams.types import Floats

BLOCK = 30
BLOCKS = 130
"""Ten sessions."""
ENOUGH = 26
"""Two sessions."""
PROOF = 2.5
WEIGHING = 0.5
SHARED = 0.002
SESSION_LESSONS = 60
"""Fewer lessons than these are no session to be benched for."""

ROUNDING = 1e-6
"""Of a sum of weights."""

BASE = "base rate"


class Change(NamedTuple):
    """Another model speaks from now on.

    Attributes:
        kind: ``promoted``, ``benched`` or ``restored``.
        model: the one that spoke.
        by: the one that speaks.
        why: in words.
    """

    kind: str
    model: str
    by: str
    why: str


class Ladder:
    """Judges models by each lesson's log loss, and says who is champion.

    Args:
        names: of the models.
        champion: number of the one that speaks at the start.

    Attributes:
        champion: number of the model that speaks, -1 for the base rate.
    """

    def __init__(self, names: Sequence[str], champion: int = 0) -> None:
        self._names = tuple(names)
        models = len(self._names)
        self.champion = self._first = champion
        self._weights = np.full(models, 1.0 / models)
        self._block = np.zeros((2, models))
        self._blocks = np.full((BLOCKS, models), np.nan)
        self._at = np.zeros(5, np.int64)  # blocks, lessons of the block, session, lessons of the session, sessions
        self._session = np.zeros((2, models))  # loss beyond the base rate's, lessons

    @property
    def speaker(self) -> str:
        """Name of the champion."""
        return self._names[self.champion] if self.champion >= 0 else BASE

    def weights(self, of: int) -> Floats:
        """What each of the first `of` models counts for in the ensemble; they sum up to 1."""
        return np.asarray(self._weights[:of] / self._weights[:of].sum())

    def add(self, loss: Floats, base_loss: float, session: int) -> list[Change]:
        """A lesson was judged.

        Args:
            loss: ``float64[m]``, mean log loss of each model on the lesson's questions; NaN where it had not scored.
            base_loss: of the base rate on the same questions.
            session: number of its day; one that is greater than the last closes the session before.
        """
        changes = self._close_session() if session > self._at[2] else []
        self._at[2] = session
        known = np.isfinite(loss)
        taken = np.where(known, loss, 0.0)
        weights = self._weights * np.exp(-WEIGHING * np.where(known, loss, base_loss))
        self._weights = (1.0 - SHARED) * weights / weights.sum() + SHARED / len(weights)
        self._block += (taken, known)
        self._session += (np.where(known, loss - base_loss, 0.0), known)
        self._at[[1, 3]] += 1
        if self._at[1] == BLOCK:
            changes += self._close_block()
        return changes

    def standing(self, number: int) -> Literal["champion", "challenger", "benched"]:
        """Role of a model; while the base rate speaks all are ``benched``."""
        if self.champion < 0:
            return "benched"
        return "champion" if number == self.champion else "challenger"

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state."""
        return {
            "champion": np.array([self.champion], np.int64),
            "weights": self._weights,
            "block": self._block,
            "blocks": self._blocks,
            "at": self._at,
            "session": self._session,
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where `to_arrays` left off.

        Raises:
            StateError: arrays absent, of another shape or type, or with numbers of no ladder; nothing was changed.
        """
        models = len(self._names)
        (champion,) = checked(arrays, "champion", np.int64, (1,), -1, models - 1).tolist()
        weights = checked(arrays, "weights", np.float64, (models,), 0.0, 1.0)
        block, session = (checked(arrays, name, np.float64, (2, models)) for name in ("block", "session"))
        known = {"blocks": np.nan_to_num(arrays["blocks"])} if "blocks" in arrays else {}  # NaN where not judged
        checked(known, "blocks", np.float64, (BLOCKS, models), 0.0)
        at = checked(arrays, "at", np.int64, (5,), 0)
        if abs(weights.sum() - 1.0) > ROUNDING or at[1] >= BLOCK:
            raise StateError("a ladder's weights sum up to 1, and no half hour is longer than that")
        self.champion, self._weights, self._block, self._session = champion, weights, block, session
        self._blocks, self._at = arrays["blocks"].copy(), at

    def _close_block(self) -> list[Change]:
        losses, lessons = self._block
        self._blocks[self._at[0] % BLOCKS] = np.where(lessons == BLOCK, losses / BLOCK, np.nan)
        self._at[0] += 1
        self._at[1], self._block[:] = 0, 0.0
        if self.champion < 0:
            return []
        better = {number: t for number in range(len(self._names)) if (t := self._proof(number)) >= PROOF}
        if not better:
            return []
        best = min(better, key=lambda number: float(np.nanmean(self._blocks[:, number])))
        return [self._change("promoted", best, f"lower log loss over half hours, t = {better[best]:.1f}")]

    def _proof(self, challenger: int) -> float:
        """One-sided t of what a challenger gained on the champion, 0 while there are too few half hours."""
        gain = self._blocks[:, self.champion] - self._blocks[:, challenger]
        gain = gain[np.isfinite(gain)]
        spread = gain.std(ddof=1) if len(gain) >= ENOUGH else 0.0
        return float(gain.mean() / (spread / np.sqrt(len(gain)))) if spread > 0.0 else 0.0

    def _close_session(self) -> list[Change]:
        (beyond, lessons), enough = self._session.copy(), self._at[3] >= SESSION_LESSONS
        self._session[:], self._at[3] = 0.0, 0
        self._at[4] += enough
        if not enough or self._at[4] == 1:
            return []
        excess = np.where(lessons >= SESSION_LESSONS, beyond / np.maximum(lessons, 1.0), np.inf)
        if self.champion >= 0 and not 0.0 < excess[self.champion] < np.inf:
            return []
        best = self._first if excess[self._first] <= 0.0 else int(excess.argmin())
        if excess[best] <= 0.0:
            why = f"{-excess[best]:.4f} below the base rate's log loss over a session"
            return [self._change("benched" if self.champion >= 0 else "restored", best, why)]
        if self.champion < 0:
            return []
        return [self._change("benched", -1, "worse than the base rate over a session, and so was every other")]

    def _change(self, kind: str, champion: int, why: str) -> Change:
        before, self.champion = self.speaker, champion
        self._blocks[:] = np.nan
        return Change(kind, before, self.speaker, why)
