"""`technic demo`: a simulated exchange, the daemon and a Redis-compatible server on one machine, and a live table.

Everything starts from fresh state, in a folder that is gone afterwards. The table's alerts are read back from the
stream, so what it shows has gone the whole way.
"""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import sys
import tempfile
from collections import deque
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console, Group
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from daemon.app import App
from streams.redis.tail import Tail

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from daemon.config import Config
    from daemon.warm import Warm
    from streams.types import Clock

WAIT = "the first alerts come after 20 minute bars, the first scores after 20 market minutes"

NEW_YORK = ZoneInfo("America/New_York")
KEY = "demo"
MOST_ROWS = 40
FRAMES = 11
"""Lines of the page that are neither a leader nor an alert."""

LEAST_LEADERS = 3
REFRESH_S = 0.5
STOP_S = 3.0


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def overrides(folder: str, port: int, speed: float) -> dict[str, dict[str, Any]]:
    """What a demo sets, whatever the configuration says."""
    return {
        "feed": {
            "url": f"ws://127.0.0.1:{port}/stocks",
            "key": KEY,
            "speed": speed,
            "lossless": True,
            "channels": ["AM.*", "A.*", "LULD.*"],
        },
        "redis": {"url": "embedded"},
        "state": {"folder": folder},
    }


class ExchangeEndedError(Exception):
    """The simulated exchange has ended by itself. Stop: without it there is nothing to show."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the simulated exchange has ended with code {self.code}; `technic simulate --synthetic 500` shows why"


@asynccontextmanager
async def exchange(port: int, symbols: int, speed: float, seed: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A simulated exchange as a child; ended, and only it, on the way out."""
    arguments = {"--synthetic": symbols, "--speed": speed, "--port": port, "--key": KEY, "--seed": seed}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "daemon", "simulate"),
        *(str(part) for pair in arguments.items() for part in pair),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), STOP_S)
            except TimeoutError:
                child.kill()
                await child.wait()


class Board:
    """Leaders by score, and the newest alerts.

    Args:
        app: the daemon, once it stands.
        console: where to show it; on anything but a terminal each alert is a line.
    """

    def __init__(self, app: App, console: Console) -> None:
        self._app, self._console = app, console
        self._alerts: deque[dict[str, Any]] = deque(maxlen=MOST_ROWS)
        self._told = 0

    async def read(self) -> None:
        """Take alerts from the stream, for ever."""
        stream = f"{self._app.config.redis.prefix}alerts"
        tail = Tail(self._app.redis_url, stream, random.Random(), lambda _: None)  # noqa: S311 (spreads retries)
        async for _, fields in tail.follow("0-0"):
            self._take(fields)

    async def draw(self) -> None:
        """Show the page on a terminal, for ever; what is no terminal gets a word first, then a line an alert."""
        if not self._console.is_terminal:
            self._console.print(f"technic demo, times are those of the market in New York; {WAIT}", soft_wrap=True)
            return
        with Screen(console=self._console, auto_refresh=False, screen=True) as screen:
            while True:
                screen.update(self._page(), refresh=True)
                await asyncio.sleep(REFRESH_S)

    def close(self) -> None:
        """Say what has been, when the page is gone."""
        counts = self._app.engine.counts
        self._console.print(f"{self._told} alerts from {counts.bars:,} minute bars in {counts.minutes} market minutes")

    def _take(self, fields: dict[str, str]) -> None:
        alert = msgspec.json.decode(fields["data"])
        self._alerts.appendleft(alert)
        self._told += 1
        if not self._console.is_terminal:
            line = f"{_time(alert)}  {alert['symbol']:6} {alert['rule']:16} {alert['price']:>10.2f}  {_because(alert)}"
            self._console.print(line, soft_wrap=True, highlight=False)

    def _page(self) -> Group:
        """The whole screen: alerts, for they are the product, then leaders."""
        room = max(self._console.size.height - FRAMES, 2 * LEAST_LEADERS)
        leaders = max(room // 3, LEAST_LEADERS)
        return Group(self._head(), self._newest(room - leaders), self._leaders(leaders))

    def _head(self) -> Text:
        engine = self._app.engine
        market = datetime.fromtimestamp(engine.barrier.now_ms / 1000, NEW_YORK)
        when = f"{market:%Y-%m-%d %H:%M} New York" if engine.barrier.now_ms else "before the open"
        text = (
            f"technic demo  {when}  feed {self._app.feed.state}  {len(engine.symbols)} symbols  "
            f"{engine.counts.bars:,} bars  {self._told} alerts  Ctrl-C ends"
        )
        return Text(text, style="bold", no_wrap=True, overflow="ellipsis")

    def _leaders(self, rows: int) -> Table:
        table = Table(title="Leaders: chance of 4 ATR within 15 minutes", title_justify="left")
        table.add_column("symbol", width=16)
        table.add_column("score", justify="right", width=12)
        table.add_column("price", justify="right", width=12)
        for symbol, score, price in self._app.engine.leaders(rows):
            table.add_row(symbol, f"{score:.3f}", f"{price:.2f}")
        if not table.rows:
            table.add_row("learning", "", "")
        return table

    def _newest(self, rows: int) -> Table:
        table = Table(title="Alerts, at the end of their bar", title_justify="left", expand=True)
        for name in ("New York", "symbol", "rule", "price", "score"):
            table.add_column(name, no_wrap=True)
        table.add_column("because", no_wrap=True, overflow="ellipsis", ratio=1)
        for alert in list(self._alerts)[:rows]:
            score = "" if alert["score"] is None else f"{alert['score']:.2f}"
            table.add_row(_time(alert), alert["symbol"], alert["rule"], f"{alert['price']:.2f}", score, _because(alert))
        if not table.rows:
            table.add_row("", "", "", "", "", WAIT)
        return table


def _time(alert: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(alert['times']['event_ms'] / 1000, NEW_YORK):%H:%M:%S}"


def _because(alert: dict[str, Any]) -> str:
    known = {text: value for text, value in alert["values"].items() if value is not None}
    return "  ".join(f"{text} {value:.6g}" for text, value in list(known.items())[:4])


async def demo(
    load: Callable[[dict[str, dict[str, Any]]], Config],
    clock: Clock,
    warmed: Warm | None = None,
    *,
    symbols: int,
    speed: float,
    seed: int,
    duration_s: float | None,
) -> None:
    """Run all of it until stopped.

    Args:
        load: the configuration with these values on top.
        clock: the machine's.
        warmed: see `App`.
        symbols: of the synthetic market.
        speed: market seconds a second.
        seed: of the market.
        duration_s: seconds; None for ever.

    Raises:
        ExchangeEndedError: the exchange ended by itself, and with it the demo.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="technic-demo-") as folder:
        config = load(overrides(str(Path(folder) / "state"), port, speed))
        app = App(config, clock, lambda: config, warmed)
        board = Board(app, Console())
        async with exchange(port, symbols, speed, seed) as child:

            def abandon() -> None:
                with suppress(ProcessLookupError):
                    child.terminate()

            app.ending.before.append(abandon)

            async def outlive() -> None:
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.stop)  # the terminal is closed
                await child.wait()
                app.stop()

            beside = {"board": board.read, "screen": board.draw, "exchange": outlive}
            await app.run(beside=beside, duration_s=duration_s)
            board.close()
            if child.returncode is not None:
                raise ExchangeEndedError(child.returncode)
