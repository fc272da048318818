"""Which number of which part each gauge shows."""

from __future__ import annotations

from collections import Counter
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from daemon.engine.sessions import NO_DAY
from streams.polygon.rest.limiter import Priority
from streams.polygon.session import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from daemon.app import App
    from daemon.figures import Figures
    from daemon.leaderboard import Leaderboard
    from daemon.metrics import Metrics, Reading
    from daemon.prefetch.prefetcher import Prefetcher
    from daemon.scoring.link import Link
    from daemon.scoring.modelfigures import ModelFigures
    from streams.outbox import Backlog

SINK_STATES = ("starting", "live", "away", "refused")
OUTCOMES = {name: name for name in ("hit", "stale", "miss", "corrupt", "away")}
DIRECTIONS = {"bytes_out": "read", "bytes_in": "written"}
ENRICHED = ("whole", "followed", "failed", "dropped")
MEASURES = ("auc", "log_loss", "base_log_loss")
MODELS: Mapping[str, Callable[[ModelFigures], float | None]] = {
    "model_log_loss": lambda one: one.rolling_log_loss,
    "model_base_log_loss": lambda one: one.rolling_base_log_loss,
    "model_auc": lambda one: one.rolling_auc,
    "model_calibration_error": lambda one: one.rolling_calibration_error,
    "model_champion": lambda one: float(one.role == "champion"),
}


def follow(app: App) -> None:
    """Tie the metrics that are read at a scrape to the parts of `app`."""
    _follow_feed(app)
    _follow_engine(app)
    _follow_delivery(app)
    _follow_leaderboard(app)
    _follow_model(app)
    _follow_history(app)
    _follow_knowledge(app)
    app.metrics.snapshot_age_seconds.follow(lambda: _known(app.snapshots.age_s))
    app.metrics.loop_lag_seconds.follow(lambda: app.loop.lag_s)
    if punctual := app.punctuality:
        app.metrics.clock_skew_seconds.follow(lambda: punctual.skew_ms / 1000)
    app.metrics.version.follow(lambda: {version("technic-scanner"): 1.0})


def _follow_feed(app: App) -> None:
    metrics, inbox = app.metrics, app.inbox
    metrics.feed_state.follow(lambda: _one_of(State, app.feed.state))
    metrics.feed_silence_seconds.follow(lambda: app.feed.silent_s)
    metrics.reconnects.follow(lambda: app.feed.counts.losses)
    metrics.inbox_bars.follow(lambda: inbox.depth)
    metrics.inbox_limit.follow(lambda: inbox.limit)
    metrics.bars_coalesced.follow(lambda: inbox.merged)
    metrics.bars_refused.follow(lambda: inbox.refused)
    metrics.input_age_seconds.follow(lambda: app.live.waiting_s)


def _follow_engine(app: App) -> None:
    metrics, live = app.metrics, app.live
    metrics.forming_compared.follow(lambda: live.figures.compared)
    metrics.forming_disagreements.follow(lambda: live.figures.disagreed)
    metrics.engine_bars.follow(lambda: {name: n for name, n in live.figures.counts.items() if name != "minutes"})
    metrics.minutes_closed.follow(lambda: live.figures.counts["minutes"])
    metrics.closed_seconds.follow(lambda: live.figures.closed_ms / 1000)
    metrics.symbols.follow(lambda: live.figures.symbols)
    metrics.symbols_limit.follow(lambda: app.config.engine.max_symbols)
    metrics.symbols_refused.follow(lambda: live.figures.refused)
    metrics.symbols_released.follow(lambda: live.figures.released)
    metrics.rules.follow(lambda: len(live.figures.rules))
    metrics.reload_failed.follow(lambda: app.reload.failed)


