"""What a preview counts is what the engine would have told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import numpy as np
import pytest

from daemon import assembly
from daemon.clock import SystemClock
from daemon.preview import Wish, preview
from daemon.replay import replay
from streams.bars import MINUTE_MS
from tests.daemon.running import OPEN, RULES, config_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.alerts import Alert
    from daemon.preview import Report
    from daemon.replay import Report as Replayed
    from streams.bars import BarBatch

NOWHERE = "ws://127.0.0.1:1/stocks"
DAY_MS = 86_400_000

TRIED = """
[[rule]]
name = "turn-up"
where = "close > sma(3) and close > close[1]"

[[rule]]
name = "busy"
on = ["crosses_above(volume, 1.5 * sma(volume, 5))"]
where = "session == 'regular'"
budget = "30/day"
by = "volume"

[[rule]]
name = "never"
where = "close < 0"
"""

SCORED = """
[[rule]]
name = "likely"
where = "score > 0.25"
"""


def csv(path: Path, *batches: BarBatch) -> Path:
    rows = [
        ",".join(map(str, (bars.symbol[k].decode(), bars.start_ms[k], *bars.values[:5, k])))
        for bars in batches
        for k in range(bars.size)
    ]
    path.write_text("\n".join(["symbol,ts,open,high,low,close,volume", *rows]))
    return path


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """Three trading days of an hour each."""
    batches = [walk(6, 60, seed=1 + day, start_ms=OPEN + day * DAY_MS) for day in range(3)]
    return csv(tmp_path / "days.csv", *batches)


def run(path: Path, config: Config, tried: str, **narrowed: Any) -> Report:
    rules = path.with_name("tried.toml")
    rules.write_text(tried)
    versions = (
        assembly.ruleset_of(engine) for engine in (config.engine.model_copy(update={"rules": rules}), config.engine)
    )
    wish = Wish(*versions, path, MINUTE_MS, **narrowed)
    return preview(wish, config, SystemClock(), lambda done, total: None)


def replayed(path: Path, config: Config) -> list[Alert]:
    alerts: list[Alert] = []
    replay_of(path, config, alerts.extend)
    return alerts


def replay_of(path: Path, config: Config, deliver: Callable[[list[Alert]], None] = lambda _: None) -> Replayed:
    return replay(path, MINUTE_MS, config, SystemClock(), deliver=deliver, progress=lambda done, total: None)


def told(alerts: list[Alert], rule: str) -> set[tuple[str, int]]:
    return {(alert.symbol, alert.bar_start_ms) for alert in alerts if alert.rule == rule}


@pytest.mark.parametrize("limit", ["", '[limits]\nper_symbol = "20/day"\n'])
def test_both_versions_fire_as_each_would_by_itself(limit: str, days: Path, tmp_path: Path) -> None:
    running = config_of(tmp_path, NOWHERE, rules=RULES)
    report = run(days, running, limit + TRIED)
    old = replayed(days, running)
    (tmp_path / "tried").mkdir()
    new = replayed(days, config_of(tmp_path / "tried", NOWHERE, rules=limit + TRIED))
    by_name = {rule.name: rule for rule in report.rules}
    assert [(rule.name, rule.change) for rule in report.rules] == [
        ("turn-up", "same"),
        ("busy", "changed"),
        ("never", "new"),
    ]
    for name, rule in by_name.items():
        one, other = told(new, name), told(old, name)
        assert rule.new is not None
        assert rule.new.alerts == len(one)
        assert (rule.both, rule.only_new, rule.only_running) == (len(one & other), len(one - other), len(other - one))
    assert by_name["busy"].running is not None
    assert by_name["busy"].running.alerts == len(told(old, "busy")) > by_name["busy"].both > 0


def test_alerts_are_counted_by_day_symbol_and_time_and_a_day_without_any_counts(days: Path, tmp_path: Path) -> None:
    report = run(days, config_of(tmp_path, NOWHERE), TRIED)
    assert report.days == ["2025-01-06", "2025-01-07", "2025-01-08"]
    up, _, never = (rule.new for rule in report.rules)
    assert up is not None
    assert never is not None
    assert list(up.by_day) == report.days
    assert sum(up.by_day.values()) == sum(up.top.values()) == sum(up.by_time.values()) == up.alerts
    assert (up.least, up.most) == (min(up.by_day.values()), max(up.by_day.values()))
    assert up.mean == round(up.alerts / 3, 2)
    assert up.symbols == len(up.top) == 6
    assert list(up.top.values()) == sorted(up.top.values(), reverse=True)
    assert list(up.by_time) == ["09:30", "09:45", "10:00", "10:15"]
    assert (never.alerts, never.mean, never.by_day) == (0, 0.0, dict.fromkeys(report.days, 0))


def test_the_last_days_are_warmed_up_by_those_before(days: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, NOWHERE)
    whole, last = run(days, config, TRIED), run(days, config, TRIED, days=1)
    assert last.days == ["2025-01-08"]
    assert last.bars > whole.bars / 3
    for one, other in zip(whole.rules, last.rules, strict=True):
        assert one.new is not None
        assert other.new is not None
        assert other.new.by_day == {"2025-01-08": one.new.by_day["2025-01-08"]}


def test_alerts_are_judged_as_a_replay_judges_them_and_only_those_that_count(days: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, NOWHERE, rules=TRIED)
    report, judged = run(days, config, TRIED), replay_of(days, config).outcomes
    fires = [rule.new for rule in report.rules if rule.new]
    for version, rule in zip(fires, report.rules, strict=True):
        assert version.judged == judged.get(rule.name, {})
    up = fires[0].outcome
    assert up is not None
    assert up.minutes == 15
    assert 0 < fires[0].judged["15m"].alerts <= up.alerts.moments <= fires[0].alerts
    assert up.random.moments > up.alerts.moments
    assert up.alerts.worst_decile <= up.alerts.worst_median <= 0 <= up.alerts.best_median <= up.alerts.best_decile
    last = run(days, config, TRIED, days=2).rules[0].new
    assert last is not None
    assert (fires[0].judged["15m"].days, last.judged["15m"].days) == (2, 1), "the last day's close is not known"


def test_only_some_symbols_are_run_and_those_that_are_absent_are_named(days: Path, tmp_path: Path) -> None:
    chosen = np.array([b"S001", b"ZZZZ"], "S16")
    present = replayed(days, config_of(tmp_path, NOWHERE))[0].symbol.encode()
    chosen[0] = present
    report = run(days, config_of(tmp_path, NOWHERE), TRIED, symbols=chosen)
    assert report.symbols == 1
    assert report.rules[0].new is not None
    assert list(report.rules[0].new.top) == [present.decode()]
    assert report.notes == ["the file has no bars of ZZZZ"]


def test_without_the_score_no_model_learns_and_a_note_tells_of_rules_that_cannot_fire(
    days: Path, tmp_path: Path
) -> None:
    assert not run(days, config_of(tmp_path, NOWHERE, model={"enabled": True}), TRIED).model
    report = run(days, config_of(tmp_path, NOWHERE), SCORED)
    assert not report.model
    assert report.notes == ["rules need the score, but model.enabled is false: it is not known at any bar"]
    assert {rule.name: rule.change for rule in report.rules} == {"likely": "new", "turn-up": "gone", "busy": "gone"}


@pytest.mark.timeout(120)
def test_a_real_morning_is_told_as_a_replay_tells_it_the_score_included(
    data_file: Callable[[str], Path], tmp_path: Path
) -> None:
    source, path = str(data_file("minute_2025_01.parquet")), tmp_path / "morning.parquet"
    day = "ts >= 1737729000000 AND ts < 1737736200000 AND symbol < 'C'"  # 2025-01-24, 09:30 to 11:30 in New York
    duckdb.execute(f"COPY (SELECT * FROM read_parquet($1) WHERE {day}) TO '{path}' (FORMAT parquet)", [source])
    config = config_of(tmp_path, NOWHERE, rules=SCORED, model={"enabled": True})
    report = run(path, config, SCORED)
    assert report.model
    (rule,) = report.rules
    assert rule.change == "same"
    assert rule.new is not None
    assert rule.new.alerts == rule.both == len(told(replayed(path, config), "likely")) > 0
    assert report.days == ["2025-01-24"]


def test_a_file_without_bars_gives_an_empty_report(tmp_path: Path) -> None:
    report = run(csv(tmp_path / "none.csv"), config_of(tmp_path, NOWHERE), TRIED, days=2)
    assert (report.bars, report.symbols, report.days) == (0, 0, [])
    assert [rule.new.mean for rule in report.rules if rule.new] == [0.0, 0.0, 0.0]
    assert msgspec.json.decode(msgspec.json.encode(report))["rules"][2]["new"]["by_day"] == {}
