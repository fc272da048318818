"""Every metric of technic, declared in one place.

Shells count events and observe durations directly; what the parts keep as plain numbers (a depth, a total) is
read when somebody asks::

    metrics = Metrics()
    metrics.turn_seconds.observe(0.004)
    metrics.inbox_bars.follow(lambda: inbox.depth)
    metrics.engine_bars.follow(lambda: msgspec.structs.asdict(engine.counts))

No global registry: a `Metrics` is handed to who needs it. ``docs/metrics.md`` lists all of them; a test
keeps it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest

from streams.bars import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.polygon.messages import Decoded

    Reading = float | Mapping[str, float]

PREFIX = "technic_"

_MS = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000)
LATENCY_S = tuple(ms / 1000 for ms in _MS)
STEP_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the histograms' buckets, seconds."""


class Declared(NamedTuple):
    """What a metric is: its full name, kind, label ("" for none) and meaning."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    label: str
    help: str


class Followed:
    """A metric that is read where its number is kept, at each scrape; nothing is shown before `follow`."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._read: Callable[[], Reading] = dict

    def follow(self, read: Callable[[], Reading]) -> None:
        """Read it by `read` from now on: a number, or numbers by label. Called on the event loop."""
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """The registry's question."""
        name, kind, label, meaning = self._declared
        family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        metric = family(name, meaning, labels=[label] if label else [])
        reading = self._read()
        for key, value in reading.items() if isinstance(reading, Mapping) else [("", reading)]:
            metric.add_metric([key] if label else [], float(value))
        yield metric


