"""When the watchdog is fed: by turns of the tasks and by the age of input that nobody has taken.

Never by data arriving: a silent market keeps the daemon alive, and a flood on the socket does not hide an engine
that is stuck. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pulse(NamedTuple):
    """How the daemon is doing, for the watchdog.

    Attributes:
        turns_s: seconds since the last turn of each task that has to turn, by name.
        input_age_s: age of the oldest input that no turn has taken, 0 if there is none.
    """

    turns_s: Mapping[str, float]
    input_age_s: float = 0.0


def stuck(pulse: Pulse, limit_s: float) -> str:
    """What is stuck, in words; "" if nothing is, and the watchdog is to be fed.

    Args:
        pulse: how the daemon is doing.
        limit_s: longest pause of a task and longest wait of input that still counts as alive.
    """
    for task, age_s in pulse.turns_s.items():
        if age_s > limit_s:
            return f"{task} has not turned for {age_s:.0f} s"
    if pulse.input_age_s > limit_s:
        return f"input waits for {pulse.input_age_s:.0f} s"
    return ""
