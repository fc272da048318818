"""The data plane: scans that know nothing, that know everything, and those of the next day; and loading a year of days.

The exchange is simulated over the real bars of January 2025, lists the 6,960 companies of the universe file, and takes
a stated time for every call. Peers are other stores: PostgreSQL, and the exchange itself.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np

from benchmarks.beside import daemon_beside
from benchmarks.marketdays import exchange
from benchmarks.report import result
from daemon import calendar
from daemon.clock import SystemClock
from daemon.dataplane.shelf import Shelf
from daemon.scan.scanner import Scanner, Wish
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars
from streams.history.open import open_history
from streams.polygon.rest.client import Rest
from streams.polygon.rest.limiter import RateLimiter
from streams.polygon.rest.transport import Transport
from streams.polygon.servertime import Anchor, parse
from streams.secret import Secret
from tests.fakes.postgres import Postgres, sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from benchmarks.report import Result
    from daemon.scan.scanner import Scan
    from streams.history.protocol import History

LATENCY_MS = 50.0
DAYS = ("2025-01-24", "2025-01-27")
SYMBOLS, YEAR = 6_960, 250
DAILY = (19_800, 19_800 + YEAR - 1)
REPEATS = 5
CLOCK = SystemClock()


def answer(progress: Progress, *, quick: bool) -> list[Result]:
    """Scans, then loading, over files and over PostgreSQL."""
    with Postgres() as server:
        stores = {"files": _folder, "postgresql": server.database}
        task = progress.add_task("scans", total=2 * len(DAYS))
        found = _scans(stores, lambda: progress.advance(task))
        progress.add_task("loading", total=None)
        return [
            *_scanned(found),
            *_loaded(stores, SYMBOLS // 10 if quick else SYMBOLS, found["files"]["universe.cold"]),
        ]


def _scans(stores: dict[str, Callable[[], Any]], advance: Callable[[], None]) -> dict[str, dict[str, Scan]]:
    """Every store meets the same two days."""
    places = {name: {size: make() for size in ("universe", "hundred")} for name, make in stores.items()}
    found: dict[str, dict[str, Scan]] = {name: {} for name in stores}
    for number, day in enumerate(DAYS):
        with exchange(day, LATENCY_MS) as origin:
            for name, place in places.items():
                for size, wish in (("universe", Wish()), ("hundred", Wish(most_symbols=100))):
                    kinds = ("cold", "warm") if not number else ("next_day",)
                    scans = asyncio.run(_scan(origin, place[size], wish, REPEATS if not number else 0))
                    found[name] |= {f"{size}.{kind}": scan for kind, scan in zip(kinds, scans, strict=True)}
                    if not number:
                        restarted = asyncio.run(_scan(origin, place[size], wish, 0))
                        found[name][f"{size}.restart"] = restarted[0]
                advance()
    return found


async def _scan(origin: str, where: Any, wish: Wish, repeats: int) -> list[Scan]:
    """The first scan and, if asked for, the median of those that follow."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        shelf = await stack.enter_async_context(Shelf(lambda: open_history(where)))
        limiter, jitter = RateLimiter(6_000, 100, CLOCK), random.Random(1)  # noqa: S311 - pauses
        transport = Transport(origin, Secret("demo"), http=http, limiter=limiter, clock=CLOCK, jitter=jitter)
        async with http.get(f"{origin}/v1/marketstatus/now") as told:
            anchor = Anchor(parse(await told.read()), CLOCK.monotonic_s(), 1.0)
        with tempfile.TemporaryDirectory() as folder:
            sessions = calendar.load(Path(folder), CLOCK.wall_ms()).sessions
        state = Path("no engine runs")
        scanner = Scanner(
            Rest(transport), shelf, None, sessions, {}, state, CLOCK, lambda: anchor.at(CLOCK.monotonic_s())
        )
        first = await scanner.scan(wish)
        again = sorted([await scanner.scan(wish) for _ in range(repeats)], key=lambda scan: scan.seconds)
        return [first, again[len(again) // 2]] if again else [first]


def _scanned(found: dict[str, dict[str, Scan]]) -> list[Result]:
    return [
        result(
            f"data.scan.{kind}",
            scan.seconds,
            {name: scans[kind].seconds for name, scans in found.items() if name != "files"},
            {
                "symbols": len(scan.universe.symbols),
                "calls": scan.calls,
                "hit_rate": round(scan.hit_rate, 4),
                "daily_bars": scan.wanted,
                "latency_ms": LATENCY_MS,
                "troubles": scan.troubles,
            },
            "s",
        )
        for kind, scan in found["files"].items()
    ]


def _loaded(stores: dict[str, Callable[[], Any]], symbols: int, cold: Scan) -> list[Result]:
    """A year of days of all symbols, and of a hundred, from each store; then while a daemon keeps minutes there."""
    year = _year(symbols)
    hundred = year.symbol[:: YEAR * (symbols // 100)][:100]
    spent: dict[str, dict[str, float]] = {}
    for name, make in stores.items():
        where = make()
        with open_history(where) as history:
            began = perf_counter()
            history.write_daily(year, "benchmark", 0)
            spent[name] = {"write": perf_counter() - began, **_reads(history, hundred)}
            with daemon_beside(where, symbols):
                spent[name] |= {f"{key}.beside_daemon": value for key, value in _reads(history, hundred).items()}
            if isinstance(where, Secret):
                sql(where, "ALTER TABLE technic.daily DROP CONSTRAINT daily_pkey")
                sql(where, "DROP INDEX technic.daily_by_day")
                spent[f"{name} without indexes"] = _reads(history, hundred)
    spent["rest"] = {"all": cold.seconds}
    detail = {"symbols": symbols, "days": YEAR}
    files = spent.pop("files")
    return [
        result(f"data.load.{key}", value, {name: one[key] for name, one in spent.items() if key in one}, detail, "s")
        for key, value in files.items()
    ]


def _reads(history: History, hundred: Any) -> dict[str, float]:
    return {
        "all": _timed(lambda: history.daily(None, *DAILY)),
        "hundred": _timed(lambda: history.daily(hundred, *DAILY)),
        "a_day": _timed(lambda: history.daily(None, DAILY[1], DAILY[1])),
    }


def _timed(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(REPEATS):
        began = perf_counter()
        work()
        spent.append(perf_counter() - began)
    return median(spent)


def _year(symbols: int) -> DailyBars:
    names = np.array([f"S{number:05}" for number in range(symbols)], SYMBOL)
    close = np.random.default_rng(1).uniform(5, 500, symbols * YEAR).round(2)
    values = np.stack([close, close + 1, close - 1, close, close * 1_000])
    return DailyBars(np.repeat(names, YEAR), np.tile(np.arange(DAILY[0], DAILY[1] + 1), symbols), values, 0)


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="technic-history-"), "history")
