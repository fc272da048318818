"""Places where a test may end the process, so that it can look at what a kill leaves behind.

``TECHNIC_FAIL=after_outbox:kill`` is SIGKILL on the first way through there, ``after_outbox:kill:3`` on the third.
Without that variable `reach` compares two texts, and nothing else.

``before_outbox``
    alerts are given, none of them is on disk
``after_outbox``
    they are on disk, nobody has been told
``before_snapshot``, ``in_snapshot``, ``after_snapshot``
    a state file: nothing written, some of its arrays written, in place under its name
"""

from __future__ import annotations

import os
import signal
from itertools import count
from typing import Final

VARIABLE: Final = "TECHNIC_FAIL"
STEPS: Final = ("before_outbox", "after_outbox", "before_snapshot", "in_snapshot", "after_snapshot")


def _wanted(text: str) -> tuple[str, int]:
    """Step and number of the passage that is the last; ("", 0) for none."""
    step, _, how = text.partition(":")
    action, _, number = how.partition(":")
    if text and (step not in STEPS or action != "kill" or not (number or "1").isdecimal()):
        raise ValueError(f"{VARIABLE}={text}: write STEP:kill or STEP:kill:NUMBER, STEP one of {', '.join(STEPS)}")
    return step, int(number or 1) if text else 0


_step, _number = _wanted(os.environ.get(VARIABLE, ""))
_passages = count(1)


def reach(step: str) -> None:
    """Go on; or, where a test wants it so, end here as if the power were cut."""
    if step == _step and next(_passages) == _number:
        os.kill(os.getpid(), signal.SIGKILL)
