"""A daemon that keeps a synthetic market in a store, in a process of its own, beside whatever is measured."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.marketdays import PATIENCE_S, free_port
from streams.history.open import open_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.secret import Secret

SPEED = 20
"""A minute of the whole market is written every three seconds."""

FAR_MS = 1 << 44


@contextmanager
def daemon_beside(where: Path | Secret, symbols: int) -> Iterator[None]:
    """It listens to a simulated exchange and has kept minutes by the time this is entered; neither asks by REST.

    Raises:
        SystemExit: one of them has ended, or nothing is kept in time.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "technic.toml")
        path.write_text(_config(where, port, Path(folder)))
        market = ["simulate", "--synthetic", symbols, "--speed", SPEED, "--port", port]
        with _child(*market) as exchange, _child("run", "--config", path) as daemon:
            _kept(where, [exchange, daemon])
            yield


def _config(where: Path | Secret, port: int, folder: Path) -> str:
    """Files are kept beside the state, in its folder ``history``."""
    state, url = (where.parent, "files") if isinstance(where, Path) else (folder, where.reveal())
    return f"""
        feed = {{ url = "ws://127.0.0.1:{port}/stocks", key = "demo", speed = {SPEED}, channels = ["AM.*"] }}
        history.url = "{url}"
        state.folder = "{state}"
        rest.enabled = false
        model.enabled = false
        http.enabled = false
    """


@contextmanager
def _child(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "daemon", *map(str, arguments)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def _kept(where: Path | Secret, children: list[subprocess.Popen[bytes]]) -> None:
    began = time.monotonic()
    with open_history(where) as history:
        while not history.kept().minutes.rows:
            if any(child.poll() is not None for child in children) or time.monotonic() - began > PATIENCE_S:
                raise SystemExit("the daemon beside keeps nothing: `technic run` shows why")
            time.sleep(0.5)
