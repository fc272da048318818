"""The daemon as a whole: start, stop, what may be away, and what ends it."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from structlog.testing import capture_logs

from daemon import supervision, warm
from daemon.app import App
from daemon.clock import SystemClock
from daemon.exits import Exit, expected, leaves
from daemon.lock import FolderTakenError, held
from daemon.supervision import TaskFailingError
from streams.bars import MINUTE_MS
from streams.errors import AuthRejected
from streams.polygon.session import State
from streams.redis.connection import connect
from streams.redis.embedded import EmbeddedValkey
from streams.redis.tail import Tail
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import (
    KEY,
    OPEN,
    RULES,
    Tape,
    config_of,
    in_redis,
    replayed,
    running,
    url_of,
    walk,
)
from tests.fakes import feed as fakes
from tests.fakes.systemd import Systemd
from tests.streams.polygon.frames import minute
from tests.streams.redis.conftest import free_port
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from daemon.config import Config
    from daemon.engine.alerts import Alert

NOWHERE = "ws://127.0.0.1:1/stocks"
BARS = walk(5, 40)
LAST_MS = OPEN + 39 * MINUTE_MS


def exchange_of(bars: Any = BARS, *, speed: float = AS_FAST_AS_READ) -> Simulator:
    return Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=speed)


def all_closed(app: App) -> Callable[[], bool]:
    return lambda: app.engine.barrier.closed_ms >= LAST_MS


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def in_uvloop(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def test_a_day_reaches_redis_in_order_and_its_last_minute_closes_by_proof(tmp_path: Path) -> None:
    async with exchange_of() as exchange:
        config = config_of(tmp_path, url_of(exchange.port))
        async with running(config) as app:
            await eventually(all_closed(app))
            await eventually(lambda: app.outbox.backlog("redis").pending == 0)
            told = await in_redis(app.redis_url)
        assert [alert.id for alert in told] == [alert.id for alert in replayed(config, BARS)]
        assert len(told) > 50
        assert app.engine.counts.bars == BARS.size == exchange.bars


async def test_without_lossless_minutes_close_by_the_clock_of_a_hasty_exchange_and_none_too_soon(
    tmp_path: Path,
) -> None:
    bars = walk(5, 3)
    async with exchange_of(bars, speed=60.0) as exchange:
        feed = {"lossless": False, "speed": 60.0}
        config = config_of(tmp_path, url_of(exchange.port), feed=feed, engine={"grace_s": 10.0})
        async with running(config) as app:
            await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 2 * MINUTE_MS)
            assert (app.engine.counts.bars, app.engine.counts.late) == (bars.size, 0)


async def test_a_wrong_key_ends_the_daemon_as_a_wrong_configuration(tmp_path: Path) -> None:
    async with exchange_of() as exchange:
        config = config_of(tmp_path, url_of(exchange.port), feed={"key": "not the key"})
        app = App(config, SystemClock(), lambda: config)
        pids = []

        async def note() -> None:
            pids.append(app.valkey.pid)

        with pytest.raises(ExceptionGroup) as ended:
            await app.run(beside={"note": note})
    errors = list(leaves(ended.value))
    assert [type(error) for error in errors] == [AuthRejected]
    assert [expected(error) for error in errors] == [Exit.CONFIG]
    assert not alive(pids[0])


async def test_a_daemon_that_cannot_go_on_stops_in_the_order_of_any_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_S", 0.001)
    async with exchange_of() as exchange:
        config = config_of(tmp_path, url_of(exchange.port), model={"enabled": True})
        due = [alert.id for alert in replayed(config, BARS)]
        app = App(config, SystemClock(), lambda: config)

        async def lose_the_key() -> None:
            await eventually(all_closed(app))
            raise AuthRejected("not authorised any more")

        with capture_logs() as logged, pytest.raises(ExceptionGroup) as ended:
            await app.run(beside={"revoked": lose_the_key})
    assert [type(error) for error in leaves(ended.value)] == [AuthRejected]
    assert app.ending.code == Exit.CONFIG
    assert app.outbox.path.exists()
    assert app.sink.delivered == len(due) > 50
    (saved,) = [line for line in logged if line["event"] == "state saved"]
    assert saved["symbols"] == 5
    assert (tmp_path / "state" / "engine.state").exists()
    assert app.teacher
    assert app.teacher.pid is None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("engine")]


async def test_redis_may_come_later_and_then_gets_every_alert_once_in_order(tmp_path: Path) -> None:
    port = free_port()
    with capture_logs() as logged:
        async with exchange_of() as exchange:
            redis = {"url": f"redis://127.0.0.1:{port}"}
            config = config_of(tmp_path, url_of(exchange.port), redis=redis)
            due = [alert.id for alert in replayed(config, BARS)]
            async with running(config) as app:
                await eventually(all_closed(app))
                assert app.sink.state == "away"
                assert app.outbox.backlog("redis").pending == len(due)
                async with EmbeddedValkey(tmp_path / "late", port=port) as late:
                    await eventually(lambda: app.sink.state == "live" and app.sink.delivered == len(due), 20)
                    assert [alert.id for alert in await in_redis(late.url)] == due
                    assert app.outbox.backlog("redis").pending == 0
    said = [(line["event"], line["log_level"]) for line in logged if line["event"].startswith("sink.")]
    assert said == [("sink.away", "warning"), ("sink.live", "info")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_within_seconds_and_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    in_uvloop(asyncio.sleep(0))  # the library opens a pipe, once and for all
    threads, files = set(threading.enumerate()), open_files()
    pids: list[int] = []
    ends_s: list[float] = []

    async def day() -> None:
        async with exchange_of(walk(5, 10)) as exchange:
            config = config_of(
                tmp_path, url_of(exchange.port), model={"enabled": True}, http={"enabled": True, "port": 0}
            )
            app = App(config, SystemClock(), lambda: config)

            async def leave() -> None:
                await eventually(lambda: app.feed.state is State.LIVE and app.sink.state == "live")
                assert app.teacher
                assert app.teacher.pid
                pids.extend([app.teacher.pid, app.valkey.pid])
                ends_s.append(app.clock.monotonic_s())
                os.kill(os.getpid(), number)
                await asyncio.Event().wait()

            await app.run(beside={"leave": leave})
            ends_s.append(app.clock.monotonic_s())

    in_uvloop(day())
    assert ends_s[1] - ends_s[0] < 5
    assert not any(map(alive, pids))
    assert set(threading.enumerate()) == threads
    assert open_files() == files
    assert (tmp_path / "state" / "engine.state").exists()
    with held(tmp_path / "state"):
        pass


async def test_a_stop_before_it_stands_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, NOWHERE)
    app = App(config, SystemClock(), lambda: config)
    monkeypatch.setattr(warm, "kernels", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    await app.run()
    assert not app.valkey.pid


async def test_it_ends_by_itself_after_the_time_given(tmp_path: Path) -> None:
    config = config_of(tmp_path, NOWHERE)
    await App(config, SystemClock(), lambda: config).run(duration_s=0.01)


STUCK = """
import asyncio, os, pathlib, signal, sys, threading, daemon.ending as ending
from streams.errors import AuthRejected
from tests.daemon.running import config_of, running
ending.END_S = 0.3
async def main():
    async with running(config_of(pathlib.Path(sys.argv[1]), "ws://127.0.0.1:1/stocks")) as app:
        entered = threading.Event()
        app.engine.advance = lambda _: (entered.set(), threading.Event().wait())
        app.live._market.now_ms = lambda: 1
        await asyncio.to_thread(entered.wait)
        print(app.valkey.pid, flush=True)
        CAUSE
        await asyncio.Event().wait()
