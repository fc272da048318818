from __future__ import annotations

import threading

import pytest

from streams.history.deadline import OverdueError, Patience
from tests.fakes.postgres import wait_until


def test_a_call_in_time_gives_its_result_or_its_error() -> None:
    patience = Patience()
    assert patience.call(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        patience.call(lambda: 1 / 0, 5)


def test_an_overdue_call_is_left_to_itself_and_no_other_begins_until_it_ends() -> None:
    patience, door, begun = Patience(), threading.Event(), []
    with pytest.raises(OverdueError):
        patience.call(door.wait, 0.01)
    with pytest.raises(OverdueError):
        patience.call(lambda: begun.append(1), 5)
    assert begun == []
    door.set()
    wait_until(lambda: not patience.engaged)
    assert patience.call(lambda: 8, 5) == 8
