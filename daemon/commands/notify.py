"""`technic notify`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog

import streams.history.nopandas  # noqa: F401 - comes before all that imports pyarrow
from daemon.chat import channels as channel_file
from daemon.chat import messages
from daemon.chat.picture import Picture
from daemon.chat.service import GROUP, Service, policy
from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.commands.errors import ChannelsUntoldError
from daemon.commands.tail import redis_url
from daemon.commands.until import run_until_stopped
from daemon.configfile import ConfigError
from daemon.engine.errors import RuleErrors
from daemon.mistakes import Mistake
from daemon.spoken import several
from streams.chat.errors import ChatSettingsError
from streams.chat.message import Fate
from streams.chat.open import sender
from streams.redis.consumer import AlertConsumer
from streams.redis.silences import Silences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.chat.channels import Channel
    from daemon.config import Config
    from streams.chat.message import Sender
    from streams.redis.consumer import ConsumerEvent

log = structlog.get_logger()

NAME = "notify"
"""Of the consumer. One runs; after a kill it goes on at once with what it had in hand."""


def notify(path: Path | None, *, duration_s: float | None, test: bool) -> None:
    """Tell alerts to the channels, or with `test` one message to each.

    Raises:
        ConfigError: no file of channels is named, or it cannot be read.
        RuleErrors: all that is wrong in it.
        ChannelsUntoldError: a test did not reach them all.
    """
    config = begin(path)
    run_until_stopped(_test(config) if test else _serve(config), duration_s)


async def _serve(config: Config) -> None:
    """Until stopped; SIGHUP reads the channels again, and a bad file changes nothing."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    async with aiohttp.ClientSession() as session:
        channels: Sequence[Channel] = _channels(config, session)
        service = None
        while True:
            asked.clear()
            async with _consumer(config, channels) as consumer:
                log.info("channels", names=[channel.name for channel in channels])
                service = _service(config, channels, consumer, session, service)
                await _until(asked, service)
            channels = _again(config, session, channels)


async def _until(asked: asyncio.Event, service: Service) -> None:
    """Run `service` until asked to read anew, or stopped; then its messages under way are brought to their end."""
    running, waiting = asyncio.create_task(service.run()), asyncio.create_task(asked.wait())
    try:
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        service.stop()
        await running
        log.info("told", alerts=service.told, silent=service.silent)


def _consumer(config: Config, channels: Sequence[Channel]) -> AlertConsumer:
    prefix = config.redis.prefix
    return AlertConsumer(
        redis_url(config),
        group=GROUP,
        name=NAME,
        stream=f"{prefix}alerts",
        dead=f"{prefix}dead",
        automatic=False,
        policy=policy(channels),
        on_event=_said,
    )


def _service(
    config: Config,
    channels: Sequence[Channel],
    consumer: AlertConsumer,
    session: aiohttp.ClientSession,
    before: Service | None,
) -> Service:
    picture = Picture(config.history_place if config.notify.chart and config.history.enabled else None)
    silences = Silences(redis_url(config), config.redis.prefix)
    senders = _senders(channels, session)
    return Service(
        consumer,
        silences,
        senders,
        channels,
        draw=picture.draw,
        link=config.notify.link or "",
        clock=SystemClock(),
        before=before,
    )


def _senders(channels: Sequence[Channel], session: aiohttp.ClientSession) -> dict[str, Sender]:
    return {channel.name: sender(channel.kind, channel.settings, session) for channel in channels}


def _said(event: ConsumerEvent) -> None:
    level = log.info if event.kind in {"live", "taken"} else log.warning
    level("alerts", state=event.kind, what=event.what, **({"stream_id": event.stream_id} if event.stream_id else {}))


def _again(config: Config, session: aiohttp.ClientSession, before: Sequence[Channel]) -> Sequence[Channel]:
    """The channels as the file has them now; those of before where it cannot be used."""
    try:
        return _channels(config, session)
    except (RuleErrors, ConfigError) as error:
        for line in str(error).splitlines():
            log.error("channels not read again", mistake=line)  # noqa: TRY400 - the line says it all
        return before


def _channels(config: Config, session: aiohttp.ClientSession) -> tuple[Channel, ...]:
    """Those of the file, each checked by its sender."""
    path = config.notify.channels
    if path is None:
        remedy = 'write channels = "channels.toml" under [notify]; see docs/notify.md'
        raise ConfigError([Mistake("notify.channels", "no file of channels is named", remedy)])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError([Mistake(str(path), f"cannot be read: {reason}", "see notify.channels")]) from error

    def wrong(kind: str, settings: Mapping[str, Any]) -> Sequence[str]:
        try:
            sender(kind, settings, session)
        except ChatSettingsError as error:
            return error.faults
        return ()

    outside = channel_file.Outside(_secret, lambda name: (path.parent / name).read_text(encoding="utf-8"), wrong)
    return channel_file.load(text, str(path), outside)


def _secret(source: str, name: str) -> str:
    """What stands in a variable, or in a file of the folder that systemd keeps for a service's credentials."""
    if source == "env":
        return os.environ[name]
    return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / name).read_text(encoding="utf-8")


async def _test(config: Config) -> None:
    """A message to each channel, and what became of it, a line each."""
    async with aiohttp.ClientSession() as session:
        channels = _channels(config, session)
        senders = _senders(channels, session)
        answers = [await senders[channel.name].send(messages.TEST) for channel in channels]
    width = max(len(channel.name) for channel in channels)
    for channel, answer in zip(channels, answers, strict=True):
        what = f"  {answer.what}" if answer.what else ""
        sys.stdout.write(f"{channel.name:<{width}}  {channel.kind:<8}  {answer.fate.value}{what}\n")
    untold = sum(answer.fate is not Fate.DELIVERED for answer in answers)
    if untold:
        raise ChannelsUntoldError(f"{several(untold, 'channel', 'channels')} of {len(channels)} did not take it")