async def revoked():
    raise AuthRejected("revoked")
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("cause", "code"),
    [("os.kill(os.getpid(), signal.SIGTERM)", Exit.TRY_AGAIN), ("await app._keep('feed', revoked)", Exit.CONFIG)],
)
def test_a_turn_that_never_ends_holds_up_no_stop(tmp_path: Path, cause: str, code: int) -> None:
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", STUCK.replace("CAUSE", cause), str(tmp_path)]
    ended = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == code, ended.stderr
    assert "_turn" in ended.stderr
    pid = next(int(line) for line in ended.stdout.splitlines() if line.isdigit())
    asyncio.run(eventually(lambda: not alive(pid)))
    assert not (tmp_path / "state" / "engine.state").exists()


async def test_a_second_daemon_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path, NOWHERE)
    async with running(config) as app:
        with pytest.raises(FolderTakenError, match="another technic works in this state folder"):
            await App(config, SystemClock(), lambda: config).run()
        async with connect(app.redis_url) as client:
            assert await client.ping()


async def test_a_damaged_state_is_set_aside_and_never_keeps_it_from_starting(tmp_path: Path) -> None:
    state = tmp_path / "state" / "engine.state"
    state.parent.mkdir()
    state.write_bytes(b"\x80\x04 of another time")
    with capture_logs() as logged:
        async with running(config_of(tmp_path, NOWHERE)) as app:
            assert len(app.engine.symbols) == 0
    assert state.with_name("engine.state.bad").read_bytes() == b"\x80\x04 of another time"
    assert "saved state refused, starting cold" in [line["event"] for line in logged]
    assert state.exists()


async def test_a_task_that_fails_for_ever_ends_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_S", 0.001)
    config = config_of(tmp_path, NOWHERE)
    app = App(config, SystemClock(), lambda: config)

    async def spoil() -> None:
        app.time.now_ms = lambda: 1 // 0  # type: ignore[method-assign]

    with capture_logs(), pytest.raises(ExceptionGroup) as ended:
        await app.run(beside={"spoil": spoil})
    (error,) = leaves(ended.value)
    assert isinstance(error, TaskFailingError)
    assert (error.task, expected(error), app.ending.code) == ("engine", Exit.INTERNAL, Exit.INTERNAL)
    assert (tmp_path / "state" / "engine.state").exists()
    assert not app.valkey.pid


