"""Every kind of event in the stream ``technic:events``, with its meaning and its fields.

``docs/streams.md`` and ``docs/schemas/event.schema.json`` are made of it; tests keep it equal to what the code tells.
All fields are text. `kind` and `at_ms` (wall clock) every event has.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from daemon.scoring.news import KINDS as MODEL_NEWS


class Kind(NamedTuple):
    """What has happened, and which fields tell more of it."""

    meaning: str
    fields: tuple[str, ...] = ()


_SINK: Final = ("sink", "what", "remedy", "alerts")
_GROUP: Final = ("group", "behind", "pending", "what", "remedy")
_ADVICE: Final = ("what", "remedy")

_MODEL: Final = ("target", "model", "what", "market_ms")

KINDS: Final = {
    "alert.acknowledged": Kind("Somebody takes care of an alert.", ("id", "by")),
    "alert.enriched": Kind(
        "What an alert could not take along has been fetched; `about` is JSON.", ("id", "rule", "symbol", "about")
    ),
    "alert.outcome": Kind(
        "What became of an alert; `outcome` is JSON, see docs/outcomes.md.",
        ("id", "rule", "symbol", "outcome"),
    ),
    "alert.revised": Kind(
        "A bar was corrected after an alert of it: whether its condition holds, `true` or `false`.",
        ("id", "rule", "symbol", "bar_start_ms", "holds", "what"),
    ),
    "calendar.warning": Kind("The table of sessions is not what it should be.", _ADVICE),
    "clock.healed": Kind("This machine's clock agrees with the bars again.", ("what",)),
    "clock.leapt": Kind("The system's clock has leapt; the market's time goes on without the leap.", _ADVICE),
    "clock.skewed": Kind("This machine's clock does not agree with the bars.", _ADVICE),
    "digest.day": Kind(
        "The regular session has closed: what became of its alerts, by rule and horizon; `rules` is JSON.",
        ("day", "alerts", "rules"),
    ),
    "feed.degraded": Kind("Much of the feed cannot be read, and connecting again has not helped.", _ADVICE),
    "feed.gap": Kind(
        "The feed was not heard while minute bars were due; symbols wait for them.",
        ("since_ms", "until_ms", "minutes", "what"),
    ),
    "feed.repaired": Kind(
        "What an outage has hidden is there. Symbols: that had not traded, of which one look at the market had all, "
        "that were asked for, that go on with a hole.",
        ("since_ms", "until_ms", "minutes", "quiet", "glanced", "asked", "bars", "left", "seconds"),
    ),
    "feed.sound": Kind("The feed can be read again.", _ADVICE),
    "feed.state": Kind("The connection to the exchange has another state.", ("state", "reason")),
    "feed.status": Kind("The exchange says something that is not expected.", ("status", "message")),
    "feed.suspect": Kind("Much of the feed cannot be read: it is dropped and connected again.", _ADVICE),
    "feed.unanswered": Kind("The exchange has not confirmed these channels.", ("channels", "remedy")),
    "feed.unauthorised": Kind("The plan does not include these channels.", ("channels", "remedy")),
    "history.ended": Kind("The history takes nothing more until a restart.", _ADVICE),
    "history.failing": Kind("The history does not take what is to be kept; it is tried again.", _ADVICE),
    "history.healed": Kind("The history takes what is to be kept again.", ("what",)),
    **{f"model.{kind}": Kind(meaning, _MODEL) for kind, meaning in MODEL_NEWS.items()},
    "loop.stalled": Kind("The event loop has not turned for more than a second.", _ADVICE),
    "outbox.healed": Kind("All alerts are on disk again.", ("what",)),
    "outbox.refused": Kind("The disk refuses alerts: they wait in memory.", _ADVICE),
    "overload.step": Kind(
        "More is let go of for want of time, or less: `nothing`, `enrichment`, `learning`, `coalescing`.",
        ("step", "what"),
    ),
    "redis.restarted": Kind("The embedded server had ended and was started again.", ("what",)),
    "reload.done": Kind("New rules are in force.", ("rules", "needs_restart")),
    "reload.refused": Kind("New rules are not in force: the old ones stay.", _ADVICE),
    "rest.refused": Kind("The exchange refuses a question for good.", ("endpoint", "what")),
    "silence.lifted": Kind("A snooze or mute was taken back.", ("rule", "symbol", "by")),
    "silence.set": Kind("A rule, a symbol or both were snoozed or muted.", ("rule", "symbol", "how", "until_ms", "by")),
    "sink.away": Kind("Redis is away; alerts wait on disk.", _SINK),
    "sink.crowded": Kind("Alerts leave their stream before their time; once an hour.", _SINK),
    "sink.live": Kind("Alerts reach their stream.", _SINK),
    "sink.refused": Kind("Redis refuses alerts: a person has to act.", _SINK),
    "sink.resent": Kind("Redis had lost alerts; they are back, under the same ids.", _SINK),
    "sink.undeliverable": Kind("Alerts cannot be put in their place: see the dead letters.", _SINK),
    "stream.group_caught_up": Kind("A group that was slow or had lost alerts is well again.", _GROUP),
    "stream.group_lost": Kind("Alerts have left the stream before a group was done with them.", _GROUP),
    "stream.group_slow": Kind("A group has used up half of what the stream keeps: it is about to lose alerts.", _GROUP),
    "symbol.halted": Kind("The exchange has halted a symbol.", ("symbol", "exchange_time")),
    "symbol.renamed": Kind("A company has another symbol; it keeps its past.", ("symbol", "before")),
    "symbol.resumed": Kind("A symbol is traded again.", ("symbol", "exchange_time", "halted_seconds")),
    "symbol.split": Kind("A symbol's shares were split: it starts anew.", ("symbol", "old", "new", "what")),
    "symbols.released": Kind("Symbols without a bar for long have left the table.", ("count", "names", "what")),
    "time.behind": Kind("The exchange's time is well behind the newest bar.", ("what",)),
    "time.healed": Kind("The exchange's time has caught up.", ("what",)),
}


def table() -> str:
    """The table of ``docs/streams.md``."""
    rows = [f"| `{kind}` | {_named(of.fields)} | {of.meaning} |\n" for kind, of in KINDS.items()]
    return "".join(["| kind | fields | meaning |\n", "|---|---|---|\n", *rows])


def _named(fields: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in fields)
