"""Writing behind, over both stores and over one that fails when told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from streams.history.errors import HistoryForeignError, HistoryUnavailableError
from streams.history.protocol import KEEP, Span
from streams.history.writer import HistoryWriter
from tests.fakes.postgres import wait_until
from tests.streams.history.samples import JAN_6, OPEN_MS, days, minutes
from tests.streams.history.test_small import alerts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.history.errors import HistoryError
    from streams.history.protocol import History

PATIENCE_S = 10.0


class Frail:
    """A history that is away, or hangs, or refuses, when told so; keeps what was written."""

    def __init__(self) -> None:
        self.error: HistoryError | None = None
        self.door = threading.Event()
        self.door.set()
        self.closes: list[float] = []
        self.spans: list[Span] = []
        self.opened = self.closed = self.calls = 0

    def open(self) -> Any:
        self.opened += 1
        self._fail()
        return self

    def write_minutes(self, bars: Any) -> int:
        self.calls += 1
        self.door.wait(PATIENCE_S)
        self._fail()
        self.closes += bars.values[3].tolist()
        return int(bars.size)

    def mark_fetched(self, _: str, spans: list[Span]) -> None:
        self.spans += spans

    def prune(self, *_: object) -> None:
        self._fail()

    def close(self) -> None:
        self.closed += 1

    def _fail(self) -> None:
        if self.error:
            raise self.error


AWAY = HistoryUnavailableError("here", "is away", "wait")


@pytest.fixture
def frail() -> Frail:
    return Frail()


@pytest.fixture
def writer(frail: Frail) -> Iterator[HistoryWriter]:
    one = HistoryWriter(frail.open, limit_rows=10, first_pause_s=0.01)
    yield one
    frail.door.set()
    one.close(PATIENCE_S if frail.error is None else 0)


def test_rows_of_every_kind_are_stored_behind(opener: Callable[[], History]) -> None:
    writer = HistoryWriter(opener)
    writer.minutes(minutes(["A"], [OPEN_MS]), [Span("A", OPEN_MS, OPEN_MS, 1)])
    writer.daily(days(["A"], [JAN_6]), "grouped", 1, [Span("A", JAN_6, JAN_6, 1)])
    writer.append("alerts", alerts(1))
    writer.mark_fetched("news", [Span("A", 1, 1, 1)])
    assert writer.close(PATIENCE_S)
    assert writer.standing.stored == 4
    history = opener()
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 1
    assert history.daily(None, JAN_6, JAN_6).day.tolist() == [JAN_6]
    assert history.read("alerts", 0, OPEN_MS * 2).num_rows == 1
    assert [len(history.fetched(kind)) for kind in ("minutes", "daily", "news")] == [1, 1, 1]


def test_minutes_that_wait_are_stored_together_in_order(frail: Frail, writer: HistoryWriter) -> None:
    frail.door.clear()
    for close in range(2, 8):
        writer.minutes(minutes(["A"], [OPEN_MS], close))
        wait_until(lambda: frail.calls)
    frail.door.set()
    assert writer.flush(PATIENCE_S)
    assert frail.closes == [2, 3, 4, 5, 6, 7]
    assert frail.calls == 2


def test_a_store_that_is_away_is_opened_again_until_it_is_back(frail: Frail, writer: HistoryWriter) -> None:
    frail.error = AWAY
    writer.minutes(minutes(["A"], [OPEN_MS], 2))
    wait_until(lambda: writer.standing.failures >= 3)
    assert "is away" in writer.standing.failing
    assert writer.standing.waiting == 1
    frail.error = None
    assert writer.flush(PATIENCE_S)
    assert frail.closes == [2]
    assert writer.standing.failing == ""


def test_a_write_that_fails_is_repeated_on_a_store_opened_anew(frail: Frail, writer: HistoryWriter) -> None:
    writer.minutes(minutes(["A"], [OPEN_MS], 2))
    assert writer.flush(PATIENCE_S)
    frail.error = AWAY
    writer.minutes(minutes(["A"], [OPEN_MS], 3))
    wait_until(lambda: frail.opened >= 2)
    frail.error = None
    assert writer.flush(PATIENCE_S)
    assert frail.closes == [2, 3]
    assert frail.closed == 1


def test_beyond_the_limit_the_oldest_are_dropped_with_a_count(frail: Frail, writer: HistoryWriter) -> None:
    frail.door.clear()
    writer.minutes(minutes(["A"], [OPEN_MS], 2))
    wait_until(lambda: frail.calls)
    for close in range(3, 16):
        writer.minutes(minutes(["A"], [OPEN_MS], close), [Span("A", close, close, 1)])
    assert writer.standing.waiting == 10
    assert writer.standing.dropped == 4
    frail.door.set()
    assert writer.flush(PATIENCE_S)
    assert frail.closes == [2, *range(7, 16)]
    assert [span.first for span in frail.spans] == list(range(7, 16))  # what was dropped is not known


def test_a_batch_larger_than_the_limit_is_dropped_alone(frail: Frail, writer: HistoryWriter) -> None:
    writer.minutes(minutes(["A"], [OPEN_MS], 2))
    writer.minutes(minutes(["A"] * 11, [OPEN_MS]))
    assert writer.flush(PATIENCE_S)
    assert frail.closes == [2]
    assert writer.standing.dropped == 11


def test_what_a_person_has_to_mend_ends_the_writing_and_is_said(frail: Frail, writer: HistoryWriter) -> None:
    frail.error = HistoryForeignError("here", "newer", "run that one")
    writer.minutes(minutes(["A"], [OPEN_MS]))
    wait_until(lambda: writer.standing.fatal)
    assert not writer.flush(PATIENCE_S) or writer.standing.fatal is frail.error
    writer.minutes(minutes(["B"], [OPEN_MS]))
    assert writer.standing.dropped == 2
    assert writer.standing.waiting == 0
    assert frail.opened == 1


def test_a_mistake_of_our_own_ends_the_writing_and_is_said(frail: Frail, writer: HistoryWriter) -> None:
    frail.error = ZeroDivisionError("oops")  # type: ignore[assignment]
    writer.minutes(minutes(["A"], [OPEN_MS]))
    wait_until(lambda: writer.standing.fatal)
    assert "oops" in str(writer.standing.fatal)
    assert writer.standing.dropped == 1


def test_rows_that_the_store_refuses_do_not_hold_up_others(opener: Callable[[], History]) -> None:
    writer = HistoryWriter(opener)
    writer.append("alerts", alerts(1).drop_columns("rule"))
    writer.append("alerts", alerts(2))
    assert writer.close(PATIENCE_S)
    assert writer.standing.refused == 1
    assert "column rule is missing" in writer.standing.refusal
    assert opener().read("alerts", 0, OPEN_MS * 2)["id"].to_pylist() == ["a2"]


def test_the_end_does_not_wait_for_a_store_that_hangs(frail: Frail, writer: HistoryWriter) -> None:
    frail.door.clear()
    writer.minutes(minutes(["A"], [OPEN_MS]))
    assert not writer.close(0.01)


def test_a_prune_that_fails_is_told_in_the_log_and_holds_up_nothing(frail: Frail, writer: HistoryWriter) -> None:
    assert writer.flush(PATIENCE_S)
    frail.error = AWAY
    with capture_logs() as logged:
        writer.prune(OPEN_MS, KEEP)
        assert writer.flush(PATIENCE_S)
    assert [(line["event"], line["what"]) for line in logged] == [("history not pruned", str(AWAY))]
    frail.error = None
    writer.minutes(minutes(["A"], [OPEN_MS], 2))
    assert writer.flush(PATIENCE_S)
    assert writer.standing.failures == 0
