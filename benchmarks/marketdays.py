"""Simulated exchanges over real bars, each in a process of its own, whose day is over."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 120.0


def real_data() -> Path:
    """The folder of the real bars.

    Raises:
        SystemExit: it is not there.
    """
    folder = Path(os.environ.get("TECHNIC_DATA", "../shared/data"))
    if not (folder / "minute_2025_01.parquet").exists():
        raise SystemExit(f"no real bars in {folder}: set TECHNIC_DATA to the folder that holds them")
    return folder


@contextmanager
def exchange(day: str, latency_ms: float) -> Iterator[str]:
    """An exchange that has sent all bars of a day of January 2025; its REST origin."""
    data, port = real_data(), free_port()
    files = {
        "--bars": data / "minute_2025_01.parquet",
        "--daily": data / "daily_close_volume_2024.parquet",
        "--reference": data / "universe_2024-12-31.csv.gz",
    }
    options = [str(word) for pair in files.items() for word in pair]
    options += ["--day", day, "--speed", "max", "--port", str(port), "--rest-latency-ms", str(latency_ms)]
    child = subprocess.Popen(
        [sys.executable, "-m", "daemon", "simulate", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _run_the_day(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def _run_the_day(port: int) -> None:
    """Market time runs for those who listen: listen until the last bar."""
    with _connected(port) as feed:
        feed.send('{"action":"auth","params":"demo"}')
        feed.send('{"action":"subscribe","params":"AM.*"}')
        while not _is_over(port):
            try:
                while True:
                    feed.recv(timeout=1.0)
            except TimeoutError:
                continue


def _is_over(port: int) -> bool:
    """After 20:00 the market is closed."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/marketstatus/now") as answer:
        return bool(json.load(answer)["market"] == "closed")


@contextmanager
def _connected(port: int) -> Iterator[object]:
    began = time.monotonic()
    while True:
        try:
            feed = connect(f"ws://127.0.0.1:{port}/stocks", max_size=None)
            break
        except OSError:
            if time.monotonic() - began > PATIENCE_S:
                raise
            time.sleep(0.2)
    with feed:
        yield feed


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