def _follow_delivery(app: App) -> None:
    metrics, ring, sink = app.metrics, app.ring, app.sink
    metrics.outbox_pending.follow(_of_backlog(app, lambda backlog: backlog.pending))
    metrics.outbox_age_seconds.follow(_of_backlog(app, lambda backlog: _age_s(app, backlog)))
    metrics.outbox_skipped.follow(_of_backlog(app, lambda backlog: backlog.skipped))
    metrics.outbox_in_memory.follow(lambda: len(ring))
    metrics.outbox_lost.follow(lambda: ring.dropped)
    metrics.sink_state.follow(lambda: _one_of(SINK_STATES, sink.state))
    metrics.delivered.follow(lambda: {"redis": sink.delivered})
    metrics.events_dropped.follow(lambda: app.event_stream.dropped)
    metrics.group_behind.follow(lambda: {group.name: group.behind for group in app.groups.seen.groups})
    metrics.group_pending.follow(lambda: {group.name: group.pending for group in app.groups.seen.groups})
    metrics.group_retention_used.follow(lambda: app.groups.used)


def _follow_leaderboard(app: App) -> None:
    metrics, board, live = app.metrics, app.leaderboard, app.live
    if board:
        metrics.leaderboard_minutes.follow(lambda: board.written)
        metrics.leaderboard_skipped.follow(lambda: board.skipped)
        metrics.leaderboard_failures.follow(lambda: board.failures)
        metrics.leaderboard_behind_seconds.follow(lambda: _behind_s(live.figures, board))
        metrics.leaderboard_sent.follow(lambda: dict(board.newest._asdict()))
        metrics.leaderboard_seconds.follow(lambda: {"rank": board.rank_s, "write": board.write_s})


def _behind_s(figures: Figures, board: Leaderboard) -> Reading:
    """Absent before the first one stands."""
    return _known((figures.closed_ms - board.closed_ms) / 1000 if board.closed_ms else None)


def _follow_model(app: App) -> None:
    metrics, live, teacher = app.metrics, app.live, app.teacher
    metrics.questions.follow(lambda: live.figures.quality.questions)
    metrics.overload_step.follow(lambda: int(app.overload.step))
    metrics.grace_seconds.follow(lambda: live.figures.grace_ms / 1000)
    metrics.symbols_waiting.follow(lambda: live.figures.waiting)
    metrics.bars_waiting.follow(lambda: live.figures.kept)
    metrics.questions_lapsed.follow(lambda: live.figures.lapsed)
    metrics.model_quality.follow(lambda: {name: getattr(live.figures.quality, name) for name in MEASURES})
    if teacher:
        metrics.lessons_waiting.follow(lambda: teacher.unlearned)
        metrics.lessons_dropped.follow(lambda: teacher.dropped)
        metrics.lessons_shed.follow(lambda: teacher.shed)
        metrics.views_late.follow(lambda: teacher.late)
        metrics.learner_deaths.follow(lambda: teacher.deaths)
        metrics.view_age_seconds.follow(lambda: _view_age_s(live.figures))
        for name, read in MODELS.items():
            metrics.models[name].follow(partial(_of_models, teacher, read))


def _follow_history(app: App) -> None:
    metrics, keeper = app.metrics, app.keeper
    if keeper:
        metrics.history_waiting.follow(lambda: keeper.standing.waiting)
        metrics.history_stored.follow(lambda: keeper.standing.stored)
        metrics.history_dropped.follow(lambda: keeper.standing.dropped)
        metrics.history_refused.follow(lambda: keeper.standing.refused)
        metrics.history_failures.follow(lambda: keeper.standing.failures)
        metrics.history_failing.follow(lambda: bool(keeper.standing.failing or keeper.standing.fatal))


