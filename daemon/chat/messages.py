"""What a trader reads: one alert, or many as a digest. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from streams.chat.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.redis.alert import DeliveredAlert

NEW_YORK: Final = ZoneInfo("America/New_York")
MOST_VALUES: Final = 6
MOST_SHARES: Final = 3
LONGEST_TERM: Final = 36
MOST_MEMBERS: Final = 8
DOUBTS: Final = {
    "warming": "warming: not all that the rule names has had its bars",
    "late": "late: made of second bars, the vendor's minute bar had not come",
    "gap": "gap: bars are missing that could not be brought",
    "halted": "halted: trading of it is",
}
REPEAT: Final = "perhaps a repeat: "
TEST: Final = Message("technic: a test", ("Alerts of this channel will come here.",))


def single(alert: DeliveredAlert, link: str, *, image: bytes = b"", repeated: bool = False) -> Message:
    """One alert: what, when, why."""
    title = f"{alert.symbol} {alert.rule}  {dollars(alert.price)}{_change(alert.change)}"
    lines = [_who(alert), _when(alert), *_why(alert), *_members(alert), *_doubts(alert)]
    prefix = REPEAT if repeated else ""
    return Message(prefix + title, tuple(line for line in lines if line), link, image, (alert.id,))


def digest(alerts: Sequence[DeliveredAlert], link: str, *, repeated: bool = False) -> Message:
    """Many alerts, a line each, oldest first."""
    rules = Counter(alert.rule for alert in alerts)
    most = ", ".join(f"{rule} {count}" for rule, count in rules.most_common(3))
    title = f"{len(alerts)} alerts: {most}" + ", ..." * (len(rules) > 3)  # noqa: PLR2004
    lines = [_line(alert) for alert in alerts]
    ids = tuple(alert.id for alert in alerts)
    return Message((REPEAT if repeated else "") + title, tuple(lines), link, ids=ids)


def room(alert: DeliveredAlert) -> int:
    """Characters that its line in a digest takes at most: as if each that is no letter or digit had to be escaped."""
    line = _line(alert)
    return 1 + 2 * len(line) - sum(character.isalnum() or character == " " for character in line)


def _line(alert: DeliveredAlert) -> str:
    return f"{_time(alert)}  {alert.symbol} {alert.rule} {dollars(alert.price)}{_change(alert.change)}{_marks(alert)}"


def switched_off(channel: str, what: str, lost: int) -> Message:
    """What another channel says of one that is refused for good."""
    waiting = f"{lost} alerts that waited for it are in the dead letters" if lost else "no alert waited for it"
    return Message(f"technic: channel {channel} is switched off", (what, waiting, "mend its settings, and send SIGHUP"))


def dollars(price: float) -> str:
    """Two decimals, and four below a dollar."""
    return f"{price:,.2f}" if price >= 1.0 else f"{price:.4f}"


def _change(change: float | None) -> str:
    return "" if change is None else f"  {change:+.1%}"


def _who(alert: DeliveredAlert) -> str:
    return ", ".join(part for part in (alert.name, alert.sector) if part)


def _when(alert: DeliveredAlert) -> str:
    at = datetime.fromtimestamp(alert.times.event_ms / 1000, NEW_YORK)
    score = "" if alert.score is None else f", score {alert.score:.2f}"
    severity = f", {alert.severity} severity" if alert.severity else ""
    return f"{at:%a %H:%M:%S %Z}, {alert.session or 'closed'} session{severity}{score}"


def _time(alert: DeliveredAlert) -> str:
    return f"{datetime.fromtimestamp(alert.times.event_ms / 1000, NEW_YORK):%H:%M:%S}"


def _why(alert: DeliveredAlert) -> list[str]:
    values = [f"{text} {_number(value)}" for text, value in alert.values.items() if value is not None][:MOST_VALUES]
    shares = sorted(
        ((share, text) for text, share in alert.contributions.items() if text != "intercept"),
        key=lambda pair: -abs(pair[0]),
    )[:MOST_SHARES]
    score = ", ".join(f"{_short(text)} {share:+.2f}" for share, text in shares)
    return ["because " + ", ".join(values) if values else "", f"score by {score}" if score else ""]


def _short(text: str) -> str:
    """A feature's formula as far as it fits on a telephone; the alert has it whole."""
    return text if len(text) <= LONGEST_TERM else f"{text[: LONGEST_TERM - 1]}…"


def _number(value: float) -> str:
    """Whole from a thousand on, four figures below."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def _members(alert: DeliveredAlert) -> list[str]:
    if not alert.members:
        return []
    named = [f"{one.symbol}{_change(one.change).replace('  ', ' ')}" for one in alert.members[:MOST_MEMBERS]]
    more = f" and {len(alert.members) - MOST_MEMBERS} more" if len(alert.members) > MOST_MEMBERS else ""
    return [f"with {', '.join(named)}{more} of the same sector"]


def _doubts(alert: DeliveredAlert) -> list[str]:
    doubts = []
    if alert.forming:
        doubts.append("told on a bar that had not closed: it may no longer hold when it does")
    if alert.late:
        doubts.append("late: the bar came after its minute had closed")
    if alert.coverage not in {"", "covered"}:
        doubts.append(DOUBTS.get(alert.coverage, alert.coverage))
    return doubts


def _marks(alert: DeliveredAlert) -> str:
    marks = [name for name, is_so in (("forming", alert.forming), ("late", alert.late)) if is_so]
    return f"  ({', '.join(marks)})" if marks else ""
