"""The whole market on this machine: a simulated exchange, the daemon beside it, both real processes, real time.

``python -m benchmarks.load [--minutes 10] [--symbols 10000] [--without-model]`` prints one JSON document: what came
and what was lost, memory by minute, CPU, and how long a frame took to become an alert in the Redis stream.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from benchmarks import machine

RULES = Path(__file__).with_name("load.toml")
_SAMPLE = re.compile(r"^technic_(\w+?)(?:\{(.*?)\})? ([0-9.e+-]+)$|^(process_\w+) ([0-9.e+-]+)$", re.MULTILINE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(port: int) -> dict[str, float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        (name or process) + (f"{{{labels}}}" if labels else ""): float(value or number)
        for name, labels, value, process, number in _SAMPLE.findall(text)
    }


def quantile(sample: dict[str, float], name: str, share: float) -> float:
    """Upper bound of the histogram's bucket that holds this share of all."""
    prefix = f"{name}_bucket{{le="
    buckets = sorted((float(key[len(prefix) + 1 : -2]), n) for key, n in sample.items() if key.startswith(prefix))
    total = buckets[-1][1] if buckets else 0
    return next((bound for bound, n in buckets if n >= share * total), float("nan")) if total else float("nan")


def run(minutes: float, symbols: int, *, model: bool) -> dict[str, object]:
    feed, http = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="technic-load-") as folder:
        environment = {
            **os.environ,
            "TECHNIC_FEED__URL": f"ws://127.0.0.1:{feed}/stocks",
            "TECHNIC_FEED__KEY": "load",
            "TECHNIC_ENGINE__RULES": str(RULES),
            "TECHNIC_MODEL__ENABLED": str(model).lower(),
            "TECHNIC_STATE__FOLDER": folder,
            "TECHNIC_HTTP__PORT": str(http),
            "TECHNIC_LOG__LEVEL": "warning",
        }
        exchange = [*technic(), "simulate", "--synthetic", str(symbols), "--port", str(feed), "--key", "load"]
        with subprocess.Popen(exchange, stdout=subprocess.DEVNULL) as simulator:
            with subprocess.Popen([*technic(), "run"], env=environment) as daemon:
                samples = watch(http, minutes, daemon)
                daemon.send_signal(signal.SIGTERM)
            simulator.send_signal(signal.SIGTERM)
    return told(samples, symbols)


def technic() -> list[str]:
    return [sys.executable, "-m", "daemon"]


def watch(port: int, minutes: float, daemon: subprocess.Popen[bytes]) -> list[dict[str, float]]:
    """A sample each ten seconds from the first bar on."""
    samples: list[dict[str, float]] = []
    until = time.monotonic() + minutes * 60 + 60
    while time.monotonic() < until and daemon.poll() is None:
        time.sleep(10)
        try:
            sample = scrape(port)
        except OSError:
            continue
        if sample.get('bars_total{length="second"}', 0):
            samples.append(sample)
            if len(samples) == 1:
                until = time.monotonic() + minutes * 60
    return samples


def told(samples: list[dict[str, float]], symbols: int) -> dict[str, object]:
    first, last = samples[0], samples[-1]
    seconds = 10.0 * (len(samples) - 1)
    moved = {key: last[key] - first.get(key, 0.0) for key in last}
    return {
        "machine": machine.facts(),
        "symbols": symbols,
        "seconds": seconds,
        "bars_a_second": round((moved['bars_total{length="second"}'] + moved['bars_total{length="minute"}']) / seconds),
        "cpu_share": round(moved["process_cpu_seconds_total"] / seconds, 3),
        "rss_mb": [round(sample["process_resident_memory_bytes"] / 1e6) for sample in samples[::6]],
        "lost": {name: last[f"{name}_total"] for name in ("bars_coalesced", "bars_refused", "overflows", "reconnects")},
        "engine_bars": {key: value for key, value in last.items() if key.startswith("engine_bars_total")},
        "rejects": {key: value for key, value in last.items() if key.startswith("rejects_total")},
        "alerts": sum(value for key, value in last.items() if key.startswith("alerts_total")),
        "frame_to_alert_ms": {
            f"p{share:g}": 1000 * quantile(last, "frame_to_alert_seconds", share / 100) for share in (50, 90, 99)
        },
        "frame_to_outbox_ms": {
            f"p{share:g}": 1000 * quantile(last, "frame_to_outbox_seconds", share / 100) for share in (50, 90, 99)
        },
        "lessons": {name: last[name] for name in ("lessons_dropped_total", "views_late_total") if name in last},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--symbols", type=int, default=10_000)
    parser.add_argument("--without-model", action="store_true")
    given = parser.parse_args()
    print(json.dumps(run(given.minutes, given.symbols, model=not given.without_model)))
