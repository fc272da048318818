"""`technic tail`."""

from __future__ import annotations

import json
import random
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
import structlog

from daemon.commands.begin import begin
from daemon.commands.errors import NoServerError
from daemon.commands.until import run_until_stopped
from daemon.logs import escaped
from streams.redis.embedded import EmbeddedValkey
from streams.redis.errors import RedisRefusedError
from streams.redis.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.config import Config
    from streams.redis.tail import Entry
    from streams.redis.verdict import Verdict

log = structlog.get_logger()

AWAY = "AWAY"
"""Code of a server that does not answer."""

MOST_VALUES = 4
SHORT = 8
"""Characters of an alert's id: enough for `technic ack`."""

WIDTHS = {"symbol": 8, "rule": 22, "severity": 7, "session": 7}
LATEST_MS = 4_102_444_800_000
"""The year 2100: no bar ends later, and what claims to is shown as of then."""

NEW_YORK = ZoneInfo("America/New_York")


def tail(path: Path | None, stream: str, *, lines: int, follow: bool, as_json: bool, duration_s: float | None) -> None:
    """The newest entries of a stream, and those that come; oldest first."""
    config = begin(path)
    key = config.redis.prefix + stream
    url = redis_url(config)
    reader = Tail(url, key, random.Random(), _away)  # noqa: S311 (spreads retries)

    async def show() -> None:
        try:
            newest = await reader.last(lines)
        except RedisRefusedError as error:
            raise (NoServerError(url) if config.redis.embedded and error.code == AWAY else error) from error
        if not newest and lines:
            sys.stderr.write(f"technic: nothing yet in stream {key}\n")
        await _print(reader, newest, follow=follow, as_json=as_json)

    run_until_stopped(show(), duration_s)


def redis_url(config: Config) -> str:
    """Where the streams are; the embedded server has its socket in the state folder.

    Raises:
        NoServerError: it does not run.
    """
    if not config.redis.embedded:
        return config.redis.url.reveal()
    url = EmbeddedValkey(config.state.folder / "valkey").url
    if not Path(url.removeprefix("unix://")).exists():
        raise NoServerError(url)
    return url


async def _print(reader: Tail, last: Sequence[Entry], *, follow: bool, as_json: bool) -> None:
    newest = [entry(*found) for found in last]
    if as_json and not follow:
        _say(json.dumps(newest, ensure_ascii=False))
        return
    for found in newest:
        _say(_line(found, as_json=as_json))
    if follow:
        async for came in reader.follow():
            _say(_line(entry(*came), as_json=as_json))


def entry(stream_id: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """One entry as it is shown: its stream id, and the whole alert, or the fields of an event or a dead letter."""
    if _is_letter(fields):
        return {**fields, "stream_id": stream_id, "entry": fields["stream_id"]}
    try:
        whole = msgspec.json.decode(fields["data"])
    except (KeyError, ValueError, RecursionError):
        whole = None
    return {**(whole if isinstance(whole, dict) else fields), "stream_id": stream_id}


def _is_letter(fields: Mapping[str, Any]) -> bool:
    """Whether it is of a dead letter, which names the entry that was given up."""
    return "reason" in fields and "stream_id" in fields and "kind" not in fields


def _line(found: Mapping[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(found, ensure_ascii=False)
    rest = dict(found)
    delivered_ms = min(int(rest.pop("stream_id").partition("-")[0]), LATEST_MS)
    if "entry" in rest and "reason" in rest:
        return escaped(f"{_when(delivered_ms)}  {_letter(rest)}")
    if "rule" in rest and "kind" not in rest:
        return escaped(f"{_when(_bar_ms(rest, delivered_ms))}  {_alert(rest)}")
    return escaped(f"{_when(delivered_ms)}  {_event(rest)}")


def _bar_ms(alert: Mapping[str, Any], otherwise: int) -> int:
    """End of the alert's bar, in market time."""
    times = alert.get("times")
    end_ms = times.get("event_ms") if isinstance(times, dict) else None
    return end_ms if isinstance(end_ms, int) and 0 <= end_ms < LATEST_MS else otherwise


def _when(milliseconds: int) -> str:
    """New York time, with the zone's name."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, NEW_YORK):%Y-%m-%d %H:%M:%S %Z}"


def _alert(alert: Mapping[str, Any]) -> str:
    price, score = _number(alert.get("price")), _number(alert.get("score"))
    words = [str(alert.get("id", ""))[:SHORT].ljust(SHORT + 1)]
    words += [str(alert.get(name, "")).ljust(width) for name, width in WIDTHS.items()]
    words += [f"price {_dollars(price)}"] if price is not None else []
    words += [f"score {score:.3f}"] if score is not None else []
    words += [name for name in ("forming", "late") if alert.get(name) is True]
    return " ".join([*words, *_because(alert.get("values")), *_with(alert.get("members"))])


def _letter(letter: Mapping[str, Any]) -> str:
    """What was given up, by whom, and why; not what it held."""
    named = ("entry", "rule", "symbol", "id", "group", "consumer", "deliveries")
    return " ".join([*(f"{name}={letter[name]}" for name in named if letter.get(name)), f"reason={letter['reason']}"])


def _dollars(price: float) -> str:
    """Two decimals, and up to four where the price has them."""
    whole, _, decimals = f"{price:.4f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _number(value: object) -> float | None:
    """`value` if it is a number that a float holds."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _because(values: object) -> list[str]:
    """The first numbers of the rule's condition."""
    known = values.items() if isinstance(values, dict) else ()
    numbers = ((text, _number(value)) for text, value in known)
    return [f" {text} {number:.6g}" for text, number in numbers if number is not None][:MOST_VALUES]


def _with(members: object) -> list[str]:
    """The other symbols of an alert for a whole sector."""
    found = members if isinstance(members, list) else []
    symbols = [str(one.get("symbol", "")) for one in found if isinstance(one, dict)]
    return [f" with {', '.join(symbols)}"] if symbols else []


def _event(event: Mapping[str, Any]) -> str:
    rest = (f"{name}={value}" for name, value in event.items() if name not in {"kind", "at_ms"} and value != "")
    return " ".join([f"{event.get('kind', 'unknown'):<16}", *rest])


def _away(verdict: Verdict) -> None:
    log.warning("the stream cannot be read", what=verdict.what, remedy=verdict.remedy)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
