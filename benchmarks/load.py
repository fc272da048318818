"""The whole market on this machine: a simulated exchange, the daemon beside it, both real processes, real time.

``python -m benchmarks.load [--minutes 10] [--symbols 10000] [--without-learning | --without-model]`` prints one JSON
document: what came and what was lost, memory by minute, CPU, how long a frame took to become an alert in the Redis
stream, and how far the learner was behind. The daemon goes on from the last hour of the day before, so that indicators
are warm, models have learned, and answers are due from the third minute on: the question looks two minutes ahead here.
"""

from __future__ import annotations

import argparse
import bisect
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import date
from datetime import time as clock_time
from pathlib import Path
from urllib.request import urlopen

from benchmarks import machine
from daemon.clock import SystemClock
from daemon.commands.begin import begin
from streams.simulator.market import SyntheticMarket

RULES = Path(__file__).with_name("load.toml")
BEFORE, DAY = date(2025, 3, 10), date(2025, 3, 11)
FROM, SEED = clock_time(15), 1
HORIZON_MINUTES = 2
SETTLED = 12
"""Samples left out: prices have moved overnight, and every rule speaks in the first minutes."""

LEARNER = ("lessons_", "views_late_total", "view_age_seconds", "learner_deaths_total")
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
    """Of a histogram, straight between the bounds of the bucket that holds this share of all."""
    prefix = f"{name}_bucket{{le="
    buckets = sorted((float(key[len(prefix) + 1 : -2]), n) for key, n in sample.items() if key.startswith(prefix))
    bounds, counts = zip((0.0, 0.0), *buckets, strict=True)
    place = bisect.bisect_left(counts, share * counts[-1])
    if not counts[-1] or bounds[place] == math.inf:
        return math.nan
    low, within = bounds[place - 1], (share * counts[-1] - counts[place - 1]) / (counts[place] - counts[place - 1])
    return low + within * (bounds[place] - low)


def warm(symbols: int) -> None:
    """Run the hour before through an engine, by the environment's configuration, and save where it stands."""
    config, clock = begin(None, writes=("folder", "cache")), SystemClock()
    from daemon import assembly, calendar, snapshot  # noqa: PLC0415 (numba's cache has its place only now)

    teacher = assembly.teacher_of(config, clock, patient=True, folder=config.state.folder / "learner")
    sessions = calendar.load(config.state.cache, clock.wall_ms()).sessions
    engine = assembly.engine_of(config, assembly.plan_of(config), teacher, sessions)
    for minute in SyntheticMarket(symbols, seed=SEED, first_day=BEFORE, start=FROM).minutes():
        engine.step(minute.minutes.bars)
    snapshot.save(config.state.folder / snapshot.FILE, engine, teacher)
    if teacher:
        teacher.close()


def run(minutes: float, symbols: int, *, model: bool = True, learn: bool = True) -> dict[str, object]:
    feed, http = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="technic-load-") as folder:
        environment = {
            **os.environ,
            "TECHNIC_FEED__URL": f"ws://127.0.0.1:{feed}/stocks",
            "TECHNIC_FEED__KEY": "load",
            "TECHNIC_ENGINE__RULES": str(RULES),
            "TECHNIC_MODEL__ENABLED": str(model).lower(),
            "TECHNIC_MODEL__HORIZON_MINUTES": str(HORIZON_MINUTES),
            "TECHNIC_STATE__FOLDER": folder,
            "TECHNIC_HTTP__PORT": str(http),
            "TECHNIC_REST__ENABLED": "false",
            "TECHNIC_LOG__LEVEL": "warning",
        }
        market = [
            "--synthetic",
            str(symbols),
            "--seed",
            str(SEED),
            "--day",
            DAY.isoformat(),
            "--port",
            str(feed),
            "--key",
            "load",
        ]
        exchange = [*technic(), "simulate", *market]
        again = [sys.executable, "-m", "benchmarks.load", "--warm", "--symbols", str(symbols)]
        subprocess.run(again, env=environment, check=True)
        environment["TECHNIC_MODEL__LEARN"] = str(learn).lower()
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
    samples = samples[SETTLED:] if len(samples) > 2 * SETTLED else samples
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
        "lost": {
            name: moved[f"{name}_total"] for name in ("bars_coalesced", "bars_refused", "overflows", "reconnects")
        },
        "engine_bars": {key: value for key, value in last.items() if key.startswith("engine_bars_total")},
        "rejects": {key: value for key, value in last.items() if key.startswith("rejects_total")},
        "alerts": sum(value for key, value in moved.items() if key.startswith("alerts_total")),
        "frame_to_alert_ms": {
            f"p{share:g}": round(1000 * quantile(moved, "frame_to_alert_seconds", share / 100), 2)
            for share in (50, 90, 99)
        },
        "frame_to_outbox_ms": {
            f"p{share:g}": round(1000 * quantile(moved, "frame_to_outbox_seconds", share / 100), 2)
            for share in (50, 90, 99)
        },
        "learner": {key: value for key, value in last.items() if key.startswith(LEARNER)},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--symbols", type=int, default=10_000)
    parser.add_argument("--without-model", action="store_true")
    parser.add_argument("--without-learning", action="store_true")
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.warm:
        warm(given.symbols)
    else:
        learn = not given.without_learning
        print(json.dumps(run(given.minutes, given.symbols, model=not given.without_model, learn=learn)))
