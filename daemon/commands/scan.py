"""`technic scan`."""

from __future__ import annotations

import asyncio
import csv
import random
import re
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import numpy as np
from rich.console import Console
from rich.live import Live

from daemon import calendar, sectorfile
from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.commands.errors import OutputError, SymbolsFileError
from daemon.dataplane.lookups import Lookups
from daemon.dataplane.shelf import Shelf
from daemon.progress import ProgressBar
from daemon.scan import shown
from daemon.scan.scanner import Scanner, Wish
from daemon.snapshot import FILE
from streams.bars import SYMBOL
from streams.history.open import open_history
from streams.polygon.rest.client import Rest
from streams.polygon.rest.limiter import RateLimiter
from streams.polygon.rest.transport import Transport
from streams.polygon.servertime import Anchor
from streams.redis.cache import Cache
from streams.redis.embedded import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from daemon.config import Config
    from daemon.dataplane.planner import FetchPlan
    from daemon.scan.scanner import Scan
    from streams.history.protocol import History
    from streams.types import Clock, Symbols

PATIENCE_S = 600.0
"""How long a person waits for the plan's rate; a free plan grants 5 calls a minute."""


def scan(
    path: Path | None,
    symbols: Path | None,
    most_symbols: int | None,
    *,
    by: str,
    out: Path | None,
    explain: bool,
    watch_s: float | None,
    duration_s: float | None,
    lines: int,
    as_json: bool,
) -> None:
    """Scan once, or again and again."""
    config = begin(path, feed=True, writes=("folder", "cache"))
    wish = Wish(None if symbols is None else symbols_of(symbols), most_symbols, by)
    told: Callable[[FetchPlan], None] = _explain if explain else lambda _plan: None
    asyncio.run(_scan(config, wish, out, told, watch_s, duration_s, lines, as_json=as_json))


def symbols_of(path: Path) -> Symbols:
    """Symbols of a text file, separated by blanks, commas or new lines; ``#`` begins a remark.

    Raises:
        SymbolsFileError: it cannot be read, holds none, or something that is none; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SymbolsFileError(path, 0, getattr(error, "strerror", None) or "it is no text") from error
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        for word in line.partition("#")[0].replace(",", " ").split():
            if not re.fullmatch(r"[A-Za-z0-9./-]{1,16}", word):
                raise SymbolsFileError(path, number, f"{word:.40} is no symbol")
            found.add(word.encode())
    if not found:
        raise SymbolsFileError(path, 0, "it names no symbol")
    return np.array(sorted(found), SYMBOL)


async def _scan(
    config: Config,
    wish: Wish,
    out: Path | None,
    explain: Callable[[FetchPlan], None],
    watch_s: float | None,
    duration_s: float | None,
    lines: int,
    *,
    as_json: bool,
) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        scanner = await _scanner(config, clock, stack)
        if watch_s is None:
            with ProgressBar("history", clock) as progress:
                found = await scanner.scan(wish, explain=explain, progress=progress)
            _print(found, out, lines, as_json=as_json)
            return
        live = None if as_json else stack.enter_context(Live(console=Console(), auto_refresh=False))
        try:
            async with asyncio.timeout(duration_s):
                while True:
                    found = await scanner.scan(wish, explain=explain)
                    if live:
                        live.update(shown.shown(found, lines), refresh=True)
                    else:
                        sys.stdout.write(msgspec.json.encode(shown.document(found)).decode() + "\n")
                        sys.stdout.flush()
                    await asyncio.sleep(watch_s)
        except TimeoutError:
            return


async def _scanner(config: Config, clock: Clock, stack: AsyncExitStack) -> Scanner:
    http = await stack.enter_async_context(aiohttp.ClientSession())
    jitter = random.Random()  # noqa: S311 - spreads retries
    limiter = RateLimiter(config.rest.rate_per_minute, config.rest.burst, clock)
    key = config.feed.key
    rest = Rest(
        Transport(config.feed.rest, key, http=http, limiter=limiter, clock=clock, jitter=jitter, patience_s=PATIENCE_S)
    )
    shelf = await stack.enter_async_context(Shelf(lambda: history_of(config)))
    embedded = EmbeddedValkey(config.state.folder / "valkey", config.redis.port)
    url = embedded.url if config.redis.embedded else config.redis.url.reveal()
    cache = await stack.enter_async_context(Cache(url, config.redis.prefix, clock, jitter))
    market = clock.wall_ms if config.feed.vendor else await _market_time(rest, clock, config.feed.speed)
    sectors = (
        sectorfile.read(config.engine.sectors, config.engine.sectors_era) if config.engine.sectors is not None else {}
    )
    return Scanner(
        rest,
        shelf,
        Lookups(cache, clock),
        calendar.load(config.state.cache, clock.wall_ms()).sessions,
        sectors,
        config.state.folder / FILE,
        clock,
        market,
    )


async def _market_time(rest: Rest, clock: Clock, speed: float) -> Callable[[], int]:
    """A simulated exchange's time, asked once and carried on."""
    told = datetime.fromisoformat((await rest.market_status()).serverTime)
    anchor = Anchor(round(told.timestamp() * 1000), clock.monotonic_s(), speed)
    return lambda: anchor.at(clock.monotonic_s())


def history_of(config: Config) -> History:
    """The store of the configuration, opened."""
    return open_history(config.history_place)


def _explain(plan: FetchPlan) -> None:
    sys.stderr.write(plan.explain() + "\n")


def _print(found: Scan, out: Path | None, lines: int, *, as_json: bool) -> None:
    if out is not None:
        _write(out, list(shown.rows(found)))
    if as_json:
        sys.stdout.write(msgspec.json.encode(shown.document(found)).decode() + "\n")
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 200
        console.print(shown.shown(found, lines))


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """CSV, or parquet by the file's name."""
    flat = [{**row, "rules": " ".join(row["rules"])} for row in rows]
    try:
        if path.suffix == ".parquet":
            import pyarrow as pa  # noqa: PLC0415 - for those who want it
            from pyarrow import parquet  # noqa: PLC0415

            parquet.write_table(pa.Table.from_pylist(flat), path)
            return
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(flat[0]) if flat else ["symbol"])
            writer.writeheader()
            writer.writerows(flat)
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
