"""Which faults the exchange's feed can have, and what each can be told. Pure.

`faults` is about answers by REST; this is about the feed. A kind has settings, all with defaults; the same names and
forms stand in a file of faults and in a request to the control port.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GARBAGE: Final = ("text", "truncated", "utf8")
BAD: Final = ("nan", "negative", "text", "high_below_low", "huge", "year_1970", "year_9999", "long_number", "symbol")
ANY: Final = "any"
"""One of several, by the seed."""

DAY_MS: Final = 86_400_000

_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_SYMBOL = re.compile(r"[A-Za-z0-9./-]{1,16}")


class Wrong(NamedTuple):
    """A mistake in settings: at which key, what it is, and what to do."""

    key: str
    message: str
    remedy: str


class Setting(NamedTuple):
    """One thing a fault can be told.

    Attributes:
        read: the value as it is used; ValueError where it is none.
        form: what may be written.
        meaning: what it does.
    """

    read: Callable[[object], Any]
    form: str
    meaning: str


def length_ms(given: object) -> int:
    """Milliseconds of ``"30s"``; ValueError for what is no length of at most a day."""
    match = _LENGTH.fullmatch(given) if isinstance(given, str) else None
    if match is None or abs(ms := float(match[1]) * _UNIT_MS[match[2]]) > DAY_MS:
        raise ValueError(given)
    return round(ms)


def _length(given: object) -> int:
    if (ms := length_ms(given)) < 0:
        raise ValueError(given)
    return ms


def _one_of(*choices: object) -> Callable[[object], Any]:
    def read(given: object) -> object:
        if isinstance(given, bool) or given not in choices:
            raise ValueError(given)
        return given

    return read


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(given: object) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
            raise ValueError(given)
        return given

    return read


def _share(given: object) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 < given <= 1:
        raise ValueError(given)
    return float(given)


def _symbols(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) and _SYMBOL.fullmatch(one) for one in given):
        raise ValueError(given)
    return tuple(given)


def _text(given: object) -> str:
    if not isinstance(given, str) or len(given) > 1_000:  # noqa: PLR2004
        raise ValueError(given)
    return given


_A_LENGTH = 'a length like "30s", "500ms" or "5m", a day at most'

_CODES: Final = (1000, 1001, 1006, 1008, 1011)
_CLIENTS: Final = ("all", "oldest", "newest", "one")
_PREFIXES: Final = ("A", "AM", "LULD", "T", "Q", "NOI")


def _choice(meaning: str, *choices: object) -> Setting:
    forms = [f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in choices if choice != ""]
    return Setting(_one_of(*choices), f"{', '.join(forms[:-1])} or {forms[-1]}", meaning)


SETTINGS: Final[Mapping[str, Setting]] = {
    "code": _choice("of the close frame; with 1006 there is none", *_CODES),
    "clients": _choice("whom it hits; `one` by the seed", *_CLIENTS),
    "for": Setting(_length, _A_LENGTH, "how long, in market time"),
    "delay": Setting(_length, _A_LENGTH, "how much later"),
    "within": Setting(_length, _A_LENGTH, "how far bars are moved at most"),
    "by": Setting(length_ms, 'a length like "5s" or "-2s"', "how far the clock is ahead"),
    "ending": _choice("close frame 1008, or end of file without one", "close", "abort"),
    "victim": _choice("who has to go", "older", "newer"),
    "most": Setting(_whole(0, 1_000), "0 to 1000", "connections that may stay"),
    "prefix": _choice("of the channels", *_PREFIXES),
    "how": Setting(_one_of(ANY, *GARBAGE, *BAD), "", "which of them; `any` by the seed"),
    "bytes": Setting(_whole(1, 1 << 28), "1 to 268435456", "how large, unpacked"),
    "status": Setting(_text, "a text", "the status; with neither it nor a message an odd one by the seed"),
    "message": Setting(_text, "a text", "its message"),
    "count": Setting(_whole(1, 1_000_000), "1 to 1000000", "how many; of bars the next ones, by the seed"),
    "share": Setting(_share, "above 0, up to 1", "share of the bars that it touches for as long as `for` says"),
    "symbols": Setting(_symbols, 'a list of symbols, like ["AAPL"]', "which; empty for any"),
    "channel": _choice("which bars; empty for both", "", "A", "AM"),
    "invented": Setting(_whole(0, 1_000_000), "0 to 1000000", "bars of symbols that do not exist"),
}
"""Every setting there is; what `Kind.settings` holds are their defaults, in the form they are used in."""


class Kind(NamedTuple):
    """One kind of fault: what it does, its settings with their defaults, and what `how` may be."""

    meaning: str
    settings: Mapping[str, Any]
    how: tuple[str, ...] = ()


_WHO: Final = {"clients": "all"}
_BARS: Final = {"count": 1, "for": 0, "share": 1.0, "symbols": (), "channel": ""}

KINDS: Final[Mapping[str, Kind]] = {
    "close": Kind("The connection is closed, 1006 without a close frame.", {"code": 1001, **_WHO}),
    "reset": Kind("The connection ends with RST.", _WHO),
    "cut": Kind("End of file in the middle of a frame.", _WHO),
    "stall": Kind("Connected, answers pings, sends nothing. For 0s: until the client goes.", {"for": 30_000, **_WHO}),
    "half_open": Kind(
        "Answers nothing, not even pings; the connection stays. For 0s: until the client goes.", {"for": 0, **_WHO}
    ),
    "evict": Kind(
        "Connections beyond `most` are told `max_connections` and closed; for so long newcomers count, too.",
        {"victim": "older", "most": 0, "for": 0, "ending": "close"},
    ),
    "slow_consumer": Kind(
        "The client is cut off as if it read too slowly; without a close frame the status is lost, too.",
        {"ending": "close", **_WHO},
    ),
    "refuse": Kind("Nobody listens on the port, for REST neither; connections that stand stay.", {"for": 30_000}),
    "reject_key": Kind("The right key is answered `auth_failed`.", {"for": 60_000}),
    "cut_login": Kind("The connection drops between the key and the subscriptions.", {"for": 60_000}),
    "not_authorized": Kind("New subscriptions of a prefix are not authorized.", {"prefix": "LULD", "for": 3_600_000}),
    "unacknowledged": Kind("Subscriptions are kept, but never acknowledged.", {"for": 60_000}),
    "garbage": Kind("A frame that is no JSON, breaks off, or is no UTF-8.", {"how": ANY, **_WHO}, (ANY, *GARBAGE)),
    "oversize": Kind("A frame larger than clients take.", {"bytes": 2 << 20, **_WHO}),
    "fragments": Kind("One message in so many frames.", {"count": 100_000, **_WHO}),
    "bomb": Kind(
        "A small frame that unpacks to a large one, to clients that allow compression.", {"bytes": 100 << 20, **_WHO}
    ),
    "status": Kind("A status that nobody expects.", {"status": "", "message": "", **_WHO}),
    "late": Kind("Bars come later.", {"delay": 8_000, **_BARS}),
    "duplicate": Kind("Bars come once more, after `delay`.", {"delay": 0, **_BARS}),
    "revised": Kind("Bars come without some of their trades, and whole after `delay`.", {"delay": 30_000, **_BARS}),
    "disorder": Kind("Bars come in any order, up to `within` late.", {"within": 2_000, **_BARS, "for": 10_000}),
    "drop": Kind("Bars never come; REST has them.", _BARS),
    "bad": Kind("Beside a good bar its like comes with a value that cannot be.", {"how": ANY, **_BARS}, (ANY, *BAD)),
    "flood": Kind(
        "All is held back and comes in one burst, with bars of invented symbols.", {"for": 10_000, "invented": 0}
    ),
    "halt": Kind(
        "LULD 17, no trades by feed nor REST, LULD 18; `count` of the symbols that trade, or `symbols`.",
        {"for": 300_000, "count": 1, "symbols": ()},
    ),
    "silence": Kind("Nothing is traded at all, by feed nor REST.", {"for": 60_000}),
    "clock_skew": Kind("`/v1/marketstatus/now` tells another time. For 0s: to the end.", {"by": 5_000, "for": 600_000}),
}
"""Every kind there is."""

BAR_KINDS: Final = frozenset({"late", "duplicate", "revised", "disorder", "drop", "bad"})
"""Kinds that touch single bars, once there are some."""


def settings(kind: str, given: Mapping[str, object], wrong: list[Wrong]) -> Mapping[str, Any]:
    """All settings of a fault; what is wrong with those given goes to `wrong`."""
    known = KINDS[kind]
    found = dict(known.settings)
    for key, value in given.items():
        if key not in known.settings:
            wrong.append(Wrong(key, f'a {kind} has no "{key}"', f"it has {', '.join(known.settings)}"))
            continue
        try:
            found[key] = SETTINGS[key].read(value)
            if key == "how" and value not in known.how:
                raise ValueError(value)  # noqa: TRY301 (said below)
        except (ValueError, TypeError):
            form = SETTINGS[key].form or f"one of {', '.join(known.how)}"
            wrong.append(Wrong(key, f"{key} cannot be {value!r:.60}", f"write {form}"))
    return found
