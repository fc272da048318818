"""`technic scan`."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp
import msgspec
from rich.console import Console
from rich.live import Live

from daemon import calendar, sectorfile
from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.commands.errors import OutputError
from daemon.commands.symbolsfile import symbols_of
from daemon.dataplane import plane as planes
from daemon.progress import ProgressBar
from daemon.scan import shown
from daemon.scan.scanner import Scanner, Wish
from daemon.snapshot import FILE
from daemon.spoken import several
from streams.errors import MarketClockError
from streams.history.open import open_history
from streams.polygon.marketclock import MarketClock
from streams.redis import looks
from streams.redis.embedded import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.config import Config
    from daemon.scan.scanner import Scan
    from streams.history.protocol import History
    from streams.polygon.rest.client import Rest
    from streams.types import Clock

FORMS: Final = (".csv", ".json", ".parquet")
"""Forms of the file for the table, by the end of its name."""

WIDEST: Final = 400
"""Columns that a table may take where there is no window."""

PATIENCE_S: Final = 600.0
"""How long a person waits for the plan's rate; a free plan grants 5 calls a minute."""


class Show(NamedTuple):
    """How a scan is shown.

    Attributes:
        lines: rows of the table for people.
        out: file for the whole table, None for none.
        as_json: JSON on stdout, and nothing else.
    """

    lines: int
    out: Path | None
    as_json: bool


def scan(
    path: Path | None,
    wish: Wish,
    show: Show,
    *,
    explain: bool,
    every_s: float | None,
    duration_s: float | None,
) -> None:
    """Scan once, or again and again.

    Raises:
        OutputError: the file for the table cannot be written, or has a name of no known form.
    """
    if show.out is not None and show.out.suffix not in FORMS:
        raise OutputError(show.out, f"its name ends in none of {', '.join(FORMS)}")
    config = begin(path, feed=True, writes=("folder", "cache"))
    told: Callable[[str], None] = _explain if explain else lambda _text: None
    asyncio.run(_scan(config, wish, show, told, every_s, duration_s))


def wish_of(symbols: Path | None, most_symbols: int | None, by: str) -> Wish:
    """What is to be scanned; `symbols` is a file that names them.

    Raises:
        SymbolsFileError: it cannot be used.
    """
    return Wish(None if symbols is None else symbols_of(symbols), most_symbols, by)


async def _scan(
    config: Config,
    wish: Wish,
    show: Show,
    explain: Callable[[str], None],
    every_s: float | None,
    duration_s: float | None,
) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        scanner, redis_url = await _scanner(config, clock, stack)
        if every_s is None:
            with ProgressBar("history", clock) as progress:
                found = await scanner.scan(wish, explain=explain, progress=progress)
            _print(found, show)
            await _looked(config, redis_url, found, show)
            return
        live = None if show.as_json else stack.enter_context(Live(console=Console(), auto_refresh=False))
        with suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                while True:
                    found = await scanner.scan(wish, explain=explain)
                    if live:
                        live.update(shown.shown(found, show.lines, live.console.width), refresh=True)
                    else:
                        sys.stdout.write(msgspec.json.encode(shown.document(found)).decode() + "\n")
                        sys.stdout.flush()
                    await _looked(config, redis_url, found, show)
                    await asyncio.sleep(every_s)


async def _looked(config: Config, redis_url: str, found: Scan, show: Show) -> None:
    """Whoever fetches ahead learns what people have before their eyes; without a server nobody does."""
    symbols = [symbol.decode() for symbol in found.table.symbol[: show.lines].tolist()]
    await looks.tell(redis_url, config.redis.prefix, "scan", symbols)


async def _scanner(config: Config, clock: Clock, stack: AsyncExitStack) -> tuple[Scanner, str]:
    """A scanner, and the address of the server that keeps its answers."""
    jitter = random.Random()  # noqa: S311 - spreads retries
    embedded = EmbeddedValkey(config.state.folder / "valkey", config.redis.port)
    redis_url = embedded.url if config.redis.embedded else config.redis.url.reveal()
    plane = await planes.build(config, redis_url, clock, jitter, stack, patience_s=PATIENCE_S)
    market = await _simulated_time(config, plane.rest, clock, stack) if not config.feed.vendor else None
    scanner = Scanner(
        plane.rest,
        plane.shelf,
        plane.lookups if not config.redis.embedded or embedded.is_there else None,
        calendar.configured(config, clock.wall_ms()).sessions,
        sectorfile.configured(config.engine),
        config.state.folder / FILE,
        clock,
        *((clock.wall_ms,) if market is None else (market.wall_ms, partial(_poll, market))),
    )
    return scanner, redis_url


async def _simulated_time(config: Config, rest: Rest, clock: Clock, stack: AsyncExitStack) -> MarketClock:
    """A simulated exchange's time, which stands while nobody listens and may hurry else.

    Raises:
        RestError: it does not tell.
    """
    http = await stack.enter_async_context(aiohttp.ClientSession())
    market = MarketClock(config.feed.rest, clock=clock, http=http, speed=config.feed.speed, key=config.feed.key)
    try:
        await market.poll()
    except MarketClockError:
        await rest.market_status()  # says why, or that it was for a moment only
        await market.poll()
    return market


async def _poll(market: MarketClock) -> None:
    with suppress(MarketClockError):  # it has told once: what was known then goes on
        await market.poll()


def history_of(config: Config) -> History:
    """The store of the configuration, opened."""
    return open_history(config.history_place)


def _explain(text: str) -> None:
    sys.stderr.write(text + "\n")


def _print(found: Scan, show: Show) -> None:
    if show.out is not None:
        _write(show.out, found)
        sys.stderr.write(f"technic: {several(len(found.table.symbol), 'row', 'rows')} written to {show.out}\n")
    if show.as_json:
        sys.stdout.write(msgspec.json.encode(shown.document(found)).decode() + "\n")
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(shown.shown(found, show.lines, console.width))
        return
    text = io.StringIO()
    Console(file=text, highlight=False, width=WIDEST).print(shown.shown(found, show.lines, WIDEST))
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _write(path: Path, found: Scan) -> None:
    """The whole table, in the form of the file's name."""
    flat = [{**row, "rules": " ".join(row["rules"])} for row in shown.rows(found)]
    try:
        if path.suffix == ".json":
            path.write_bytes(msgspec.json.encode(shown.document(found)) + b"\n")
        elif path.suffix == ".parquet":
            import pyarrow as pa  # noqa: PLC0415 - for those who want it
            from pyarrow import parquet  # noqa: PLC0415

            parquet.write_table(pa.Table.from_pylist(flat), path)
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(flat[0]) if flat else ["symbol"])
                writer.writeheader()
                writer.writerows(flat)
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
