"""`technic ack`, `snooze`, `mute`, `unmute` and `silences`: what people answer to alerts."""

from __future__ import annotations

import asyncio
import sys
from getpass import getuser
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from daemon import calendar, silencing
from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.commands.errors import NoMarketTimeError, NoServerError
from daemon.commands.marketnow import market_now_ms
from daemon.commands.tail import AWAY, redis_url
from daemon.logs import escaped
from streams.redis.errors import RedisRefusedError
from streams.redis.silences import Silences

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from daemon.config import Config
    from streams.redis.silenced import Silence

T = TypeVar("T")


class Asked(NamedTuple):
    """What is to be silent, as given: a rule, a symbol, and who asks; "" for what was not."""

    rule: str
    symbol: str
    by: str


def ack(path: Path | None, alert_id: str, by: str) -> None:
    """Note that somebody takes care of an alert."""
    config, clock, beginning = begin(path), SystemClock(), silencing.beginning_of(alert_id)
    name = silencing.name_of(by or _user())

    async def change(kept: Silences) -> str:
        found = silencing.the_one(await kept.find(beginning), beginning)
        before = await kept.acknowledge(found, name, clock.wall_ms())
        return f"{found}: acknowledged{f' before, by {before.by}' if before else ''}"

    _tell(_with_server(config, change))


def snooze(path: Path | None, asked: Asked, until: str, lasting: str) -> None:
    """Let nobody be told for a while."""
    config, clock = begin(path, writes=("cache",)), SystemClock()
    about = silencing.whose(asked.rule, asked.symbol, _rules(config))

    async def change(kept: Silences) -> str:
        now_ms, wall_ms = await market_now_ms(config.feed, clock), clock.wall_ms()
        sessions = calendar.configured(config, wall_ms).sessions
        by = asked.by or _user()
        silence = silencing.snooze(about, until, lasting, by, now_ms=now_ms, set_ms=wall_ms, sessions=sessions)
        return await _put(config, kept, silence, now_ms)

    _tell(_with_server(config, change))


def mute(path: Path | None, asked: Asked) -> None:
    """Let nobody be told until somebody lifts it."""
    config, clock = begin(path), SystemClock()
    about = silencing.whose(asked.rule, asked.symbol, _rules(config))
    silence = silencing.mute(about, asked.by or _user(), clock.wall_ms())
    _tell(_with_server(config, lambda kept: _put(config, kept, silence, 0)))


def unmute(path: Path | None, asked: Asked) -> None:
    """Lift a snooze or a mute."""
    config, clock = begin(path), SystemClock()
    rule, symbol = silencing.whose(asked.rule, asked.symbol, ())
    by = silencing.name_of(asked.by or _user())

    async def change(kept: Silences) -> str:
        if await kept.lift(rule, symbol, by, clock.wall_ms()):
            return f"{silencing.mute((rule, symbol), '', 0).whose}: told again"
        raise silencing.nothing_to_lift(rule, symbol, await kept.load())

    _tell(_with_server(config, change))


def show(path: Path | None, *, as_json: bool) -> None:
    """What is silent."""
    config = begin(path)
    market_ms = asyncio.run(_market_ms(config))
    known = _with_server(config, lambda kept: kept.load())
    if as_json:
        sys.stdout.write(msgspec.json.encode(silencing.document(known, market_ms)).decode() + "\n")
        return
    lines = [_line(silence, market_ms) for _, silence in sorted(known.silences.items())]
    sys.stdout.writelines(f"{line}\n" for line in lines or ["nothing is silent"])


async def _put(config: Config, kept: Silences, silence: Silence, market_ms: int) -> str:
    from daemon.dataplane.shelf import Shelf  # noqa: PLC0415 (brings pyarrow, which the other commands can do without)
    from daemon.listed import check_listed  # noqa: PLC0415
    from streams.history.open import open_history  # noqa: PLC0415

    async with Shelf(lambda: open_history(config.history_place)) as shelf:
        await check_listed(silence.symbol, kept, shelf)
    await kept.put(silence, market_ms)
    return str(silence)


def _with_server(config: Config, act: Callable[[Silences], Coroutine[None, None, T]]) -> T:
    """What `act` gives; an embedded server that does not answer is one to start."""
    url = redis_url(config)
    try:
        return asyncio.run(act(Silences(url, config.redis.prefix)))
    except RedisRefusedError as error:
        raise (NoServerError(url) if config.redis.embedded and error.code == AWAY else error) from error


async def _market_ms(config: Config) -> int | None:
    try:
        return await market_now_ms(config.feed, SystemClock())
    except NoMarketTimeError as error:
        sys.stderr.write(f"technic: {error}; until then nobody can tell which snoozes are over\n")
        return None


def _rules(config: Config) -> tuple[str, ...]:
    """Names of those that are configured."""
    from daemon.assembly import SHIPPED  # noqa: PLC0415 (brings numba)

    source = config.engine.rules or files("daemon") / "rules" / SHIPPED
    return silencing.rule_names(source.read_text(encoding="utf-8"))


def _line(silence: Silence, market_ms: int | None) -> str:
    over = silencing.in_force(silence, market_ms) is False
    return escaped(f"{silence}{' (over)' if over else ''}")


def _user() -> str:
    """The name of whoever is logged in, "" if that is nobody."""
    try:
        return getuser()
    except (OSError, KeyError):
        return ""


def _tell(text: str) -> None:
    sys.stdout.write(f"{escaped(text)}\n")
