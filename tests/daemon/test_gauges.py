"""Every number that is read at a scrape, on a daemon at work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon import standing
from daemon.clock import SystemClock
from daemon.metrics import Followed
from streams.bars import MINUTE_MS
from streams.outbox import OutboxUnavailableError
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, config_of, replayed, running, url_of, walk
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.app import App
    from daemon.metrics import Metrics

BARS = walk(5, 10)
LAST_MS = OPEN + (9 + 16) * MINUTE_MS
"""Where the barrier rests: sixteen empty minutes after the last one."""

OF_THE_LEARNER = {
    "technic_lessons_waiting",
    "technic_lessons_dropped_total",
    "technic_lessons_shed_total",
    "technic_views_late_total",
    "technic_view_age_seconds",
    "technic_learner_deaths_total",
}
OF_REST = {
    *(f"technic_rest_{name}" for name in ("requests_total", "calls_total", "bytes_total", "waiting", "refused_total")),
    *(f"technic_{name}_total" for name in ("cache_lookups", "cache_bytes", "calls_saved", "refreshes_dropped")),
    *(f"technic_prefetch_{name}_total" for name in ("calls", "fetched", "needs", "ready", "hits", "used", "judged")),
    *("technic_prefetch_saved_seconds_total", "technic_prefetch_share", "technic_prefetch_yielded_total"),
    *("technic_refreshes_waiting", "technic_enrichments_total", "technic_enrichments_waiting", "technic_day_ready"),
}
LATER = {
    "technic_clock_skew_seconds",
    "technic_snapshot_age_seconds",
    "technic_prefetch_failures_total",
    "technic_leaderboard_behind_seconds",
    *(f"technic_group_{name}" for name in ("behind", "pending", "retention_used")),
}
"""Not known before the first snapshot, failure, group, or minute in Redis; the skew, of a simulator's clock."""


def scraped(metrics: Metrics) -> dict[str, dict[str, float]]:
    """Values by name and label, as a scraper reads them."""
    families = text_string_to_metric_families(metrics.text().decode())
    samples = [sample for family in families for sample in family.samples]
    return {
        name: {"".join(sample.labels.values()): sample.value for sample in samples if sample.name == name}
        for name in {sample.name for sample in samples}
    }


def followed(metrics: Metrics) -> set[str]:
    return {part._declared.name for part in vars(metrics).values() if isinstance(part, Followed)}


async def at_work(app: App, alerts: int) -> None:
    await eventually(lambda: app.live.figures.closed_ms == LAST_MS)
    await eventually(lambda: app.sink.delivered == alerts and app.outbox.backlog("redis").pending == 0)


@pytest.mark.parametrize("learning", [True, False])
async def test_every_number_that_is_followed_can_be_scraped(tmp_path: Path, learning: bool) -> None:
    async with Simulator(Tape(BARS), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        plain = config_of(tmp_path, url_of(exchange.port))
        config = config_of(tmp_path, url_of(exchange.port), model={"enabled": learning}, rest={"enabled": True})
        async with running(config) as app:
            await at_work(app, len(replayed(plain, BARS)))
            found = scraped(app.metrics)
            assert followed(app.metrics) - set(found) - LATER == (set() if learning else OF_THE_LEARNER)
            alone = {name: values[""] for name, values in found.items() if "" in values}
            assert alone["technic_symbols"] == 5
            assert alone["technic_symbols_limit"] == config.engine.max_symbols
            assert alone["technic_rules"] == 2
            assert alone["technic_inbox_limit"] == config.feed.inbox_bars
            assert alone["technic_minutes_closed_total"] == app.engine.counts.minutes > 0
            assert alone["technic_closed_seconds"] == app.engine.barrier.closed_ms / 1000
            assert found["technic_engine_bars_total"]["bars"] == BARS.size
            assert "minutes" not in found["technic_engine_bars_total"]
            assert found["technic_delivered_total"]["redis"] == sum(found["technic_alerts_total"].values()) > 0
            for name, holds in (("technic_feed_state", "live"), ("technic_sink_state", "live")):
                assert [state for state, value in found[name].items() if value] == [holds]
            assert found["technic_ready"]["engine"] == 1


async def test_a_scrape_never_asks_the_disk_nor_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(config_of(tmp_path, "ws://127.0.0.1:1/stocks")) as app:
        await eventually(lambda: app.backlog.newest is not None)
        loop = threading.get_ident()
        asked: list[str] = []

        def noting(name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
            def note(*arguments: Any) -> Any:
                asked.extend([name] * (threading.get_ident() == loop))
                return ask(*arguments)

            return note

        monkeypatch.setattr(app.outbox, "backlog", noting("disk", app.outbox.backlog))
        monkeypatch.setattr(app.engine.learning.judge, "quality", noting("judge", app.engine.learning.judge.quality))
        scraped(app.metrics)
        standing.facts(app)
        assert asked == []


async def test_a_disk_that_fails_takes_its_numbers_with_it_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(config_of(tmp_path, "ws://127.0.0.1:1/stocks")) as app:

        def failing(sink: str) -> None:
            raise OutboxUnavailableError(tmp_path, f"disk I/O error, asked for {sink}", "mend it")

        with monkeypatch.context() as broken:
            broken.setattr(app.outbox, "backlog", failing)
            await eventually(lambda: app.backlog.newest is None)
            found = scraped(app.metrics)
        assert followed(app.metrics) - set(found) - OF_THE_LEARNER - OF_REST - LATER == {
            "technic_outbox_pending",
            "technic_outbox_age_seconds",
            "technic_outbox_skipped_total",
        }
