"""Faults of time, sessions and symbols, TIME-01 to TIME-09 of docs/faults.md."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon import calendar, standing, upkeep, warm
from daemon.assembly import Untaught
from daemon.clock import SystemClock
from daemon.config import FeedSection
from daemon.configfile import ConfigError, load_config
from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sessions import Phase, SessionTable
from daemon.events import Events
from daemon.exits import Exit
from daemon.markettime import SECONDS_S, Silence
from daemon.metrics import Metrics
from daemon.steadyclock import LEAP_MS, Punctuality, Steady
from streams.bars import MINUTE_MS, SECOND_MS, concat, empty
from streams.polygon import feed as feed_module
from streams.polygon.backoff import SILENT, Backoff
from streams.polygon.session import Changed, State
from streams.secret import Secret
from tests.daemon.engine.test_engine import DAY
from tests.daemon.engine.test_engine import OPEN as FIRST_OPEN
from tests.daemon.running import OPEN, bar, config_of, engine_of, running, walk
from tests.daemon.test_app import NOWHERE
from tests.fakes.clock import ManualClock
from tests.fakes.feed import KEY, exchange
from tests.fakes.program import ROOT, environment
from tests.fakes.stream import Stream
from tests.faults.daemons import Daemon
from tests.faults.test_feed import elements_of, fed, listening, resident_kilobytes
from tests.streams.polygon.test_feed import Soon
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    import random

    from streams.bars import BarBatch
    from streams.types import Clock
    from tests.fakes.feed import Peer

HOUR_MS = 60 * MINUTE_MS


class Leaping:
    """The machine's clocks, whose wall time is set back or ahead by a test."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.leapt_ms = clock, 0

    def wall_ms(self) -> int:
        return self._clock.wall_ms() + self.leapt_ms

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    return calendar.load(Path("~/.cache/technic").expanduser(), SystemClock().wall_ms()).sessions


