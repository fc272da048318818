"""What happens to models that people should know, as the learner's process tells it. Pure."""

from __future__ import annotations

from typing import Final

import msgspec


class ModelNews(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        kind: a key of `KINDS`.
        target: whose model.
        model: which one, empty for all of the target.
        what: in words, with what was done about it.
        minute_ms: market time, 0 at a start.
    """

    kind: str
    target: str
    model: str
    what: str
    minute_ms: int


KINDS: Final = {
    "adopted": "A state of other models or features was found: what fits was taken over.",
    "benched": "The champion was worse than the base rate over a session: another speaks.",
    "drift": "A model's log loss has risen; it learns faster for a while, where it can.",
    "promoted": "A challenger has proved better than the champion, and speaks from now on.",
    "refused": "Values of features, a step of learning or what was saved were of no use; the first two once a session.",
    "relearned": "A model that no state can hold learns what is remembered again.",
    "restored": "The base rate had spoken: a model that was better than it speaks again.",
}
ALARMING: Final = frozenset({"benched", "refused"})
