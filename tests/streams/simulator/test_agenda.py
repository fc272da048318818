from __future__ import annotations

from typing import TYPE_CHECKING

from streams.simulator.agenda import Agenda
from streams.simulator.schedule import Strike
from streams.simulator.tape import NOTHING, Emission

if TYPE_CHECKING:
    from collections.abc import Iterator


def tape(*due_ms: int) -> Iterator[Emission]:
    return (Emission(each, "A", NOTHING) for each in due_ms)


def plan(*at_ms: int) -> list[Strike]:
    return [Strike(each, "late", {}) for each in at_ms]


def popped(agenda: Agenda) -> list[tuple[int, str]]:
    found = []
    while due := agenda.pop():
        item = due.item
        found.append((due.due_ms, item if isinstance(item, str) else type(item).__name__))
    return found


def test_at_the_same_time_strikes_come_first_and_bars_last() -> None:
    agenda = Agenda(tape(1, 2), plan(2))
    agenda.add(2, "later")
    agenda.add(2, "latest")
    assert popped(agenda) == [(1, "Emission"), (2, "Strike"), (2, "later"), (2, "latest"), (2, "Emission")]


def test_what_is_put_off_while_others_are_done_finds_its_place() -> None:
    agenda = Agenda(tape(1, 5), [])
    assert agenda.peek_ms() == 1
    agenda.pop()
    agenda.add(3, "later")
    assert popped(agenda) == [(3, "later"), (5, "Emission")]
    assert agenda.peek_ms() is None


def test_early_strikes_are_taken_out() -> None:
    agenda = Agenda(tape(9), plan(1, 2, 3))
    assert [strike.at_ms for strike in agenda.early(2)] == [1, 2]
    assert popped(agenda) == [(3, "Strike"), (9, "Emission")]


def test_endings_come_in_their_time_and_are_forgotten_behind_all_else() -> None:
    done: list[int] = []
    agenda = Agenda(tape(5), [])
    agenda.add_ending(3, lambda: done.append(3))
    agenda.add_ending(9, lambda: done.append(9))
    agenda.add(7, "later")
    assert [due for due, _ in popped(agenda)] == [3, 5, 7]


def test_bars_are_read_when_they_are_asked_for_and_not_before() -> None:
    read: list[int] = []

    def bars() -> Iterator[Emission]:
        for due_ms in (1, 2):
            read.append(due_ms)
            yield Emission(due_ms, "A", NOTHING)

    agenda = Agenda(bars(), [])
    agenda.pop()
    assert read == [1]