def _follow_knowledge(app: App) -> None:
    metrics = app.metrics
    metrics.halted_symbols.follow(lambda: len(app.live.halts.since_ms))
    if app.known is None:
        return
    plane, enrichment, roll = app.known.plane, app.known.enrichment, app.known.roll
    metrics.rest_requests.follow(lambda: {"ok": 0.0, **_by_outcome(plane.transport.outcomes)})
    metrics.rest_calls.follow(lambda: plane.transport.calls)
    metrics.rest_bytes.follow(lambda: plane.transport.received)
    metrics.rest_waiting.follow(lambda: _by_priority(plane.limiter.waiting))
    metrics.rest_refused.follow(lambda: _by_priority(plane.limiter.refused))
    metrics.cache_lookups.follow(lambda: _of_cache(plane.cache.counts, OUTCOMES))
    metrics.cache_bytes.follow(lambda: _of_cache(plane.cache.counts, DIRECTIONS))
    metrics.calls_saved.follow(lambda: plane.lookups.served)
    metrics.refreshes_waiting.follow(lambda: plane.lookups.waiting)
    metrics.refreshes_dropped.follow(lambda: plane.lookups.unrefreshed)
    metrics.enrichments.follow(lambda: {name: enrichment.outcomes[name] for name in ENRICHED})
    metrics.enrichments_waiting.follow(lambda: enrichment.waiting)
    if roll:
        metrics.day_ready.follow(lambda: not roll.standing.trouble and roll.standing.day != NO_DAY)
    if app.known.foresight:
        _follow_prefetch(metrics, app.known.foresight.prefetcher)


def _follow_prefetch(metrics: Metrics, prefetcher: Prefetcher) -> None:
    metrics.prefetch_calls.follow(lambda: prefetcher.figures.calls)
    metrics.prefetch_fetched.follow(lambda: prefetcher.figures.fetched)
    metrics.prefetch_needs.follow(lambda: prefetcher.figures.needs)
    metrics.prefetch_ready.follow(lambda: prefetcher.figures.ready)
    metrics.prefetch_hits.follow(lambda: prefetcher.figures.hits)
    metrics.prefetch_saved_seconds.follow(lambda: prefetcher.figures.saved_ms / 1000)
    metrics.prefetch_used.follow(lambda: prefetcher.figures.used)
    metrics.prefetch_judged.follow(lambda: prefetcher.figures.answered)
    metrics.prefetch_share.follow(lambda: prefetcher.share)
    metrics.prefetch_yielded.follow(lambda: prefetcher.yielded)
    metrics.prefetch_failures.follow(lambda: prefetcher.failures)


def _by_outcome(counts: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """Summed over all endpoints."""
    total: Counter[str] = Counter()
    for (_, outcome), number in counts.items():
        total[outcome] += number
    return dict(total)


def _by_priority(counts: Mapping[Priority, int]) -> dict[str, float]:
    return {priority.name.lower(): float(counts.get(priority, 0)) for priority in Priority}


def _of_cache(counts: Mapping[tuple[str, str], int], shown: Mapping[str, str]) -> dict[str, float]:
    """Of the cache's counts those that are shown, by the name they have there."""
    total = _by_outcome(counts)
    return {name: total.get(counted, 0.0) for counted, name in shown.items()}


def _one_of(names: Iterable[str], holds: str) -> dict[str, float]:
    return {str(name): float(name == holds) for name in names}


def _known(number: float | None) -> dict[str, float]:
    """A number without label; nothing while there is none."""
    return {} if number is None else {"": number}


def _of_backlog(app: App, number: Callable[[Backlog], float]) -> Callable[[], dict[str, float]]:
    """Shows nothing while the disk does not tell, so that a scrape has all the rest."""

    def read() -> dict[str, float]:
        backlog = app.backlog.newest
        return {} if backlog is None else {"redis": number(backlog)}

    return read


def _age_s(app: App, backlog: Backlog) -> float:
    return 0.0 if backlog.oldest_ms is None else max(app.clock.wall_ms() - backlog.oldest_ms, 0) / 1000


def _of_models(teacher: Link, read: Callable[[ModelFigures], float | None]) -> Reading:
    """By target and model; absent where it is not known yet."""
    told = ((f"{one.target}/{one.name}", read(one)) for one in teacher.known())
    return {name: value for name, value in told if value is not None}


def _view_age_s(figures: Figures) -> float:
    return 0.0 if figures.view_ms is None else (figures.closed_ms - figures.view_ms) / 1000