class Metrics:
    """All metrics, on a registry of their own, beside those of the process (memory, CPU, open files)."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # they double the series and say nothing
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []
        self._declare_feed()
        self._declare_engine()
        self._declare_alerts()
        self._declare_leaderboard()
        self._declare_model()
        self._declare_knowledge()
        self._declare_prefetch()
        self._declare_service()
        ProcessCollector(registry=self.registry)
        self._quickest_ms: int | None = None

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def decoded(self, frame: Decoded) -> None:
        """Count what was in one frame."""
        self.frames.inc()
        bars = frame.bars
        minutes = int((bars.length_ms >= MINUTE_MS).sum())
        self.bars.labels("minute").inc(minutes)
        self.bars.labels("second").inc(bars.size - minutes)
        if bars.size:
            lag_ms = int((bars.arrival_ms - bars.start_ms - bars.length_ms).min())
            self._quickest_ms = lag_ms if self._quickest_ms is None else min(lag_ms, self._quickest_ms)
        for reason, reject in frame.rejects.items():
            self.rejects.labels(reason).inc(reject.count)
        for name, count in frame.unknown.items():
            self.unknown_events.labels(name).inc(count)

    def take_quickest_ms(self) -> int | None:
        """How long after its end the quickest bar came since the last call, by the market's clock; None for none."""
        quickest_ms, self._quickest_ms = self._quickest_ms, None
        return quickest_ms

    def _declare_feed(self) -> None:
        self.frames = self._counter("frames", "Frames read from the feed.")
        self.bars = self._counter("bars", "Bars that keep every law, by length: second or minute.", "length")
        self.rejects = self._counter("rejects", "Elements set aside because they break a law.", "reason")
        self.unknown_events = self._counter("unknown_events", "Elements of a type that is not read.", "event")
        self.reconnects = self._followed("counter", "reconnects", "Connections to the feed that were lost.")
        self.overflows = self._counter(
            "overflows", "Feeds dropped on purpose, because not even minute bars fitted into the inbox."
        )
        self.feed_state = self._followed("gauge", "feed_state", "1 for the state the feed is in.", "state")
        self.feed_silence_seconds = self._followed(
            "gauge", "feed_silence_seconds", "Time since the newest frame of the feed."
        )
        self.inbox_bars = self._followed("gauge", "inbox_bars", "Bars that wait for the engine.")
        self.inbox_limit = self._followed("gauge", "inbox_limit", "Bars that may wait for the engine.")
        self.bars_coalesced = self._followed(
            "counter", "bars_coalesced", "Second bars that merged into another while the inbox was full."
        )
        self.bars_refused = self._followed("counter", "bars_refused", "Bars that did not fit into the inbox.")

    def _declare_engine(self) -> None:
        self.engine_bars = self._followed(
            "counter",
            "engine_bars",
            "What became of bars in the engine: taken, stood in, late, repeated, revised and so on.",
            "outcome",
        )
        self.forming_compared = self._followed(
            "counter", "forming_compared", "Minutes, as the vendor sent them, that were compared with their seconds."
        )
        self.forming_disagreements = self._followed(
            "counter",
            "forming_disagreements",
            "Minutes whose bar, as the vendor sent it, differs from what its seconds had built, by field.",
            "field",
        )
        self.bars_lost = self._counter("bars_lost", "Bars of turns of the engine that failed, by error.", "error")
        self.minutes_closed = self._followed("counter", "minutes_closed", "Market minutes closed.")
        self.closed_seconds = self._followed(
            "gauge", "closed_seconds", "Start of the newest closed market minute, seconds since the epoch."
        )
        self.symbols = self._followed("gauge", "symbols", "Symbols in the table.")
        self.symbols_limit = self._followed("gauge", "symbols_limit", "Symbols the table may hold.")
        self.symbols_refused = self._followed(
            "counter", "symbols_refused", "Times that a symbol got no place, because the table is full."
        )
        self.symbols_released = self._followed(
            "counter", "symbols_released", "Places taken from symbols without a bar for ten trading days."
        )
        self.rules = self._followed("gauge", "rules", "Rules in force.")
        self.turn_seconds = self._histogram("turn_seconds", "One turn of the engine that took bars.", STEP_S)
        self.input_age_seconds = self._followed(
            "gauge",
            "input_age_seconds",
            "Age of the oldest input that no turn has taken, 0 if there is none.",
        )

    def _declare_alerts(self) -> None:
        self.alerts = self._counter("alerts", "Alerts raised.", "rule")
        self.frame_to_outbox = self._histogram(
            "frame_to_outbox_seconds", "From the oldest frame of a turn to its alerts on disk.", LATENCY_S
        )
        self.frame_to_alert = self._histogram(
            "frame_to_alert_seconds",
            "From a frame on the socket to its alert in the Redis stream.",
            LATENCY_S,
        )
        self.outbox_pending = self._followed(
            "gauge", "outbox_pending", "Alerts on disk that a sink has not delivered.", "sink"
        )
        self.outbox_age_seconds = self._followed(
            "gauge", "outbox_age_seconds", "Age of the oldest alert a sink has not delivered.", "sink"
        )
        self.outbox_skipped = self._followed(
            "counter", "outbox_skipped", "Alerts a sink was too far behind to be given.", "sink"
        )
        self.outbox_in_memory = self._followed(
            "gauge", "outbox_in_memory", "Alerts in memory because the disk refuses them."
        )
        self.outbox_lost = self._followed(
            "counter", "outbox_lost", "Alerts lost because the disk refused them for too long."
        )
        self.sink_state = self._followed(
            "gauge",
            "sink_state",
            "1 for the state of the Redis sink: starting, live, away or refused.",
            "state",
        )
        self.delivered = self._followed("counter", "delivered", "Alerts confirmed by a sink.", "sink")
        self._declare_groups()
        self.events_dropped = self._followed(
            "counter", "events_dropped", "Events lost because too many waited for Redis."
        )

    def _declare_groups(self) -> None:
        self.group_behind = self._followed(
            "gauge", "group_behind", "Alerts in the stream that a consumer group was not given yet.", "group"
        )
        self.group_pending = self._followed(
            "gauge", "group_pending", "Alerts that a consumer group was given and has not acknowledged.", "group"
        )
        self.group_retention_used = self._followed(
            "gauge",
            "group_retention_used",
            "Share of the stream's retention that a consumer group's oldest undone alert has used up; lost beyond 1.",
            "group",
        )

    def _declare_model(self) -> None:
        self.lessons_waiting = self._followed(
            "gauge", "lessons_waiting", "Market minutes of answers that the learner has not learned yet."
        )
        self.lessons_dropped = self._followed(
            "counter", "lessons_dropped", "Market minutes of answers that were never learned."
        )
        self.views_late = self._followed(
            "counter", "views_late", "Views of the model that had not come when they were due."
        )
        self.view_age_seconds = self._followed(
            "gauge",
            "view_age_seconds",
            "Market time since the newest answer that the view in use has learned.",
        )
        self.learner_deaths = self._followed(
            "counter", "learner_deaths", "Learner's processes that ended without being told to."
        )
        self.questions = self._followed("counter", "questions", "Questions answered and judged.")
        self.overload_step = self._followed(
            "gauge", "overload_step", "Let go of for want of time: 0 nothing, 1 enrichment, 2 learning, 3 coalescing."
        )
        self.lessons_shed = self._followed(
            "counter", "lessons_shed", "Market minutes of answers that were let go of for want of time."
        )
        self.grace_seconds = self._followed(
            "gauge", "grace_seconds", "How long after its end the market's minute closes, as it is known by now."
        )
        self.symbols_waiting = self._followed(
            "gauge", "symbols_waiting", "Symbols that wait for bars that an outage of the feed has hidden."
        )
        self.bars_waiting = self._followed("gauge", "bars_waiting", "Minute bars that are kept for them.")
        self.questions_lapsed = self._followed(
            "counter",
            "questions_lapsed",
            "Questions dropped unanswered, because a minute of their window was not seen.",
        )
        self.model_quality = self._followed(
            "gauge", "model_quality", "On predictions as issued: auc, log_loss, base_log_loss.", "measure"
        )

        names = {
            "model_log_loss": "Log loss of the last five sessions, by target and model, as issued.",
            "model_base_log_loss": "The same of the base rate of the session's phase, on the same questions.",
            "model_auc": "Area under the ROC curve over the last five sessions, by target and model, as issued.",
            "model_calibration_error": "Expected difference of predicted and true share over the last five sessions.",
            "model_champion": "1 for the model that speaks, 0 for its challengers, by target and model.",
        }
        self.models = {name: self._followed("gauge", name, meaning, "model") for name, meaning in names.items()}

    def _declare_knowledge(self) -> None:
        self.rest_requests = self._followed(
            "counter", "rest_requests", "Questions to the exchange's REST, by what became of them.", "outcome"
        )
        self.rest_calls = self._followed("counter", "rest_calls", "HTTP requests sent, repeated tries among them.")
        self.rest_bytes = self._followed("counter", "rest_bytes", "Bytes of answers, unpacked.")
        self.rest_waiting = self._followed(
            "gauge", "rest_waiting", "Requests that wait for the plan's rate, by priority.", "priority"
        )
        self.rest_refused = self._followed(
            "counter", "rest_refused", "Requests turned away because too many waited, by priority.", "priority"
        )
        self.halted_symbols = self._followed("gauge", "halted_symbols", "Symbols that the feed says are halted.")
        self.cache_lookups = self._followed(
            "counter", "cache_lookups", "Look-ups in the cache: hit, stale, miss, corrupt or away.", "outcome"
        )
        self.cache_bytes = self._followed("counter", "cache_bytes", "Bytes read from and written to it.", "direction")
        self.calls_saved = self._followed(
            "counter", "calls_saved", "Look-ups answered by the cache, or by a request that another had made."
        )
        self.refreshes_waiting = self._followed(
            "gauge", "refreshes_waiting", "Answers served stale that wait to be fetched anew."
        )
        self.refreshes_dropped = self._followed(
            "counter", "refreshes_dropped", "Answers served stale and not fetched anew, because too many waited."
        )
        self.enrichments = self._followed(
            "counter",
            "enrichments",
            "Alerts by what they took along: all (whole), the rest followed, some of it failed, or it was dropped.",
            "outcome",
        )
        self.enrichments_waiting = self._followed(
            "gauge", "enrichments_waiting", "Alerts whose rest is still to be fetched."
        )
        self.day_ready = self._followed(
            "gauge", "day_ready", "1 if all that should be known at the beginning of the trading day is."
        )

    def _declare_leaderboard(self) -> None:
        self.leaderboard_minutes = self._followed(
            "counter", "leaderboard_minutes", "Closed minutes whose leaderboard was written to Redis."
        )
        self.leaderboard_skipped = self._followed(
            "counter", "leaderboard_skipped", "Closed minutes whose leaderboard a newer one overtook."
        )
        self.leaderboard_failures = self._followed(
            "gauge", "leaderboard_failures", "Tries to write it that failed since the last success."
        )
        self.leaderboard_behind_seconds = self._followed(
            "gauge", "leaderboard_behind_seconds", "Market time between the newest closed minute and the one in Redis."
        )
        self.leaderboard_sent = self._followed(
            "gauge", "leaderboard_sent", "What the last one sent: scores, symbols gone, hashes.", "what"
        )
        self.leaderboard_seconds = self._followed(
            "gauge",
            "leaderboard_seconds",
            "What the last one took: rank in the engine's thread, write beside it.",
            "part",
        )

    def _declare_prefetch(self) -> None:
        self.prefetch_calls = self._followed(
            "counter", "prefetch_calls", "Requests spent on fetching ahead, failed ones among them."
        )
        self.prefetch_fetched = self._followed("counter", "prefetch_fetched", "Answers fetched ahead.")
        self.prefetch_needs = self._followed(
            "counter", "prefetch_needs", "Questions that alerts and lookers had: each kind of each symbol."
        )
        self.prefetch_ready = self._followed("counter", "prefetch_ready", "Those of them that were answered at once.")
        self.prefetch_hits = self._followed(
            "counter", "prefetch_hits", "Those answered at once because it was fetched ahead."
        )
        self.prefetch_saved_seconds = self._followed(
            "counter", "prefetch_saved_seconds", "Time that the hits would have waited."
        )
        self.prefetch_used = self._followed(
            "counter", "prefetch_used", "Answers fetched ahead that were needed within 30 minutes."
        )
        self.prefetch_judged = self._followed(
            "counter", "prefetch_judged", "Answers fetched ahead 30 minutes ago or longer."
        )
        self.prefetch_share = self._followed(
            "gauge", "prefetch_share", "Share of the budget that is in force; less than 1 while it does not pay."
        )
        self.prefetch_yielded = self._followed(
            "counter", "prefetch_yielded", "Rounds that gave way to somebody who waited."
        )
        self.prefetch_failures = self._followed(
            "counter", "prefetch_failures", "Fetches ahead that failed, by error.", "error"
        )

    def _declare_service(self) -> None:
        self.task_restarts = self._counter("task_restarts", "Tasks started again after an error.", "task")
        self.task_turn_seconds = self._followed(
            "gauge",
            "task_turn_seconds",
            "Time since the last turn of a task that the watchdog looks at.",
            "task",
        )
        self.loop_lag_seconds = self._followed(
            "gauge", "loop_lag_seconds", "Longest time in the last minute for which the event loop did not turn."
        )
        self.clock_skew_seconds = self._followed(
            "gauge",
            "clock_skew_seconds",
            "How far the market's time is ahead of the bars (negative: behind), where it is the machine's clock.",
        )
        self.ready = self._followed("gauge", "ready", "1 for each check of /readyz that passes, else 0.", "check")
        self.reloads = self._counter("reloads", "Reloads of the configuration, by outcome: done or refused.", "outcome")
        self.reload_failed = self._followed(
            "gauge", "reload_failed", "1 while the last reload was refused and older rules are in force."
        )
        self.snapshot_age_seconds = self._followed(
            "gauge",
            "snapshot_age_seconds",
            "Age of the state that was saved last while the engine turned; absent before the first.",
        )
        self.history_waiting = self._followed("gauge", "history_waiting", "Rows that wait for the history.")
        self.history_stored = self._followed("counter", "history_stored", "Rows the history has stored.")
        self.history_dropped = self._followed(
            "counter", "history_dropped", "Rows not kept, because too many waited or the history cannot be used."
        )
        self.history_refused = self._followed("counter", "history_refused", "Rows the history would not take.")
        self.history_failures = self._followed("counter", "history_failures", "Attempts to store that failed.")
        self.history_failing = self._followed("gauge", "history_failing", "1 while the history takes nothing.")
        self.version = self._followed("gauge", "version", "1 for the version that runs.", "version")

    def _counter(self, name: str, meaning: str, label: str = "") -> Counter:
        declared = self._declaration("counter", f"{name}_total", meaning, label)
        return Counter(declared.name, meaning, [label] if label else [], registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        declared = self._declaration("histogram", name, meaning)
        return Histogram(declared.name, meaning, buckets=buckets, registry=self.registry)

    def _followed(self, kind: Literal["counter", "gauge"], name: str, meaning: str, label: str = "") -> Followed:
        followed = Followed(self._declaration(kind, f"{name}_total" if kind == "counter" else name, meaning, label))
        self.registry.register(followed)
        return followed

    def _declaration(
        self, kind: Literal["counter", "gauge", "histogram"], name: str, meaning: str, label: str = ""
    ) -> Declared:
        declared = Declared(PREFIX + name, kind, label, meaning)
        self.declared.append(declared)
        return declared


def table(declared: Iterable[Declared]) -> str:
    """The metrics as a table in Markdown, as ``docs/metrics.md`` holds it."""
    rows = [
        f"| `{name}` | {kind} | {f'`{label}`' if label else ''} | {meaning} |"
        for name, kind, label, meaning in declared
    ]
    return "\n".join(["| metric | kind | label | meaning |", "|---|---|---|---|", *rows])
