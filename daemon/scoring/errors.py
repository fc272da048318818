"""What can go wrong between questions and scores, and who acts on it.

* `ScoringError`: base of all below.

  * `StateError`: saved arrays do not fit together, or fit other features. Skip: start without them.
  * `WireError`: bytes between engine and learner break the format. Retry: a new learner takes over.
  * `LearnerError`: base of what ails the learner's process.

    * `LearnerGoneError`: the process has closed its socket. Retry: a new one goes on from the last view.
    * `LearnerFailingError`: it ended again and again, or gave no view in time, where the caller has to wait
      for it. Stop.
"""

from __future__ import annotations


class ScoringError(Exception):
    """Base of all that can go wrong with scores."""


class StateError(ScoringError):
    """Saved arrays do not fit together, or fit other features."""


class WireError(ScoringError):
    """Bytes between engine and learner break the format."""


class LearnerError(ScoringError):
    """Base of what ails the learner's process."""


class LearnerGoneError(LearnerError):
    """The learner's process has closed its socket.

    Attributes:
        exit_code: of the process, negative for a signal, None while it is unknown.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        """What happened, in words."""
        return f"the learner's process has ended (exit code {self.exit_code})"


class LearnerFailingError(LearnerError):
    """The learner gives no view, and the caller cannot go on without one.

    Attributes:
        reason: what was seen last.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        """What happened, and what to do."""
        return f"no view of the model: {self.reason}; its own message stands above, on stderr"