async def test_what_happens_stands_in_the_stream_of_events(tmp_path: Path) -> None:
    async with exchange_of() as exchange, running(config_of(tmp_path, url_of(exchange.port))) as app:
        tail = Tail(app.redis_url, "technic:events", random.Random(), lambda _: None)  # noqa: S311 - spreads retries
        states = []
        async with asyncio.timeout(10):
            async for _, fields in tail.follow("0-0"):
                states.append(fields.get("state"))
                if fields.get("state") == "live":
                    break
    assert [state for state in states if state] == ["connected", "authenticated", "subscribed", "live"]


class Puppet:
    """An exchange that sends what it is told."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[list[dict[str, Any]]] = asyncio.Queue()

    async def play(self, peer: fakes.Peer) -> None:
        await peer.subscribe()
        sending = asyncio.create_task(self._send(peer))
        await peer.wait()
        sending.cancel()

    async def _send(self, peer: fakes.Peer) -> None:
        while True:
            await peer.send(*await self._frames.get())

    def close(self, number: int, price: float) -> None:
        """One minute bar of symbol A."""
        at = OPEN + number * MINUTE_MS
        prices = dict.fromkeys(("o", "h", "l", "c", "vw"), price)
        self._frames.put_nowait([minute("A", s=at, e=at + MINUTE_MS, **prices)])


def told_of(systemd: Systemd) -> list[dict[str, str]]:
    """Everything but the watchdog's food."""
    systemd.listen()
    return [message for message in systemd.messages if "WATCHDOG" not in message]


async def test_a_service_tells_systemd_and_swaps_its_rules_without_losing_an_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puppet, rules = Puppet(), tmp_path / "rules.toml"
    with Systemd(tmp_path, watchdog_s=2.0) as systemd:
        for name, value in systemd.environ.items():
            monkeypatch.setenv(name, value)
        async with fakes.exchange(puppet.play) as fake:
            config = config_of(tmp_path, fake.url, feed={"key": fakes.KEY})
            async with running(config) as app:
                assert told_of(systemd) == [{"READY": "1", "STATUS": "2 rules, 0 symbols"}]
                for number in range(4):
                    puppet.close(number, 50.0 + number)
                await eventually(lambda: app.sink.delivered == 1)
                await eventually(lambda: systemd.has_heard("WATCHDOG"))

                rules.write_text(RULES.replace("busy", "busier"))
                os.kill(os.getpid(), signal.SIGHUP)
                await eventually(lambda: [rule.name for rule in app.engine.plan.rules] == ["turn-up", "busier"])
                puppet.close(4, 54.0)

                rules.write_text(RULES.replace("close[1]", "close[1"))
                os.kill(os.getpid(), signal.SIGHUP)
                await eventually(lambda: app.reload.failed)
                assert re.search(rb"^technic_reload_failed 1\.0$", app.metrics.text(), re.MULTILINE)
                for number, price in enumerate((10.0, 11.0, 12.0), start=5):
                    puppet.close(number, price)
                await eventually(lambda: app.sink.delivered == 2)
                told = await in_redis(app.redis_url)
        assert [(alert.rule, (alert.bar_start_ms - OPEN) // MINUTE_MS) for alert in told] == [
            ("turn-up", 2),
            ("turn-up", 7),
        ]
        said = [(next(iter(message)), message.get("STATUS", "")) for message in told_of(systemd)]
        assert [name for name, _ in said] == ["READY", "RELOADING", "READY", "RELOADING", "READY", "STOPPING"]
        assert said[2][1] == "2 rules reloaded"
        assert said[4][1].startswith(f"reload refused, older rules in force: {rules}:4:")


async def test_nothing_is_ready_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Systemd(tmp_path) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.environ["NOTIFY_SOCKET"])
        config: Config = config_of(tmp_path, NOWHERE, rules="[[rule]]")
        with pytest.raises(Exception, match="a rule needs a name"):
            await App(config, SystemClock(), lambda: config).run()
        assert systemd.listen() == []


async def test_the_watchdog_starves_while_the_engine_is_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, entered = threading.Event(), threading.Event()
    with Systemd(tmp_path, watchdog_s=0.6) as systemd, capture_logs() as logged:
        for name, value in systemd.environ.items():
            monkeypatch.setenv(name, value)
        async with running(config_of(tmp_path, NOWHERE)) as app:
            await eventually(lambda: systemd.has_heard("WATCHDOG"))

            def stand_still(_: int) -> list[Alert]:
                entered.set()
                opened.wait(30)
                return []

            monkeypatch.setattr(app.engine, "advance", stand_still)
            monkeypatch.setattr(app.time, "now_ms", lambda: 1)
            await asyncio.to_thread(entered.wait, 10)
            await eventually(lambda: "watchdog not fed" in [line["event"] for line in logged])
            systemd.listen()
            turned_s = app.live.turned_s
            await eventually(lambda: app.clock.monotonic_s() - turned_s > 1.2)
            assert systemd.listen() == []
            opened.set()
            systemd.messages.clear()
            await eventually(lambda: systemd.has_heard("WATCHDOG"))
