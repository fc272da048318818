"""Bars of a file through the live engine: the same bars give the same alerts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pytest

from daemon.clock import SystemClock
from daemon.engine.alerts import digest
from daemon.replay import replay
from streams.barfile import BarFileError
from streams.bars import MINUTE_MS, SECOND_MS
from tests.daemon.running import OPEN, config_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.alerts import Alert
    from daemon.replay import Report

NOWHERE = "ws://127.0.0.1:1/stocks"

SECONDS = """
[[rule]]
name = "surge"
where = "close > 1.0003 * close[1]"
evaluate = "tick"

[[rule]]
name = "cross"
on = ["crosses_above(close, sma(20))"]
where = "session == 'regular'"
"""

SCORED = """
[[rule]]
name = "likely"
where = "score > 0.25"
cooldown = "20m"
"""


def run(path: Path, config: Config, length_ms: int = MINUTE_MS) -> tuple[Report, list[Alert], list[tuple[int, int]]]:
    alerts: list[Alert] = []
    steps: list[tuple[int, int]] = []
    told = lambda done, total: steps.append((done, total))  # noqa: E731
    report = replay(path, length_ms, config, SystemClock(), deliver=alerts.extend, progress=told)
    return report, alerts, steps


def lasting(report: Report) -> dict[str, Any]:
    """All of it but for what the clock of the machine says."""
    return {name: value for name, value in msgspec.to_builtins(report).items() if name not in {"seconds", "bars_per_s"}}


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    """Invented minute bars as CSV, two of its rows against the law."""
    bars = walk(6, 60)
    rows = [
        ",".join(map(str, (bars.symbol[k].decode(), bars.start_ms[k], *bars.values[:5, k]))) for k in range(bars.size)
    ]
    wrong = [f"BAD,{OPEN},10,9,11,10,100", f"BAD,{OPEN + 1},10,11,9,10,100"]
    path = tmp_path / "minutes.csv"
    path.write_text("\n".join(["symbol,ts,open,high,low,close,volume", *rows, *wrong]))
    return path


@pytest.mark.timeout(120)
async def test_a_real_morning_twice_gives_the_same_digest_the_learner_included(
    data_file: Callable[[str], Path], tmp_path: Path
) -> None:
    source, path = str(data_file("minute_2025_01.parquet")), tmp_path / "morning.parquet"
    day = "ts >= 1737729000000 AND ts < 1737736200000 AND symbol < 'C'"  # 2025-01-24, 09:30 to 11:30 in New York
    duckdb.execute(f"COPY (SELECT * FROM read_parquet($1) WHERE {day}) TO '{path}' (FORMAT parquet)", [source])
    config = config_of(tmp_path, NOWHERE, rules=SCORED, model={"enabled": True})
    (one, alerts, _), (two, _, _) = await asyncio.gather(*(asyncio.to_thread(run, path, config) for _ in range(2)))
    assert lasting(one) == lasting(two)
    assert one.digest == digest(alerts)
    assert one.alerts_by_rule["likely"] == one.alerts_total == len(alerts) > 0
    assert one.model["questions"]
    assert 0 < (one.model["log_loss"] or 0) < 1


def test_the_report_counts_what_was_taken_and_what_was_left_out(minutes: Path, tmp_path: Path) -> None:
    report, alerts, steps = run(minutes, config_of(tmp_path, NOWHERE))
    assert report.bars == report.counts["bars"] == walk(6, 60).size
    assert report.rejects == {"ohlc": 1, "time": 1}
    assert report.symbols == 6
    assert sum(report.alerts_by_rule.values()) == report.alerts_total == len(alerts) > 20
    assert list(report.alerts_by_rule) == ["busy", "turn-up"]
    assert [done for done, _ in steps] == [report.bars]
    assert all(total == report.bars + 2 for _, total in steps)
    assert report.seconds > 0


def test_a_report_without_model_is_valid_json(minutes: Path, tmp_path: Path) -> None:
    report, _, _ = run(minutes, config_of(tmp_path, NOWHERE))
    plain = json.loads(msgspec.json.encode(report), parse_constant=pytest.fail)
    assert plain["model"].items() >= {"questions": 0, "auc": None, "log_loss": None, "base_log_loss": None}.items()
    assert len(plain["digest"]) == 64


def test_second_bars_build_the_minutes_that_no_minute_bar_closes(
    data_file: Callable[[str], Path], tmp_path: Path
) -> None:
    source, path = str(data_file("second_2013_10.parquet")), tmp_path / "seconds.parquet"
    hour = "SELECT * FROM read_parquet($1) WHERE ts >= 1381152600000 AND ts < 1381156200000"  # from the open on
    duckdb.execute(f"COPY ({hour}) TO '{path}' (FORMAT parquet)", [source])
    config = config_of(tmp_path, NOWHERE, rules=SECONDS)
    report, alerts, _ = run(path, config, SECOND_MS)
    again, _, _ = run(path, config, SECOND_MS)
    counted = f"SELECT count(*), count(DISTINCT (symbol, ts // 60000)) FROM read_parquet('{path}')"
    seconds, minutes = duckdb.execute(counted).fetchall()[0]
    counts = report.counts
    assert lasting(report) == lasting(again)
    assert report.bars == counts["seconds"] == seconds
    assert counts["bars"] == counts["stood_in"] == minutes > 0
    assert (counts["repeated"], counts["revised"], counts["outdated"], counts["late"]) == (0, 0, 0, 0)
    assert set(report.alerts_by_rule) == {"cross", "surge"}
    ticks = [(alert.symbol, alert.bar_start_ms) for alert in alerts if alert.evaluate == "tick"]
    assert len(ticks) == len(set(ticks))


def test_a_gap_is_measured_from_the_official_close_and_not_from_the_bar_of_the_auction(
    data_file: Callable[[str], Path], tmp_path: Path
) -> None:
    """NFLX reported after the close of 2025-01-21, at 869.68; the minute of the auction ends at 920.15."""
    source, path = str(data_file("minute_2025_01.parquet")), tmp_path / "evening.parquet"
    evening = "SELECT * FROM read_parquet($1) WHERE symbol = 'NFLX' AND ts >= 1737489600000 AND ts < 1737556320000"
    duckdb.execute(f"COPY ({evening}) TO '{path}' (FORMAT parquet)", [source])
    rule = "[[rule]]\nname = 'gap'\nwhere = 'gap() > 5 and session == \"regular\"'"
    daily = {"daily": str(data_file("daily_close_volume_2024.parquet")), "rules": str(tmp_path / "rules.toml")}
    _, (alert,), _ = run(path, config_of(tmp_path, NOWHERE, rules=rule, engine=daily))
    (first,) = duckdb.execute(f"SELECT open FROM read_parquet('{path}') WHERE ts >= 1737556200000 LIMIT 1").fetchall()
    assert alert.values["gap()"] == pytest.approx(100 * (first[0] / 869.68 - 1))


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "poem.csv"
    path.write_text("shall,i,compare\n1,2,3\n")
    with pytest.raises(BarFileError, match=r"poem\.csv"):
        run(path, config_of(tmp_path, NOWHERE))


def test_a_file_without_rows_gives_an_empty_report(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("symbol,ts,open,high,low,close,volume\n")
    report, alerts, _ = run(path, config_of(tmp_path, NOWHERE))
    assert (report.bars, report.alerts_total, alerts, report.bars_per_s) == (0, 0, [], 0.0)
