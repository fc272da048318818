"""Which number of which part each gauge shows."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from streams.polygon.session import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.app import App
    from daemon.figures import Figures
    from streams.outbox import Backlog

SINK_STATES = ("starting", "live", "away", "refused")
MEASURES = ("auc", "log_loss", "base_log_loss")


def follow(app: App) -> None:
    """Tie the metrics that are read at a scrape to the parts of `app`."""
    _follow_feed(app)
    _follow_engine(app)
    _follow_delivery(app)
    _follow_model(app)
    _follow_history(app)
    app.metrics.snapshot_age_seconds.follow(lambda: _known(app.snapshots.age_s))
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


def _follow_model(app: App) -> None:
    metrics, live, teacher = app.metrics, app.live, app.teacher
    metrics.questions.follow(lambda: live.figures.quality.questions)
    metrics.questions_lapsed.follow(lambda: live.figures.lapsed)
    metrics.model_quality.follow(lambda: {name: getattr(live.figures.quality, name) for name in MEASURES})
    if teacher:
        metrics.lessons_waiting.follow(lambda: teacher.unlearned)
        metrics.lessons_dropped.follow(lambda: teacher.dropped)
        metrics.views_late.follow(lambda: teacher.late)
        metrics.learner_deaths.follow(lambda: teacher.deaths)
        metrics.view_age_seconds.follow(lambda: _view_age_s(live.figures))


def _follow_history(app: App) -> None:
    metrics, keeper = app.metrics, app.keeper
    if keeper:
        metrics.history_waiting.follow(lambda: keeper.standing.waiting)
        metrics.history_stored.follow(lambda: keeper.standing.stored)
        metrics.history_dropped.follow(lambda: keeper.standing.dropped)
        metrics.history_refused.follow(lambda: keeper.standing.refused)
        metrics.history_failures.follow(lambda: keeper.standing.failures)
        metrics.history_failing.follow(lambda: bool(keeper.standing.failing or keeper.standing.fatal))


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


def _view_age_s(figures: Figures) -> float:
    return 0.0 if figures.view_ms is None else (figures.closed_ms - figures.view_ms) / 1000