def moment(text: str) -> int:
    """A moment in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("leap_ms", [HOUR_MS, -HOUR_MS, 5_000, -5_000])
def test_time_01_a_leap_is_not_followed_while_bars_speak_against_it(leap_ms: int) -> None:
    system = Leaping(ManualClock(OPEN))
    clock = system._clock
    assert isinstance(clock, ManualClock)
    steady = Steady(system)
    punctual = Punctuality(steady)
    for second in range(180):
        clock.advance(1)
        punctual.look(1_500)
        system.leapt_ms = leap_ms if second >= 20 else 0
        assert abs(steady.wall_ms() - clock.wall_ms()) <= LEAP_MS
    assert punctual.leap_ms == leap_ms
    assert not punctual.skewed


@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS])
def test_time_01_a_clock_that_was_wrong_is_an_alarm_and_believed_once_it_is_set_right(wrong_ms: int) -> None:
    system = Leaping(ManualClock(OPEN))
    clock = system._clock
    assert isinstance(clock, ManualClock)
    system.leapt_ms = wrong_ms
    steady = Steady(system)
    punctual = Punctuality(steady)
    for second in range(40):
        clock.advance(1)
        if second == 20:
            assert punctual.skewed
            assert punctual.skew_ms == pytest.approx(wrong_ms, abs=5_000)
            system.leapt_ms = 0
        punctual.look(1_500 + steady.wall_ms() - clock.wall_ms())
    assert steady.wall_ms() == clock.wall_ms()
    assert not punctual.skewed


def test_time_01_what_comes_late_once_is_no_reason_to_doubt_the_clock() -> None:
    punctual = Punctuality(Steady(ManualClock()))
    punctual.look(900_000)
    assert not punctual.skewed


def test_time_01_without_bars_a_leap_is_believed_after_a_minute() -> None:
    system = Leaping(ManualClock(OPEN))
    steady = Steady(system)
    punctual = Punctuality(steady)
    system.leapt_ms = HOUR_MS
    for _ in range(65):
        system._clock.advance(1)  # type: ignore[attr-defined]
        punctual.look(None)
    assert steady.wall_ms() == OPEN + 65_000 + HOUR_MS


def now_bars(clock: Clock, names: list[str]) -> list[dict[str, Any]]:
    """A second bar each that has just ended, by the true time."""
    end_ms = clock.wall_ms() // SECOND_MS * SECOND_MS
    elements = elements_of(concat([bar(name, end_ms - SECOND_MS, 50.0) for name in names]))
    return [{**element, "ev": "A", "e": element["s"] + SECOND_MS} for element in elements]


@pytest.mark.parametrize("leap_ms", [HOUR_MS, -HOUR_MS])
async def test_time_01_a_daemon_whose_wall_clock_leaps_takes_every_bar_and_stays_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leap_ms: int
) -> None:
    monkeypatch.setattr(FeedSection, "vendor", True)
    monkeypatch.setattr(FeedSection, "rest", "http://127.0.0.1:1")
    monkeypatch.setattr(upkeep, "CLOCK_S", 0.02)
    true, system = SystemClock(), Leaping(SystemClock())

    async def market(peer: Peer) -> None:
        await peer.subscribe()
        while True:
            await peer.send(*now_bars(true, ["A", "B"]))
            await asyncio.sleep(0.05)

    with capture_logs() as logged:
        async with exchange(market) as fake:
            config = fed(tmp_path, fake.url, channels=["A.*"])
            async with running(config, clock=system) as app:
                await eventually(lambda: app.feed.counts.frames > 10)
                closed_ms = app.engine.barrier.closed_ms
                system.leapt_ms = leap_ms
                frames = app.feed.counts.frames
                await eventually(lambda: app.feed.counts.frames > frames + 40)
                assert abs((app.time.now_ms() or 0) - true.wall_ms()) < 3_000
                assert app.engine.barrier.closed_ms - closed_ms <= 2 * MINUTE_MS
                assert app.metrics.registry.get_sample_value("technic_rejects_total", {"reason": "future"}) is None
                assert app.metrics.registry.get_sample_value("technic_clock_skew_seconds") == 0
                assert (app.feed.counts.losses, fake.opened) == (0, 1)
    assert [line["log_level"] for line in logged if line["event"] == "clock.leapt"] == ["warning"]


async def test_time_01_clock_and_bars_that_disagree_are_told_once_and_once_when_they_agree_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "CLOCK_S", 0.001)
    clock, metrics, stream = ManualClock(), Metrics(), Stream()
    punctual, lag_ms = Punctuality(Steady(clock)), [1_000]
    monkeypatch.setattr(metrics, "take_quickest_ms", lambda: lag_ms[0])
    task = asyncio.create_task(upkeep.watch_clock(punctual, metrics, Events(stream, clock)))  # type: ignore[arg-type]
    await eventually(lambda: len(punctual._lags) > 5)
    lag_ms[0] = -7_000
    await eventually(lambda: stream.kinds == ["clock.skewed"])
    lag_ms[0] = 1_000
    clock.advance(61)
    await eventually(lambda: stream.kinds == ["clock.skewed", "clock.healed"])
    task.cancel()
    assert stream.entries[0]["what"].endswith("is 7.0 s behind the bars")


async def test_time_02_a_process_that_was_stopped_for_long_connects_again() -> None:
    clock = ManualClock(OPEN)

    async def talking(peer: Peer) -> None:
        await peer.subscribe()
        while True:
            await peer.send(*elements_of(bar("A", OPEN, 50.0)))
            await asyncio.sleep(0.01)

    events: list[Any] = []
    async with exchange(talking) as fake:
        feed = feed_module.Feed(
            fake.url, Secret(KEY), ("AM.*",), clock=clock, random=Soon(1), on_frame=lambda *_: None,
            on_event=events.append,
        )  # fmt: skip
        async with listening(feed):
            await eventually(lambda: feed.state is State.LIVE)
            clock.advance(feed_module.ASLEEP_S - 1)
            frames = feed.counts.frames
            await eventually(lambda: feed.counts.frames > frames + 5)
            assert fake.opened == 1
            clock.advance(feed_module.ASLEEP_S + 1)
            await eventually(lambda: fake.opened == 2 and feed.state is State.LIVE)
    assert "nothing was read for 31 s" in " ".join(getattr(event, "reason", "") for event in events)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_time_02_a_real_process_that_sleeps_wakes_connects_and_goes_on(tmp_path: Path) -> None:
    connected: list[int] = []

    async def talking(peer: Peer) -> None:
        await peer.subscribe()
        connected.append(1)
        while True:
            await peer.send(*elements_of(bar("A", OPEN, 50.0)))
            await asyncio.sleep(0.2)

    async with exchange(talking, ping_interval=None) as fake:
        with Daemon(tmp_path, fake.url, feed={"key": KEY, "lossless": False}) as daemon:
            await daemon.ready()
            await eventually(lambda: connected)
            await asyncio.sleep(1)
            os.kill(daemon.pid, signal.SIGSTOP)
            await asyncio.sleep(feed_module.ASLEEP_S + 3)
            os.kill(daemon.pid, signal.SIGCONT)
            await eventually(lambda: len(connected) == 2, 10)
            await eventually(lambda: daemon.said("feed.state")[-1]["state"] == "live", 10)
            daemon.process.terminate()
            assert await daemon.ended() == Exit.FINE


SUMMER, WINTER = ("13:30", "20:00"), ("14:30", "21:00")
WEEKS = {"2026-03-06": WINTER, "2026-03-09": SUMMER, "2026-10-30": SUMMER, "2026-11-02": WINTER}


@pytest.mark.parametrize(("day", "hours"), WEEKS.items())
def test_time_03_regular_hours_follow_new_york_through_both_changes_of_the_clock(
    sessions: SessionTable, day: str, hours: tuple[str, str]
) -> None:
    opens, closes = (moment(f"{day}T{hour}") for hour in hours)
    assert sessions.at(opens - 1).phase == Phase.PRE
    assert sessions.at(opens).minutes_since_open == 0
    assert sessions.at(closes - MINUTE_MS).minutes_since_open == 389
    assert sessions.at(closes).phase == Phase.POST


@pytest.mark.parametrize("day", ["2026-11-27", "2026-12-24"])
def test_time_04_on_a_half_day_silence_after_13_oclock_is_right_and_rules_of_the_session_rest(
    sessions: SessionTable, day: str
) -> None:
    close_ms = moment(f"{day}T18:00")
    clock = ManualClock(close_ms - 1)
    silence = Silence(FeedSection(channels=("A.*",)), sessions, clock)
    assert silence.limit_s() == SECONDS_S
    clock.advance(0.001)
    assert silence.limit_s() is None
    plan = Plan(rules.load('[[rule]]\nname = "any"\nwhere = "session == \'regular\'"\ncooldown = "1s"\n', "test.toml"))
    engine = Engine(plan, sessions, Untaught(), Settings())
    bars = [bar("A", close_ms + n * MINUTE_MS, 50.0) for n in range(-3, 30)]
    alerts = [alert for one in bars for alert in engine.step(one)] + engine.flush()
    assert alerts
    assert all(alert.bar_start_ms < close_ms for alert in alerts)


@pytest.mark.parametrize("day", ["2026-11-26", "2026-12-25", "2026-11-28", "2026-11-29"])
def test_time_04_on_holidays_and_weekends_silence_is_right_all_day(sessions: SessionTable, day: str) -> None:
    clock = ManualClock(moment(f"{day}T00:00"))
    silence = Silence(FeedSection(channels=("A.*",)), sessions, clock)
    for _ in range(24 * 4):
        assert silence.limit_s() is None
        clock.advance(900)


def test_time_05_a_day_of_silence_costs_few_connections(chance: random.Random) -> None:
    backoff, passed_s, connections = Backoff(chance), 0.0, 0
    while passed_s < 390 * 60:
        connections += 1
        passed_s += SECONDS_S + backoff.next_s(SILENT, healthy_s=0.0)
    assert connections < 160


async def test_time_05_a_day_of_silence_is_one_alarm() -> None:
    stream = Stream()
    events = Events(stream, ManualClock())  # type: ignore[arg-type]
    cycle = [State.CONNECTED, State.AUTHENTICATED, State.SUBSCRIBED, State.STALE]
    with capture_logs() as logged:
        for state in [*cycle * 20, State.SUBSCRIBED, State.LIVE, State.STALE]:
            events.feed(Changed(state, "no data"))
    alarms = [line["state"] for line in logged if line["log_level"] == "warning"]
    assert alarms == [State.STALE] * 2, "and another one once there had been data in between"


async def test_time_05_a_calendar_that_is_about_to_end_is_shown_before_it_does(tmp_path: Path) -> None:
    clock = Leaping(SystemClock())
    async with running(config_of(tmp_path, NOWHERE), clock=clock) as app:
        assert standing.CHECKS["calendar"](app).ok
        clock.leapt_ms = app.calendar.sessions.end_ms - clock.wall_ms() - 10 * 24 * HOUR_MS
        check = standing.CHECKS["calendar"](app)
        assert not check.ok
        assert "restart" in check.detail


def test_time_05_a_day_that_is_closed_out_of_calendar_can_be_told() -> None:
    noon_ms = moment("2026-12-09T17:00")
    told, plain = (
        load_config(None, {"engine": {"closed_days": days}}).config for days in (["2026-12-09", "2026-12-10"], [])
    )
    for config, limit_s in ((plain, SECONDS_S), (told, None)):
        sessions = warm.parts(config, SystemClock()).calendar.sessions
        silence = Silence(FeedSection(channels=("A.*",)), sessions, ManualClock(noon_ms))
        assert silence.limit_s() == limit_s
        assert sessions.at(noon_ms + 5 * 24 * HOUR_MS).phase == Phase.REGULAR
    with pytest.raises(ConfigError, match="write a day as text"):
        load_config(None, {"engine": {"closed_days": ["someday"]}})


WITHOUT_ZONES = """
import sys
sys.modules["tzdata"] = None
from daemon.cli import main
main(["run", "--duration", "1"])
"""


async def test_time_06_without_time_zones_the_start_says_so_and_ends_with_78(tmp_path: Path) -> None:
    environ = environment(tmp_path, {"PYTHONTZPATH": "", "TECHNIC_FEED__KEY": "key"})
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_ZONES]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    _, said = await process.communicate()
    assert process.returncode == Exit.CONFIG, said
    assert b"America/New_York" in said
    assert b"tzdata" in said
    assert b"Traceback" not in said


def test_time_07_a_symbol_that_comes_at_minute_200_alerts_only_once_it_knows_enough(tmp_path: Path) -> None:
    config = config_of(tmp_path, NOWHERE, rules='[[rule]]\nname = "above"\nwhere = "close > sma(20)"\n')
    engine, old = engine_of(config), walk(3, 260)
    new = [bar("NEW", OPEN + n * MINUTE_MS, 50.0 + 0.1 * n) for n in range(200, 260)]
    both = concat([old, *new])
    both = both.take(np.argsort(both.start_ms, kind="stable"))
    alerts = [alert for alert in engine.step(both) + engine.flush() if alert.symbol == "NEW"]
    assert alerts
    assert min(alert.bar_start_ms for alert in alerts) == OPEN + 219 * MINUTE_MS


def test_time_08_250_days_of_comings_and_goings_leave_rows_memory_and_files_flat() -> None:
    opens = np.array([FIRST_OPEN + day * DAY for day in range(251)])
    plan = Plan(rules.load('[[rule]]\nname = "up"\nwhere = "close > sma(3)"\n', "test.toml"))
    engine = Engine(plan, SessionTable(opens, opens + 390 * MINUTE_MS), Untaught(), Settings(max_symbols=256))
    names = [f"N{n}" for n in range(100)]
    used, kilobytes, files = [], [], []
    for day in range(250):
        names = [*names[5:], *(f"N{100 + 5 * day + n}" for n in range(5))]
        at = int(opens[day])
        engine.step(concat([bar(name, at + n * MINUTE_MS, 50.0 + n) for n in range(4) for name in names]))
        engine.notices.clear()
        used.append(len(engine.symbols))
        if day % 50 == 49:
            gc.collect()
            kilobytes.append(resident_kilobytes())
            files.append(len(list(Path("/proc/self/fd").iterdir())))
    assert max(used[20:]) <= 100 + 5 * 11
    assert engine.symbols.refused == 0
    assert engine.released >= 5 * (250 - 12)
    assert kilobytes[-1] - kilobytes[1] < 4_000
    assert files[-1] == files[0]


def test_time_09_a_million_invented_symbols_fill_the_table_and_no_more(tmp_path: Path) -> None:
    engine = engine_of(config_of(tmp_path, NOWHERE, engine={"max_symbols": 1_000}))
    engine.step(bar("KNOWN", OPEN, 50.0))
    before = resident_kilobytes()
    for n in range(20):
        engine.step(invented(n * 50_000, 50_000))
    assert len(engine.symbols) == 1_000
    assert engine.symbols.refused == 1_000_000 - 999
    assert resident_kilobytes() - before < 100_000
    assert engine.step(bar("KNOWN", OPEN + MINUTE_MS, 51.0)) == []
    assert engine.watch.minutes.count[0] == 2


def invented(first: int, count: int) -> BarBatch:
    batch = empty(count)
    batch.symbol[:] = [f"Z{n}".encode() for n in range(first, first + count)]
    batch.start_ms[:], batch.length_ms[:], batch.arrival_ms[:] = OPEN, MINUTE_MS, OPEN + MINUTE_MS
    batch.values[:6] = np.array([[50.0], [51.0], [49.0], [50.0], [100.0], [50.0]])
    return batch
