"""What people have silenced and acknowledged, as it stands at one moment. Pure.

Hash ``technic:silences``: field ``RULE|SYMBOL``, either side ``*`` for any. Hash ``technic:acks``: field the alert's
id. Values are JSON. The server is a stranger: whatever does not read as that is no silence, and no acknowledgement.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["snooze", "mute"]

ANY: Final = "*"
"""Any rule, or any symbol."""

NEW_YORK: Final = ZoneInfo("America/New_York")
LATEST_MS: Final = 4_102_444_800_000
"""The year 2100: nothing is silent for longer, and nothing was set later."""

MOST_BYTES: Final = 1_024
"""Of a value, and of a field."""

MOST_CHARACTERS: Final = 64
"""Of the name of whoever did it."""


class Silence(NamedTuple):
    """Alerts of a rule, of a symbol, or of both at once, that nobody wants to be told.

    Attributes:
        rule, symbol: whose; `ANY` for all.
        kind: ``snooze`` ends by itself, ``mute`` does not.
        until_ms: market time from which on it is over; 0 without end.
        by: who set it, "" if not known.
        set_ms: when, wall clock.
    """

    rule: str
    symbol: str
    kind: Kind
    until_ms: int = 0
    by: str = ""
    set_ms: int = 0

    @property
    def field(self) -> str:
        """Under which it is kept: there is one silence for a rule and a symbol, the last that was set."""
        return f"{self.rule}|{self.symbol}"

    @property
    def whose(self) -> str:
        """What is silent, for people."""
        named = [f"rule {self.rule}"] * (self.rule != ANY) + [f"symbol {self.symbol}"] * (self.symbol != ANY)
        return " with ".join(named) or "everything"

    def in_force(self, market_ms: int) -> bool:
        """Whether it is not over yet."""
        return self.until_ms == 0 or market_ms < self.until_ms

    def __str__(self) -> str:
        how = "muted" if self.kind == "mute" else "snoozed"
        until = f" until {_when(self.until_ms)}" if self.until_ms else ""
        return f"{self.whose}: {how}{until}{f' by {self.by}' * bool(self.by)}"


class Acknowledgement(NamedTuple):
    """Somebody has seen an alert and takes care of it; who ("" if not known) and when, wall clock."""

    by: str
    at_ms: int


class _Silence(msgspec.Struct):
    kind: Kind
    until_ms: int
    by: str = ""
    set_ms: int = 0


class _Acknowledgement(msgspec.Struct):
    by: str = ""
    at_ms: int = 0


_Value = TypeVar("_Value", _Silence, _Acknowledgement)


class Silenced:
    """All of it.

    Args:
        silences: by rule and symbol.
        acks: by id of the alert.
    """

    def __init__(
        self, silences: Mapping[tuple[str, str], Silence], acks: Mapping[str, Acknowledgement] | None = None
    ) -> None:
        self.silences, self.acks = dict(silences), dict(acks or {})

    def covers(self, rule: str, symbol: str, market_ms: int) -> str:
        """Why an alert of `rule` for `symbol` is not to be told at this market time, for people; "" if it is."""
        for key in ((rule, symbol), (rule, ANY), (ANY, symbol), (ANY, ANY)):
            silence = self.silences.get(key)
            if silence is not None and silence.in_force(market_ms):
                return str(silence)
        return ""

    def acknowledged(self, alert_id: str) -> bool:
        """Whether somebody has taken care of it."""
        return alert_id in self.acks


def encode(silence: Silence) -> bytes:
    """The value under `Silence.field`."""
    return msgspec.json.encode(_Silence(silence.kind, silence.until_ms, silence.by, silence.set_ms))


def encode_acknowledgement(done: Acknowledgement) -> bytes:
    """The value under the alert's id."""
    return msgspec.json.encode(_Acknowledgement(done.by, done.at_ms))


def decode(silences: Mapping[bytes, bytes], acks: Mapping[bytes, bytes]) -> Silenced:
    """Both hashes; what makes no sense is left out."""
    found = [silence for field, value in silences.items() if (silence := _silence(field, value))]
    done = {_text(field): known for field, value in acks.items() if (known := acknowledgement(value))}
    return Silenced({(silence.rule, silence.symbol): silence for silence in found}, done)


def acknowledgement(value: bytes) -> Acknowledgement | None:
    """The value under an alert's id; None if it is none."""
    read = _read(value, _Acknowledgement)
    return Acknowledgement(plain(read.by), read.at_ms) if read and 0 <= read.at_ms < LATEST_MS else None


def _silence(field: bytes, value: bytes) -> Silence | None:
    rule, bar, symbol = _text(field).rpartition("|")
    read = _read(value, _Silence)
    if not (rule and bar and symbol and read) or len(field) > MOST_BYTES:
        return None
    if not (0 <= read.until_ms < LATEST_MS and 0 <= read.set_ms < LATEST_MS):
        return None
    return Silence(rule, symbol, read.kind, read.until_ms, plain(read.by), read.set_ms)


def _read(value: bytes, kind: type[_Value]) -> _Value | None:
    if len(value) > MOST_BYTES:
        return None
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def plain(name: str) -> str:
    """The name of whoever did it, safe to show, and no longer than need be."""
    return _printable(name[:MOST_CHARACTERS])


def _text(field: bytes) -> str:
    return _printable(field.decode(errors="replace"))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, NEW_YORK):%Y-%m-%d %H:%M:%S %Z}"
