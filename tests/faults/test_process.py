"""Faults of process, disk and configuration, PROC-01 to PROC-15 of docs/faults.md."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon import snapshot, statefile, supervision
from daemon.app import App
from daemon.clock import SystemClock
from daemon.exits import Exit, expected, leaves
from daemon.reload import FIXED
from daemon.stall import STALL_S
from daemon.supervision import TaskFailingError
from streams.bars import MINUTE_MS
from streams.failpoints import STEPS
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon import test_kernelcache as kernels
from tests.daemon.running import KEY, OPEN, RULES, Tape, config_of, engine_of, in_redis, replayed, running, url_of, walk
from tests.daemon.test_app import NOWHERE, Puppet
from tests.daemon.test_live import minutes_of
from tests.fakes import feed as fakes
from tests.fakes.program import ROOT, environment
from tests.fakes.proxy import Proxy
from tests.fakes.systemd import Systemd
from tests.faults.daemons import Daemon
from tests.faults.test_feed import scraped
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from daemon.config import Config

BARS = walk(20, 300)
PACE = 20_000.0
"""Market seconds in a second: all bars in one."""

KILLS_A_DAY = 5


def exchange_of(bars: Any = BARS, speed: float = PACE) -> Simulator:
    return Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=speed)


async def told_at_last(folder: Path) -> tuple[list[str], list[str]]:
    """What Redis holds after a daemon that nobody kills, and what an uninterrupted one would have told; ids."""
    async with exchange_of(speed=AS_FAST_AS_READ) as simulator:
        config = config_of(folder, url_of(simulator.port))
        async with running(config) as app:
            await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 299 * MINUTE_MS, 30)
            await eventually(lambda: app.outbox.backlog("redis").pending == 0, 20)
            told = await in_redis(app.redis_url)
    return [alert.id for alert in told], [alert.id for alert in replayed(config, BARS)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.timeout(120)
async def test_proc_01_a_kill_at_each_step_loses_no_alert_and_repeats_none(
    tmp_path: Path, step: str, chance: random.Random
) -> None:
    engine_of(config_of(tmp_path, NOWHERE))  # the calendar's cache is there: a state file is the engine's
    fail = f"{step}:kill:{chance.randint(1, 8)}"
    async with exchange_of() as simulator:
        url = url_of(simulator.port)
        with Daemon(tmp_path, url, fail=fail, state={"snapshot_s": 0.02}) as daemon:
            assert await daemon.ended(60) == -signal.SIGKILL
    told, due = await told_at_last(tmp_path)
    assert told == due, fail
    assert len(due) > 50


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_proc_01_kills_at_random_lose_no_alert_and_repeat_none(tmp_path: Path, chance: random.Random) -> None:
    for day in range(int(os.environ.get("TECHNIC_KILLS", "40")) // KILLS_A_DAY):
        folder = tmp_path / str(day)
        folder.mkdir()
        for _ in range(KILLS_A_DAY):
            async with exchange_of(speed=PACE / 3) as simulator:
                with Daemon(folder, url_of(simulator.port), state={"snapshot_s": 0.05}) as daemon:
                    await daemon.ready()
                    await asyncio.sleep(chance.uniform(0, 1.5))
        told, due = await told_at_last(folder)
        assert told == due


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_proc_02_a_sink_that_never_answers_holds_up_no_end(tmp_path: Path, number: signal.Signals) -> None:
    puppet = Puppet()
    async with (
        EmbeddedValkey(tmp_path / "valkey") as server,
        Proxy(path=server.url.removeprefix("unix://").partition("?")[0]) as proxy,
        fakes.exchange(puppet.play) as fake,
    ):
        redis = {"url": f"redis://127.0.0.1:{proxy.port}"}
        with Daemon(tmp_path, fake.url, feed={"key": fakes.KEY}, redis=redis) as daemon:
            await daemon.ready()
            proxy.mode = "hang"
            for minute, price in enumerate((50.0, 51.0, 52.0, 53.0, 54.0)):
                puppet.close(minute, price)
            await eventually(lambda: daemon.said("alert"))
            asked_s = time.monotonic()
            daemon.process.send_signal(number)
            assert await daemon.ended() == Exit.FINE
            assert time.monotonic() - asked_s < 5
            assert daemon.said("state saved")


STUCK = """
import asyncio, pathlib, sys, threading
from tests.daemon.running import config_of, running
async def main():
    async with running(config_of(pathlib.Path(sys.argv[1]), "ws://127.0.0.1:1/stocks")) as app:
        entered = threading.Event()
        app.engine.advance = lambda _: (entered.set(), threading.Event().wait())
        app.live._market.now_ms = lambda: 1
        await asyncio.to_thread(entered.wait)
        print("stuck", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""

ROGUE = """
import asyncio, pathlib, sys
import daemon.ending as ending
from daemon.app import App
from daemon.clock import SystemClock
from tests.daemon.running import config_of
ending.END_S = 1.0
async def rogue():
    print("stuck", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
config = config_of(pathlib.Path(sys.argv[1]), "ws://127.0.0.1:1/stocks")
asyncio.run(App(config, SystemClock(), lambda: config).run(beside={"rogue": rogue}))
"""


def child(code: str, folder: Path) -> subprocess.Popen[str]:
    """A daemon that a few lines have spoilt; returns once it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    while (line := process.stdout.readline()) and line.strip() != "stuck":
        pass
    return process


def test_proc_02_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with child(STUCK, tmp_path) as process:
        asked_s = time.monotonic()
        process.terminate()
        time.sleep(1.2)
        assert process.poll() is None
        process.terminate()
        assert process.wait(5) == Exit.TRY_AGAIN
        assert time.monotonic() - asked_s < 3


async def test_proc_02_a_storm_of_hangups_is_a_few_reloads(tmp_path: Path) -> None:
    with Daemon(tmp_path, NOWHERE) as daemon:
        await daemon.ready()
        for _ in range(200):
            daemon.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.001)
        await eventually(lambda: daemon.said("reload.done"))
        await asyncio.sleep(0.5)
        assert len(daemon.said("reload.done")) < 50
        daemon.process.terminate()
        assert await daemon.ended() == Exit.FINE


async def test_proc_03_every_task_that_raises_is_named_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_S", 0.01)
    tasks_of, raised = App._tasks, set()

    def spoilt(app: App) -> dict[str, Callable[[], Awaitable[None]]]:
        def once(name: str, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
            async def start() -> None:
                if name not in raised:
                    raised.add(name)
                    raise ZeroDivisionError(name)
                await run()

            return start

        return {name: once(name, run) for name, run in tasks_of(app).items()}

    monkeypatch.setattr(App, "_tasks", spoilt)
    with capture_logs() as logged:
        async with exchange_of(walk(5, 40), AS_FAST_AS_READ) as simulator:
            config = config_of(tmp_path, url_of(simulator.port))
            async with running(config) as app:
                await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 39 * MINUTE_MS)
                await eventually(lambda: app.outbox.backlog("redis").pending == 0)
                told = await in_redis(app.redis_url)
                restarts = {sample.labels["task"] for sample in scraped(app, "technic_task_restarts_total")}
    assert restarts == raised
    assert sorted(line["task"] for line in logged if line["event"] == "task failed") == sorted(raised)
    assert {"feed", "engine", "redis", "watchdog", "snapshots", "loop"} <= raised
    assert [alert.id for alert in told] == [alert.id for alert in replayed(config, walk(5, 40))]


async def test_proc_03_a_task_that_fails_for_ever_ends_the_daemon_with_70(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_S", 0.001)

    async def broken() -> None:
        raise ZeroDivisionError

    config = config_of(tmp_path, NOWHERE)
    with capture_logs(), pytest.raises(ExceptionGroup) as ended:
        await App(config, SystemClock(), lambda: config).run(beside={"broken": broken})
    (error,) = leaves(ended.value)
    assert isinstance(error, TaskFailingError)
    assert expected(error) == Exit.INTERNAL


def test_proc_04_a_task_that_swallows_its_end_is_ended_with_its_stack_shown(tmp_path: Path) -> None:
    with child(ROGUE, tmp_path) as process:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == Exit.TRY_AGAIN
    assert "most recent call first" in said


def zigzag(puppet: Puppet, first: int, count: int) -> int:
    """So many minutes whose price goes up and down, so that a rule speaks now and then; the next minute."""
    for number in range(first, first + count):
        puppet.close(number, 50.0 + 5 * (number % 4))
    return first + count


async def entries(url: str, stream: str) -> list[dict[bytes, bytes]]:
    async with connect(url) as client:
        found: list[Any] = await client.xrange(f"technic:{stream}") or []
    return [fields for _, fields in found]


async def outlives(
    daemon: Daemon, puppet: Puppet, url: str, refuse: Callable[[], None], heal: Callable[[], None]
) -> None:
    """Alerts come while the disk refuses, are told of, and none is missing once it heals."""

    async def kinds() -> set[bytes]:
        return {fields[b"kind"] for fields in await entries(url, "events")}

    async def alerts() -> int:
        return len(await entries(url, "alerts"))

    async def told(kind: bytes) -> bool:
        return kind in await kinds()

    async def more(than: int) -> bool:
        return await alerts() > than

    number = zigzag(puppet, 0, 12)
    await eventually(lambda: more(1))
    refuse()
    while not await told(b"outbox.refused"):  # what the journal has room for is still taken
        assert number < 2_000
        number = zigzag(puppet, number, 24)
        await asyncio.sleep(0.2)
    heal()
    await eventually(lambda: told(b"outbox.healed"))
    number = zigzag(puppet, number, 12)
    await eventually(lambda: more(number // 4 - 1))
    bars = [json.loads(fields[b"data"])["bar_start_ms"] for fields in await entries(url, "alerts")]
    assert bars == sorted(set(bars))
    steps = np.diff([ms // MINUTE_MS for ms in bars])
    assert set(steps.tolist()) == {4}, "one in four minutes, those of the disk's absence too"
    daemon.process.terminate()
    assert await daemon.ended() == Exit.FINE


ONE = '[[rule]]\nname = "up"\nwhere = "close > close[1] and close >= 65"\ncooldown = "1s"\n'


async def test_proc_05_files_that_may_not_grow_cost_no_alert(tmp_path: Path) -> None:
    puppet = Puppet()
    (tmp_path / "rules.toml").write_text(ONE)
    async with EmbeddedValkey(tmp_path / "v") as server, fakes.exchange(puppet.play) as fake:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        feed, redis = {"key": fakes.KEY}, {"url": server.url}
        with Daemon(tmp_path, fake.url, log=Path(os.devnull), feed=feed, redis=redis) as daemon:
            await daemon.ready()

            def limit(soft: int) -> None:
                resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (soft, limits[1]))

            await outlives(daemon, puppet, server.url, lambda: limit(4_096), lambda: limit(limits[0]))


async def test_proc_05_a_full_disk_costs_no_alert_and_heals_by_itself(tmp_path: Path) -> None:
    mounting = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=12m none "$0" && exec "$@"']
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if await (await asyncio.create_subprocess_exec(*mounting, str(state), "true")).wait():
        pytest.skip("no mount namespace may be made here")
    puppet = Puppet()
    (tmp_path / "rules.toml").write_text(ONE)
    async with EmbeddedValkey(tmp_path / "v") as server, fakes.exchange(puppet.play) as fake:
        feed, redis = {"key": fakes.KEY}, {"url": server.url}
        with Daemon(tmp_path, fake.url, before=[*mounting, str(state)], feed=feed, redis=redis) as daemon:
            await daemon.ready()
            ballast = Path(f"/proc/{daemon.pid}/root{state}/ballast")

            def fill() -> None:
                with ballast.open("wb", buffering=0) as file:
                    for size in (1 << 20, 4096, 1):
                        while written(file, size):
                            pass

            await outlives(daemon, puppet, server.url, fill, ballast.unlink)


def written(file: Any, size: int) -> bool:
    try:
        return bool(file.write(bytes(size)))
    except OSError:
        return False


async def test_proc_05_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    puppet = Puppet()
    (tmp_path / "rules.toml").write_text(ONE)
    async with EmbeddedValkey(tmp_path / "v") as server, fakes.exchange(puppet.play) as fake:
        feed, redis = {"key": fakes.KEY}, {"url": server.url}
        with Daemon(tmp_path, fake.url, log=Path("/dev/full"), feed=feed, redis=redis) as daemon:
            await eventually(lambda: daemon.systemd.has_heard("READY"), 55)
            zigzag(puppet, 0, 12)

            async def two() -> bool:
                return len(await entries(server.url, "alerts")) >= 2

            await eventually(two)
            daemon.process.terminate()
            assert await daemon.ended() == Exit.FINE


def test_proc_06_any_flipped_byte_and_any_missing_end_is_found(tmp_path: Path) -> None:
    path = tmp_path / "engine.state"
    statefile.write(path, {"a": np.arange(5), "b": np.ones(2)})
    whole = path.read_bytes()
    spoilt = [whole[:length] for length in range(len(whole))]
    spoilt += [whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :] for at in range(len(whole))]
    for content in spoilt:
        path.write_bytes(content)
        with pytest.raises(statefile.StateRefusedError):
            statefile.read(path)


def headed(directory: dict[str, Any]) -> bytes:
    """A state file with this directory, checksum and all, and no arrays."""
    from zlib import crc32

    said = json.dumps(directory).encode()
    return b"technic state %d %d\n" % (len(said), crc32(said)) + said


FOREIGN = {
    "older": headed({"schema": statefile.SCHEMA - 1, "arrays": []}),
    "newer": headed({"schema": statefile.SCHEMA + 1, "arrays": []}),
    "10 GB header": b"technic state 10000000000 1\n{}",
    "10 GB array": headed({"schema": statefile.SCHEMA, "arrays": [["x", "<f8", [1_250_000_000], 1]]}),
    "objects": headed({"schema": statefile.SCHEMA, "arrays": [["x", "|O", [1], 1]]}),
    "empty": b"",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_proc_06_a_foreign_state_is_kept_aside_and_the_start_is_cold(tmp_path: Path, content: bytes) -> None:
    config, path = config_of(tmp_path, NOWHERE), tmp_path / "engine.state"
    path.write_bytes(content)
    with capture_logs() as logged:
        engine = snapshot.restored(path, lambda: engine_of(config), None)
    assert len(engine.symbols) == 0
    assert path.with_name("engine.state.bad").read_bytes() == content
    assert [line["event"] for line in logged] == ["saved state refused, starting cold"]


def test_proc_06_arrays_of_another_byte_order_go_on_or_are_refused_but_are_never_misread(tmp_path: Path) -> None:
    path = tmp_path / "engine.state"
    statefile.write(path, {"x": np.arange(5, dtype=">i8")})
    read = statefile.read(path)
    assert read is not None
    assert read["x"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_proc_07_damaged_kernels_are_compiled_anew_and_the_start_succeeds(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    rows = "".join(f"A,{(OPEN + n * 60_000) * 1_000_000},5,5,6,4,100,1\n" for n in range(3))
    (tmp_path / "bars.csv").write_text(f"ticker,window_start,open,close,high,low,volume,transactions\n{rows}")
    assert kernels.replayed(tmp_path) == ""
    for kind, content in (("nbi", b"garbage"), ("nbi", b""), ("nbc", None)):
        for path in (tmp_path / "cache").rglob(f"episodes*.{kind}"):
            path.write_bytes(path.read_bytes()[:100] if content is None else content)
        assert "compiled kernels are not what was written" in kernels.replayed(tmp_path)
    assert kernels.replayed(tmp_path) == ""


async def test_proc_08_every_mistake_of_a_configuration_is_told_at_once_before_any_network(tmp_path: Path) -> None:
    opened: list[int] = []

    async def note(_: fakes.Peer) -> None:
        opened.append(1)

    async with fakes.exchange(note) as fake:
        wrong = {"feed": {"spede": 2, "channels": ["T.*"]}, "engine": {"grace_s": "5s"}, "state": {"snapshot_s": -1}}
        with Daemon(tmp_path, fake.url, http={"enabled": False, "host": "0.0.0.0"}, **wrong) as daemon:  # noqa: S104
            assert await daemon.ended(30) == Exit.CONFIG
            said = daemon.log.read_text()
    for what in ("feed.spede", "feed.channels", "engine.grace_s", "state.snapshot_s", "allow_remote"):
        assert what in said
    assert said.count(f"{daemon.config}:") >= 5, "each with its place"
    assert "Traceback" not in said
    assert not opened


async def test_proc_08_a_file_that_is_missing_is_named_and_a_secret_that_all_can_read_is_remarked(
    tmp_path: Path,
) -> None:
    with Daemon(tmp_path, NOWHERE) as daemon:
        daemon.config.chmod(0o644)
        await daemon.ready()
        (note,) = daemon.said("configuration")
        assert "chmod 600" in note["note"]
        daemon.process.terminate()
        await daemon.ended()
    ended = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-m", "daemon", "run", "-c", str(tmp_path / "absent.toml")],
        env=environment(tmp_path), capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert ended.returncode == Exit.CONFIG
    assert "absent.toml" in ended.stderr


BAD = [
    b"\x00", b"[", b"[[rule", b"rule = 3", b"\xff\xfe", RULES.encode("utf-16"), RULES.encode() + b"\x00",
    (RULES + RULES).encode(), RULES.replace("sma(3)", "smaa(3)").encode(),
    RULES.replace("close >", "close >>").encode(), RULES.replace("where =", "were =").encode(),
    RULES.replace("(3)", "(0)").encode(),
    RULES.replace('"turn-up"', '""').encode(), RULES.replace('"turn-up"', "7").encode(),
    RULES.replace("session == 'regular'", "session == 'never'").encode(), RULES.encode() + b"colour = 'red'\n",
    b"x = " + b"[" * 50_000, RULES.replace("close[1]", "close[-1]").encode(),
    RULES.replace("close[1]", "close[1").encode(), RULES.replace("where", "cooldown = 'soon'\nwhere", 1).encode(),
]  # fmt: skip


async def test_proc_09_twenty_bad_files_change_nothing_and_each_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    with Systemd(tmp_path) as systemd, capture_logs():
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.environ["NOTIFY_SOCKET"])
        async with exchange_of(walk(5, 40), AS_FAST_AS_READ) as simulator:
            config = config_of(tmp_path, url_of(simulator.port))
            async with running(config) as app:
                await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 39 * MINUTE_MS)
                plan, told = app.engine.plan, app.outbox.newest_seq()
                systemd.listen()
                for content in BAD:
                    systemd.messages.clear()
                    rules.write_bytes(content)
                    os.kill(os.getpid(), signal.SIGHUP)
                    await eventually(lambda: systemd.has_heard("READY"))
                    status = systemd.messages[-1]["STATUS"]
                    assert "refused" in status, (content[:80], status)
                    assert app.metrics.registry.get_sample_value("technic_reload_failed") == 1
                assert app.engine.plan is plan
                assert app.outbox.newest_seq() == told > 50
                rules.write_text(RULES)
                os.kill(os.getpid(), signal.SIGHUP)
                await eventually(lambda: not app.reload.failed)
    assert len(BAD) == 20


CHANGES: dict[str, dict[str, Any]] = {
    "feed": {"inbox_bars": 2048},
    "model": {"threshold_atr": 3.0},
    "redis": {"prefix": "other:"},
    "state": {"snapshot_s": 7.0},
    "rest": {"burst": 7},
    "prefetch": {"enabled": False},
    "history": {"enabled": False},
    "notify": {"channels": "/elsewhere.toml"},
    "http": {"port": 1},
    "log": {"level": "error"},
    "engine": {"grace_s": 9.0},
}


async def test_proc_10_what_takes_a_restart_is_named_and_stays_as_it_is(tmp_path: Path) -> None:
    assert set(CHANGES) == {*FIXED, "engine"}
    fresh: list[Config] = []
    config = config_of(tmp_path, NOWHERE)
    with capture_logs() as logged:
        async with running(config, reread=lambda: fresh[-1]) as app:
            for name, keys in CHANGES.items():
                fresh.append(config_of(tmp_path, NOWHERE, **{name: keys}))
                logged.clear()
                app.reload.ask()
                await eventually(lambda: [line for line in logged if line["event"].startswith("reload.")])
                (done,) = [line for line in logged if line["event"].startswith("reload.")]
                assert (done["event"], done["needs_restart"]) == ("reload.done", name)
                assert app.reload._config == config


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_proc_11_memory_threads_and_files_stay_as_they_are_under_load(tmp_path: Path) -> None:
    number, names = 0, [f"N{n}" for n in range(50)]

    async def market(peer: fakes.Peer) -> None:
        nonlocal number
        await peer.subscribe()
        for _ in range(3_000):
            await peer.send(*minutes_of(number, names))
            number += 1
            await asyncio.sleep(0.002)
        peer.cut()

    def held(daemon: Daemon) -> tuple[int, int, int]:
        return daemon.kilobytes("VmRSS"), daemon.kilobytes("Threads"), len(daemon.files())

    async with fakes.exchange(market) as fake:
        with Daemon(tmp_path, fake.url, feed={"key": fakes.KEY}, state={"snapshot_s": 1.0}) as daemon:
            await daemon.ready()
            await asyncio.sleep(12)
            before, minute = held(daemon), number
            await asyncio.sleep(20)
            after = held(daemon)
            assert number - minute > 2_000
            assert len(daemon.said("task failed")) == 0
    assert after[0] - before[0] < 6_000
    assert after[1] - before[1] <= 4
    assert after[2] - before[2] <= 8, "connections and snapshots under way come and go"


async def test_proc_12_a_loop_that_stands_is_measured_told_of_and_feeds_no_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped: list[float] = []
    with Systemd(tmp_path, watchdog_s=0.6) as systemd, capture_logs() as logged:
        for name, value in systemd.environ.items():
            monkeypatch.setenv(name, value)
        async with running(config_of(tmp_path, NOWHERE)) as app:
            monkeypatch.setattr(app.loop, "_dump", lambda: dumped.append(time.monotonic()))
            await eventually(lambda: systemd.has_heard("WATCHDOG"))
            systemd.listen()
            began_s = time.monotonic()
            time.sleep(STALL_S + 0.8)  # noqa: ASYNC251 (what is not to happen)
            assert systemd.listen() == []
            await eventually(lambda: [line for line in logged if line["event"] == "loop.stalled"])
            lag_s = app.metrics.registry.get_sample_value("technic_loop_lag_seconds")
    assert lag_s is not None
    assert STALL_S < lag_s < STALL_S + 2
    assert len(dumped) == 1
    assert STALL_S <= dumped[0] - began_s < STALL_S + 0.8, "while it stood, not afterwards"


STALLING = """
import asyncio, pathlib, sys, time
from tests.daemon.running import config_of, running
async def main():
    async with running(config_of(pathlib.Path(sys.argv[1]), "ws://127.0.0.1:1/stocks")) as app:
        await asyncio.sleep(0.5)
        def the_culprit():
            time.sleep(2)
        the_culprit()
    print("stuck", flush=True)
asyncio.run(main())
"""


def test_proc_12_the_stacks_of_a_stall_name_the_culprit(tmp_path: Path) -> None:
    with child(STALLING, tmp_path) as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "in the_culprit" in said


async def test_proc_12_a_pause_of_the_whole_process_shows_no_stacks(tmp_path: Path) -> None:
    with Daemon(tmp_path, NOWHERE) as daemon:
        await daemon.ready()
        await asyncio.sleep(0.5)
        os.kill(daemon.pid, signal.SIGSTOP)
        await asyncio.sleep(STALL_S + 1.0)
        os.kill(daemon.pid, signal.SIGCONT)
        await eventually(lambda: daemon.said("loop.stalled"))
        assert "most recent call first" not in daemon.log.read_text()


def test_proc_13_the_linter_forbids_blocking_calls_in_coroutines() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("ASYNC")]


async def test_proc_13_no_callback_of_a_daemon_at_work_takes_a_quarter_of_a_second(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    async with exchange_of(walk(5, 40), AS_FAST_AS_READ) as simulator:
        config = config_of(tmp_path, url_of(simulator.port), state={"snapshot_s": 0.1})
        async with running(config) as app:
            loop.slow_callback_duration = 0.25
            loop.set_debug(True)
            with caplog.at_level(logging.WARNING, "asyncio"):
                await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 39 * MINUTE_MS)
                app.reload.ask()
                await eventually(lambda: app.sink.delivered > 50)
                await asyncio.sleep(1)
            loop.set_debug(False)
    assert [record.getMessage() for record in caplog.records if "took" in record.getMessage()] == []


async def test_proc_14_without_file_descriptors_it_degrades_and_does_not_spin(tmp_path: Path) -> None:
    puppet = Puppet()
    async with fakes.exchange(puppet.play) as fake:
        http = {"enabled": True, "port": 0}
        with Daemon(tmp_path, fake.url, feed={"key": fakes.KEY}, http=http) as daemon:
            await daemon.ready()
            url = daemon.said("web server")[0]["url"]
            puppet.close(0, 50.0)
            await daemon.live()
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            used = max(daemon.files())
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (used + 4, limits[1]))
            port = int(url.rsplit(":", 1)[1].strip("/"))
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
            await asyncio.sleep(0.5)
            cpu_s = daemon.cpu_s()
            await asyncio.sleep(2)
            assert daemon.cpu_s() - cpu_s < 1
            puppet.close(1, 51.0)
            for client in clients:
                client.close()
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
            await eventually(lambda: healthy(url), 15)
            assert daemon.said("feed.state")[-1]["state"] == "live"
            daemon.process.terminate()
            assert await daemon.ended() == Exit.FINE


async def healthy(url: str) -> bool:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(f"{url}healthz", timeout=2) as answer:  # noqa: S310 (loopback)
                return bool(answer.status == 200)
        except OSError:
            return False

    return await asyncio.to_thread(ask)


async def test_proc_15_a_flood_within_little_memory_is_survived(tmp_path: Path) -> None:
    go, done = asyncio.Event(), asyncio.Event()

    async def flood(peer: fakes.Peer) -> None:
        await peer.subscribe()
        await peer.send(*minutes_of(0, ["FIRST"]))
        await go.wait()
        for number in range(200):
            await peer.send(*minutes_of(1 + number // 100, [f"Z{(number % 100) * 400 + n}" for n in range(400)]))
        done.set()
        await peer.wait()

    async with fakes.exchange(flood) as fake:
        engine = {"max_symbols": 4096}
        with Daemon(tmp_path, fake.url, feed={"key": fakes.KEY, "lossless": False}, engine=engine) as daemon:
            await daemon.ready()
            await daemon.live()
            room = (daemon.kilobytes("VmSize") + 256_000) * 1024
            resource.prlimit(daemon.pid, resource.RLIMIT_AS, (room, room))
            before = daemon.kilobytes("VmRSS")
            go.set()
            await asyncio.wait_for(done.wait(), 30)
            await asyncio.sleep(1)
            assert daemon.process.poll() is None
            assert daemon.kilobytes("VmRSS") - before < 250_000
            daemon.process.terminate()
            assert await daemon.ended() == Exit.FINE
            assert daemon.said("task failed") == []
