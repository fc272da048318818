"""Alerts, outcomes, questions, registers and what was fetched, in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from streams.bars import MINUTE_MS
from streams.history.errors import HistoryRefusedError
from streams.history.protocol import DAY_MS, Retention, Span
from streams.history.tables import ALERTS, OUTCOMES, QUESTIONS, SMALL
from tests.streams.history.samples import JAN_6, OPEN_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.history.protocol import History


def alerts(*numbers: int, severity: str = "high") -> pa.Table:
    rows = [
        {"id": f"a{n}", "rule": "surge", "symbol": "A", "bar_start_ms": OPEN_MS + n * MINUTE_MS, "severity": severity}
        | {"score": None if n % 2 else 0.25, "data": f'{{"n": {n}}}'}
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, schema=ALERTS.schema)


def test_alerts_come_back_by_time_and_score_may_be_unknown(history: History) -> None:
    assert history.append("alerts", alerts(3, 1, 2)) == 3
    found = history.read("alerts", OPEN_MS, OPEN_MS + 3 * MINUTE_MS)
    assert found.schema == ALERTS.schema
    assert found.to_pylist() == alerts(1, 2).to_pylist()


def test_an_alert_that_is_known_is_left_out(history: History) -> None:
    history.append("alerts", alerts(1))
    assert history.append("alerts", alerts(1, 2, severity="low")) == 1
    assert history.read("alerts", 0, OPEN_MS + DAY_MS)["severity"].to_pylist() == ["high", "low"]


def test_outcomes_stand_beside_random_symbols_of_the_same_minute(history: History) -> None:
    row = {"id": "a1", "horizon_minutes": 15, "symbol": "A", "bar_start_ms": OPEN_MS, "control": False}
    row |= {"forward_return": 0.01, "best": 0.02, "worst": -0.01}
    rows = pa.Table.from_pylist([row, row | {"symbol": "Z", "control": True}], schema=OUTCOMES.schema)
    assert history.append("outcomes", rows) == 2
    assert history.append("outcomes", rows) == 0
    assert history.read("outcomes", OPEN_MS, OPEN_MS + 1).to_pylist() == rows.to_pylist()


def test_questions_are_kept_like_bars(history: History) -> None:
    columns = [pa.array(["B", "A"]), [OPEN_MS, OPEN_MS], [np.nan, 0.3], [0.1, 0.1], [True, False]]
    rows = pa.table(dict(zip(QUESTIONS.schema.names, columns, strict=True)))
    assert history.append("questions", rows) == 2
    history.append("questions", rows)
    found = history.read("questions", OPEN_MS, OPEN_MS + 1)
    assert found.schema == QUESTIONS.schema
    assert found["symbol"].to_pylist() == ["A", "B"]
    assert found["answer"].to_pylist() == [False, True]


@pytest.mark.parametrize(
    ("table", "row", "change"),
    [
        (
            "tickers",
            {"symbol": "A", "name": "Agilent", "exchange": "XNYS", "type": "CS", "active": True, "figi": "BBG1"},
            {"name": "B"},
        ),
        ("splits", {"symbol": "A", "day": JAN_6, "split_from": 1.0, "split_to": 10.0}, {"split_to": 20.0}),
        ("details", {"symbol": "A", "name": "x", "market_cap": None, "sector": "s", "industry": "i", "data": "{}"}, {}),
    ],
)
def test_a_register_holds_the_newest_row_of_each_key(
    history: History, table: str, row: dict[str, object], change: dict[str, object]
) -> None:
    row |= {"as_of_ms": 1}
    rows = pa.Table.from_pylist([row, row | {"symbol": "B"}], schema=SMALL[table].schema)
    assert history.put(table, rows) == 2  # type: ignore[arg-type]
    new = row | change | {"as_of_ms": 2}
    history.put(table, pa.Table.from_pylist([new], schema=SMALL[table].schema))  # type: ignore[arg-type]
    assert history.get(table).to_pylist() == [new, row | {"symbol": "B"}]  # type: ignore[arg-type]


def test_rows_without_a_key_are_refused_whole(history: History) -> None:
    rows = pa.table(
        {
            name: pa.array([None, None], SMALL["tickers"].schema.field(name).type)
            for name in SMALL["tickers"].schema.names
        }
    )
    with pytest.raises(HistoryRefusedError, match="column symbol is empty in 2 rows"):
        history.put("tickers", rows)
    assert history.get("tickers").num_rows == 0


def test_hostile_text_comes_back_as_it_was(history: History) -> None:
    text = "'); DROP TABLE tickers; --\t\\N \\. \" \n<b>\u2028"
    row = {"symbol": "A", "name": text, "exchange": "", "type": "\\N", "active": None, "as_of_ms": 1, "figi": "BBG1"}
    history.put("tickers", pa.Table.from_pylist([row], schema=SMALL["tickers"].schema))
    assert history.get("tickers").to_pylist() == [row]


def test_what_was_fetched_is_known_after_a_restart_and_touching_spans_are_one(
    opener: Callable[[], History],
) -> None:
    with opener() as first:
        first.mark_fetched("daily", [Span("A", 10, 19, 5), Span("B", 1, 1, 5)])
        first.mark_fetched("daily", [Span("A", 20, 29, 7), Span("A", 40, 50, 7)])
        first.mark_fetched("minutes", [Span("A", 0, 1, 1)])
    with opener() as second:
        assert second.fetched("daily") == [Span("A", 10, 29, 5), Span("A", 40, 50, 7), Span("B", 1, 1, 5)]
        assert second.fetched("other") == []


def test_old_rows_go_and_their_spans_with_them(history: History) -> None:
    history.append("alerts", alerts(1))
    history.mark_fetched("daily", [Span("A", JAN_6 - 9000, JAN_6, 1)])
    history.mark_fetched("minutes", [Span("A", OPEN_MS, OPEN_MS + 1, 1)])
    history.prune(OPEN_MS + 11 * DAY_MS, Retention(minute_days=5, daily_days=365, journal_days=10))
    assert history.read("alerts", 0, OPEN_MS + DAY_MS).num_rows == 0
    assert history.fetched("minutes") == []
    assert history.fetched("daily")[0].first > JAN_6 - 1000


def test_disk_use_is_said(history: History) -> None:
    history.append("alerts", alerts(*range(1000)))
    assert history.disk_bytes() > 10_000
