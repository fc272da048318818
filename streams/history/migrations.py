"""The history's schema, step by step; what stands here once is never changed, only added to. Pure.

Databases go up step by step, each in one transaction with the number of its version, and never down.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from streams.history.errors import HistoryAbsentError, HistoryForeignError

APPLICATION: Final = 0x7463686E
"""Marks a SQLite file as a history of technic's (``PRAGMA application_id``)."""


class Step(NamedTuple):
    """What makes one version from the one before.

    Attributes:
        both: statements for SQLite and PostgreSQL.
        server: statements for PostgreSQL only, which holds the bars, too.
    """

    both: tuple[str, ...]
    server: tuple[str, ...]


_SPANS = """CREATE TABLE spans (
    kind TEXT NOT NULL, key TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, as_of_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, key, first))"""

_MINUTES = """CREATE TABLE minutes (
    symbol TEXT NOT NULL, start_ms BIGINT NOT NULL,
    open DOUBLE PRECISION NOT NULL, high DOUBLE PRECISION NOT NULL, low DOUBLE PRECISION NOT NULL,
    close DOUBLE PRECISION NOT NULL, volume DOUBLE PRECISION NOT NULL, vwap DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (start_ms, symbol))"""

_DAILY = """CREATE TABLE daily (
    symbol TEXT NOT NULL, day DATE NOT NULL,
    open DOUBLE PRECISION NOT NULL, high DOUBLE PRECISION NOT NULL, low DOUBLE PRECISION NOT NULL,
    close DOUBLE PRECISION NOT NULL, volume DOUBLE PRECISION NOT NULL, source TEXT NOT NULL, as_of_ms BIGINT NOT NULL,
    PRIMARY KEY (symbol, day))"""

_ALERTS = """CREATE TABLE alerts (
    id TEXT PRIMARY KEY, rule TEXT, symbol TEXT, bar_start_ms BIGINT, severity TEXT, score DOUBLE PRECISION,
    data TEXT)"""

_OUTCOMES = """CREATE TABLE outcomes (
    id TEXT, horizon_minutes BIGINT, symbol TEXT, bar_start_ms BIGINT, control BOOLEAN,
    forward_return DOUBLE PRECISION, best DOUBLE PRECISION, worst DOUBLE PRECISION,
    PRIMARY KEY (id, horizon_minutes, symbol))"""

_TICKERS = """CREATE TABLE tickers (
    symbol TEXT PRIMARY KEY, name TEXT, exchange TEXT, type TEXT, active BOOLEAN, as_of_ms BIGINT)"""

_SPLITS = """CREATE TABLE splits (
    symbol TEXT, day BIGINT, split_from DOUBLE PRECISION, split_to DOUBLE PRECISION, as_of_ms BIGINT,
    PRIMARY KEY (symbol, day))"""

_DETAILS = """CREATE TABLE details (
    symbol TEXT PRIMARY KEY, name TEXT, market_cap DOUBLE PRECISION, sector TEXT, industry TEXT, data TEXT,
    as_of_ms BIGINT)"""

_QUESTIONS = """CREATE TABLE questions (
    symbol TEXT NOT NULL, asked_ms BIGINT NOT NULL, score DOUBLE PRECISION NOT NULL, base DOUBLE PRECISION NOT NULL,
    answer BOOLEAN NOT NULL, PRIMARY KEY (asked_ms, symbol))"""

_ALERTS_BY_TIME = "CREATE INDEX alerts_by_time ON alerts (bar_start_ms)"
_ALERTS_BY_SYMBOL = "CREATE INDEX alerts_by_symbol ON alerts (symbol, bar_start_ms)"
_OUTCOMES_BY_TIME = "CREATE INDEX outcomes_by_time ON outcomes (bar_start_ms)"

STEPS: Final = (
    Step(both=(_SPANS,), server=(_MINUTES, _DAILY, "CREATE INDEX daily_by_day ON daily (day)")),
    Step(
        both=(_ALERTS, _ALERTS_BY_TIME, _ALERTS_BY_SYMBOL, _OUTCOMES, _OUTCOMES_BY_TIME, _TICKERS, _SPLITS, _DETAILS),
        server=(_QUESTIONS,),
    ),
    Step(both=("ALTER TABLE tickers ADD COLUMN figi TEXT",), server=()),
)

VERSION: Final = len(STEPS)
"""The version that this technic writes."""


def due(where: object, version: int, *, read_only: bool) -> tuple[Step, ...]:
    """The steps that bring a history of `version` up; 0 is one that is new.

    Raises:
        HistoryForeignError: it is newer, or it is older and may only be read (HistoryAbsentError: there is none).
    """
    if version > VERSION:
        what = f"written by a newer technic (schema {version}, this one knows {VERSION})"
        raise HistoryForeignError(where, what, "run that technic, or name another place; it is never taken down")
    if version < VERSION and read_only:
        remedy = "run `technic run` or `technic history import` once: they bring it up"
        if not version:
            raise HistoryAbsentError(where, "is empty", remedy)
        what = f"written by an older technic (schema {version}, this one reads {VERSION})"
        raise HistoryForeignError(where, what, remedy)
    return STEPS[version:]
