"""An alert, its deterministic id, and the digest of many."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA = 1
"""Version of the alert's JSON form, field ``v``."""


class Times(msgspec.Struct, frozen=True):
    """Milliseconds since the epoch, UTC; outside the digest.

    Attributes:
        event_ms: end of the bar, market time.
        received_ms: arrival of the bar's frame, market time; where a rule names a cross-section, the close of the
            market's minute.
        scored_ms: when the engine had decided, wall clock; 0 in a replay.
    """

    event_ms: int
    received_ms: int
    scored_ms: int = 0


class Member(msgspec.Struct, frozen=True):
    """Another symbol that an alert tells of.

    Attributes:
        price: close of its bar, dollars.
        change: of the day, as a fraction of the close before; None where that is not known.
    """

    symbol: str
    price: float
    change: float | None


class Alert(msgspec.Struct, frozen=True):
    """One rule's condition became true for one symbol.

    Attributes:
        id: 32 hex digits, see `alert_id`.
        rule_version: short hash of the rule's canonical definition.
        name: of the company, "" where it is not known.
        sector: of the symbol, "" where it is not known.
        bar_start_ms: start of the bar at which the rule fired, milliseconds since the epoch, UTC.
        price: close of that bar, dollars.
        change: of the day, as a fraction of the official close before; None where that is not known.
        score: probability of the large move asked about, None before the model has learned.
        order: what candidates of the rule are ordered by, None where that is not known, or they are not.
        contributions: what each feature adds to the logit of the score, with ``intercept``; empty without a score.
        values: every number in the rule's condition by its text; None where it is not known.
        coverage: ``covered``; ``late`` where the bar was made of seconds, for the vendor's had not come; ``warming``,
            ``gap`` or ``halted`` where the rule says that coverage does not matter.
        late: the market's minute had closed before this bar came.
        forming: told on a bar that had not closed: its price and values are those of that moment, and the condition may
            no longer hold when the bar closes.
        members: others of its sector that it tells of too, the best first.
        about: what was at hand of the symbol when the alert was raised, by kind: ``{"as_of_ms": ..., "known": ...}``;
            empty in a replay. What else there is follows as an event ``alert.enriched``.
    """

    id: str
    rule: str
    rule_version: str
    symbol: str
    session: str
    timeframe: str
    severity: str
    evaluate: str
    bar_start_ms: int
    price: float
    volume: float
    score: float | None
    values: dict[str, float | None]
    coverage: str
    late: bool
    times: Times
    name: str = ""
    sector: str = ""
    change: float | None = None
    order: float | None = None
    contributions: dict[str, float] = {}
    forming: bool = False
    members: list[Member] = []
    about: dict[str, Any] = {}
    v: int = SCHEMA

    def at(self, scored_ms: int, about: dict[str, Any]) -> Alert:
        """The same alert with the wall clock of the engine's decision, and what is at hand of its symbol.

        The company's name is taken from there, and its sector where the engine knows none.
        """
        times = msgspec.structs.replace(self.times, scored_ms=scored_ms)
        company = [known["known"] for kind in ("details", "company") if (known := about.get(kind)) and known["known"]]
        name, sector = (next((one[key] for one in company if one.get(key)), "") for key in ("name", "sector"))
        return msgspec.structs.replace(self, times=times, about=about, name=name, sector=self.sector or sector)

    def json(self) -> bytes:
        """The alert as one JSON object."""
        return msgspec.json.encode(self)

    def fields(self) -> Mapping[str, str | bytes]:
        """The entry of stream ``technic:alerts``: flat fields to filter on, ``data`` with everything."""
        return {
            "id": self.id,
            "rule": self.rule,
            "symbol": self.symbol,
            "bar_start_ms": str(self.bar_start_ms),
            "score": "" if self.score is None else f"{self.score:.6f}",
            "severity": self.severity,
            "data": self.json(),
        }


def known(value: float) -> float | None:
    """`value`, or None where it is not a finite number: JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def digest(alerts: Iterable[Alert]) -> str:
    """sha256 over id, bar start, values and score of all alerts in order; nothing of the clock is in it."""
    total = hashlib.sha256()
    for alert in alerts:
        add_to_digest(total, alert)
    return total.hexdigest()


def add_to_digest(total: hashlib._Hash, alert: Alert) -> None:
    """One more alert, bit for bit: doubles go in as their eight bytes, unknown ones as NaN."""
    total.update(alert.id.encode())
    total.update(struct.pack("<q", alert.bar_start_ms))
    for text, value in alert.values.items():
        total.update(text.encode())
        total.update(_bits(value))
    total.update(_bits(alert.score))


def _bits(value: float | None) -> bytes:
    return struct.pack("<d", math.nan if value is None else value)
