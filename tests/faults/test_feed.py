"""The feed's faults, FEED-01 to FEED-16 of docs/faults.md."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
import zlib
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from daemon import standing
from daemon.app import App
from daemon.clock import SystemClock
from daemon.config import FeedSection
from daemon.engine.alerts import digest
from daemon.exits import Exit, expected, leaves
from daemon.markettime import SECONDS_S, Silence
from streams.bars import MINUTE_MS, SECOND_MS, concat
from streams.errors import CertificateRejected
from streams.polygon import feed as feed_module
from streams.polygon.codec import Codec
from streams.polygon.session import HEARING, State
from streams.polygon.spoilage import Condition, Spoilage
from streams.secret import Secret
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.engine import test_corrections as corrections
from tests.daemon.running import KEY as SIMULATED_KEY
from tests.daemon.running import OPEN, Tape, bar, config_of, engine_of, in_redis, replayed, running, url_of, walk
from tests.daemon.test_app import NOWHERE
from tests.daemon.test_live import Depth, Gate, minutes_of, seconds_of
from tests.fakes.certificate import self_signed
from tests.fakes.clock import ManualClock
from tests.fakes.feed import KEY, Peer, exchange
from tests.fakes.program import ROOT
from tests.fakes.proxy import Proxy
from tests.faults.daemons import Daemon
from tests.streams.polygon.frames import frame, minute, second, text
from tests.streams.polygon.test_feed import ENDS, Soon
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable

    from daemon.config import Config
    from daemon.engine.engine import Engine
    from streams.bars import BarBatch

FEED = {"key": KEY, "lossless": False}


def fed(folder: Path, url: str, **feed: Any) -> Config:
    return config_of(folder, url, feed={**FEED, **feed})


def elements_of(bars: BarBatch) -> list[dict[str, Any]]:
    """Minute bars as the vendor sends them."""
    found = []
    for k in range(bars.size):
        o, h, l, c, v = bars.values[:5, k].tolist()
        s = int(bars.start_ms[k])
        found.append(minute(bars.symbol[k].decode(), s=s, e=s + MINUTE_MS, o=o, h=h, l=l, c=c, v=v, dv=None, vw=c))
    return found


async def steady(peer: Peer) -> None:
    """Sends one bar, and lives on."""
    await peer.subscribe()
    await peer.send(*minutes_of(3, ["STEADY"]))
    await peer.wait()


def silent(spoken: list[int]) -> Callable[[Peer], Awaitable[None]]:
    """Subscribes whoever comes, answers pings, and says nothing else; notes each one."""

    async def script(peer: Peer) -> None:
        await peer.subscribe()
        spoken.append(1)
        await peer.wait()

    return script


@asynccontextmanager
async def listening(feed: feed_module.Feed) -> AsyncIterator[feed_module.Feed]:
    task = asyncio.ensure_future(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("end", ["close 1000", "close 1001", "close 1011", "end of file in a frame", "reset"])
async def test_feed_01_a_connection_that_ends_is_made_again_within_a_second_and_a_half(
    tmp_path: Path, end: str
) -> None:
    async with exchange(ENDS[end], steady) as fake, running(fed(tmp_path, fake.url)) as app:
        await eventually(lambda: b"STEADY" in app.engine.symbols.symbols.tolist(), 3)
        assert fake.asked == [["AM.*"], ["AM.*"]]
        assert app.feed.counts.losses == 1


async def test_feed_02_what_hangs_in_between_is_found_by_pings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PING_S", 0.2)
    monkeypatch.setattr(feed_module, "CLOSE_S", 0.2)
    async with exchange(steady) as fake:
        port = int(fake.url.rsplit(":", 1)[1].split("/")[0])
        async with Proxy("127.0.0.1", port) as proxy, running(fed(tmp_path, url_of(proxy.port))) as app:
            await eventually(lambda: app.feed.state is State.LIVE)
            proxy.mode = "hang"
            await eventually(lambda: app.feed.counts.losses == 1, 4)
            proxy.mode = "pass"
            await eventually(lambda: app.feed.state is State.LIVE and fake.opened == 2)


EXCHANGE = """
import asyncio
from tests.faults.test_feed import steady
from tests.fakes.feed import exchange
async def main():
    async with exchange(steady) as fake:
        print(fake.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_feed_02_an_exchange_that_is_stopped_is_left_within_fifteen_seconds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", EXCHANGE]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        try:
            assert process.stdout
            url = (await asyncio.to_thread(process.stdout.readline)).strip()
            async with running(fed(tmp_path, url)) as app:
                await eventually(lambda: app.feed.state is State.LIVE)
                process.send_signal(signal.SIGSTOP)
                await eventually(lambda: app.feed.counts.losses == 1, 15)
                process.send_signal(signal.SIGCONT)
                await eventually(lambda: app.feed.state is State.LIVE, 30)
        finally:
            process.kill()


async def test_feed_03_an_exchange_that_only_answers_pings_is_left_in_trading_hours_and_never_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "TICK_S", 0.001)
    clock, spoken = ManualClock(OPEN - MINUTE_MS), list[int]()
    sessions = engine_of(config_of(tmp_path, NOWHERE))._sessions
    silence = Silence(FeedSection(channels=("A.*",)), sessions, clock)
    events: list[Any] = []

    async def pass_by(seconds: int) -> None:
        """A second of the exchange's time after the other, and a look at each."""
        for _ in range(seconds):
            clock.advance(1)
            await asyncio.sleep(0.005)

    async with exchange(silent(spoken)) as fake:
        feed = feed_module.Feed(
            fake.url, Secret(KEY), ("A.*",), clock=clock, random=Soon(1), silence_s=silence.limit_s,
            on_frame=lambda *_: None, on_event=events.append,
        )  # fmt: skip
        async with listening(feed):
            await eventually(lambda: feed.state is State.SUBSCRIBED)
            await pass_by(60)
            assert len(spoken) == 1, "before the open silence is right"
            await pass_by(int(SECONDS_S) + 3)
            await eventually(lambda: len(spoken) == 2)
            assert any(getattr(event, "state", None) is State.STALE for event in events)
            assert State.STALE not in HEARING, "so that /readyz does not pass"
            clock.advance(390 * 60)
            await eventually(lambda: feed.state is State.SUBSCRIBED)
            before = len(spoken)
            await pass_by(60)
            assert len(spoken) <= before + 1, "after the close it is right again"


async def test_feed_04_nobody_there_is_told_once_and_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.app.random.Random", lambda: Soon(1))
    for url in (NOWHERE, "ws://no-such-host.invalid/stocks"):
        with capture_logs() as logged:
            async with running(fed(tmp_path, url)) as app:
                await eventually(lambda app=app: app.feed.counts.losses > 3)  # type: ignore[misc]
        told = [line["reason"] for line in logged if line["event"] == "feed.state" and line["state"] == "connecting"]
        assert len(told) == 1
        assert told[0].startswith("cannot connect")


async def test_feed_04_a_certificate_of_nobody_ends_the_daemon_as_a_wrong_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.app.random.Random", lambda: Soon(1))
    made = self_signed(tmp_path, "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    async with exchange(steady, ssl=context) as fake:
        config = fed(tmp_path, fake.url.replace("ws://", "wss://"))
        with capture_logs(), pytest.raises(ExceptionGroup) as ended:
            await App(config, SystemClock(), lambda: config).run()
    (error,) = leaves(ended.value)
    assert isinstance(error, CertificateRejected)
    assert expected(error) == Exit.CONFIG


async def test_feed_05_a_wrong_key_ends_the_process_with_78_and_systemd_lets_it_be(tmp_path: Path) -> None:
    async with exchange(Peer.login) as fake:
        with Daemon(tmp_path, fake.url, feed={"key": "the wrong key"}) as daemon:
            assert await daemon.ended(55) == Exit.CONFIG
            assert "the wrong key" not in daemon.log.read_text()
        assert fake.opened == 1
    assert "RestartPreventExitStatus=78" in (ROOT / "deploy" / "technic.service").read_text()


async def test_feed_05_a_channel_that_the_plan_lacks_is_an_alarm_and_no_end(tmp_path: Path) -> None:
    async def poor(peer: Peer) -> None:
        await peer.subscribe(denied=("A.*",))
        await peer.send(*minutes_of(3, ["STEADY"]))
        await peer.wait()

    with capture_logs() as logged:
        async with exchange(poor) as fake, running(fed(tmp_path, fake.url, channels=["A.*", "AM.*"])) as app:
            await eventually(lambda: app.engine.counts.bars == 1)
    (alarm,) = [line for line in logged if line["event"] == "feed.unauthorised"]
    assert (alarm["log_level"], alarm["channels"]) == ("warning", "A.*")


async def test_feed_06_who_is_evicted_stays_away_for_a_minute_and_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        task = asyncio.current_task()
        if seconds > 50 and task and task.get_name() == "feed":
            delays.append(seconds)
            seconds = 0.01
        await sleep(seconds)

    async def evicting(peer: Peer) -> None:
        await peer.subscribe()
        await peer.status("max_connections", "Maximum number of websocket connections exceeded.")
        await peer.wait()

    monkeypatch.setattr(feed_module.asyncio, "sleep", note)
    async with exchange(evicting) as fake, running(fed(tmp_path, fake.url, channels=["AM.*"])) as app:
        await eventually(lambda: len(delays) >= 3)
        assert app.feed.state is State.EVICTED
    assert all(60 * 2**n <= delay <= 75 * 2**n for n, delay in enumerate(delays[:3]))


async def test_feed_06_a_twin_on_the_same_folder_does_not_start(tmp_path: Path) -> None:
    async with running(config_of(tmp_path, NOWHERE)):
        with Daemon(tmp_path, NOWHERE) as twin:
            assert await twin.ended(55) == Exit.TRY_AGAIN
            assert "another technic" in twin.log.read_text()


async def test_feed_07_a_slow_engine_stops_nobody_from_reading_and_costs_no_minute_bar(tmp_path: Path) -> None:
    minutes, go, sent = 40, asyncio.Event(), asyncio.Event()

    async def flood(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(*minutes_of(0))
        await go.wait()
        for number in range(1, minutes + 1):
            for at in range(0, 600, 100):
                await peer.send(*seconds_of(number)[at : at + 100])
            await peer.send(*minutes_of(number))
        await (await peer.connection.ping())
        sent.set()
        await peer.wait()

    async with (
        exchange(flood, ping_interval=0.05, ping_timeout=5) as fake,
        running(fed(tmp_path, fake.url, channels=["A.*", "AM.*"], inbox_bars=1024)) as app,
    ):
        gate, depth = Gate(app.engine), Depth(app.inbox)
        await eventually(lambda: gate.held)
        before = resident_kilobytes()
        go.set()
        await asyncio.wait_for(sent.wait(), 20)
        grown = resident_kilobytes() - before
        gate.open()
        await eventually(lambda: app.engine.counts.bars == (minutes + 1) * 10)
        seconds = gate.taken.take(gate.taken.length_ms == SECOND_MS)
        assert (fake.opened, app.feed.counts.losses) == (1, 0)
    assert depth.deepest <= 1024
    assert app.inbox.merged == minutes * 600 - seconds.size > 0, "what merged is counted to the bar"
    assert seconds.values[4].sum() == minutes * 600 * 100.0, "and no share is lost"
    assert grown < 24_000


def resident_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


POISON: dict[str, list[Any]] = {
    "malformed": [b'{"ev":"AM","sym":', b"[1,2", b"\xff\xfe", b'{"ev":"AM"}'],
    "wrong types": [minute("BAD", o="12"), minute("BAD", s=None), minute("BAD", v=[1]), 7, "text", None, [], True],
    "unknown": [{"ev": "XYZ", "sym": "BAD"}, {"ev": 5}, {}],
    "numbers": [
        *(minute("BAD", **{name: value}) for name in ("o", "h", "l", "c") for value in (-1.0, 0.0, 1e308)),
        *(text(minute("BAD", o=77)).replace(b"77", number) for number in (b"NaN", b"Infinity", b"1e999", b"-1e308")),
        minute("BAD", h=1.0, l=2.0, o=1.5, c=1.5),
        minute("BAD", v=1e308, dv="1e308"),
        minute("BAD", v=-5, dv="-5"),
        text(minute("BAD", s=88)).replace(b"88", b"9" * 400),
        minute("BAD", s=0, e=60_000),
        minute("BAD", s=253_370_764_800_000, e=253_370_764_860_000),
    ],
}


async def test_feed_08_what_cannot_be_read_is_counted_by_reason_and_costs_no_neighbour(
    tmp_path: Path, chance: random.Random
) -> None:
    poison = [part for parts in POISON.values() for part in parts]
    chance.shuffle(poison)
    good = [f"G{n}" for n in range(len(poison))]

    async def mixed(peer: Peer) -> None:
        await peer.subscribe()
        for name, bad in zip(good, poison, strict=True):
            elements = [*minutes_of(0, [f"{name}A"]), bad, *minutes_of(0, [f"{name}B"])]
            await peer.connection.send(frame(*elements), text=False)
        await peer.wait()

    async with exchange(mixed) as fake, running(fed(tmp_path, fake.url)) as app:
        await eventually(lambda: app.engine.counts.bars >= 2 * len(good) - 4)
        taken = set(app.engine.symbols.symbols.tolist())
        rejects = [sample for sample in scraped(app, "technic_rejects_total") if sample.value]
        assert app.feed.counts.losses == 0
    lost = {f"{name}{end}".encode() for name in good for end in "AB"} - taken
    assert len(lost) <= 2, "of an element that does not end, its own end is a guess"
    assert b"BAD" not in taken
    assert len(rejects) > 4


def scraped(app: App, name: str) -> list[Any]:
    return [sample for metric in app.metrics.registry.collect() for sample in metric.samples if sample.name == name]


async def test_feed_08_a_feed_that_stays_bad_is_connected_again_once_and_then_shown_as_degraded(
    tmp_path: Path,
) -> None:
    async def spoiled(peer: Peer) -> None:
        await peer.subscribe()
        while True:
            await peer.send(*minutes_of(0, ["GOOD"]), second("BAD", o=0))
            await asyncio.sleep(0.001)

    async with exchange(spoiled) as fake, running(fed(tmp_path, fake.url)) as app:
        app.live.spoilage = Spoilage(run_s=0.2, slice_s=0.02)
        await eventually(lambda: app.live.spoilage.condition is Condition.DEGRADED)
        assert fake.opened == 2
        assert not standing.feed(app).ok


def played(config: Config, frames: list[bytes]) -> tuple[Engine, str]:
    """An engine that has taken all frames, and the digest of its alerts."""
    engine, codec, alerts = engine_of(config), Codec(), []
    for content in frames:
        bars = codec.decode(content, 0).bars
        if bars.size:
            alerts += engine.step(bars._replace(arrival_ms=bars.start_ms + bars.length_ms))
    return engine, digest(alerts + engine.flush())


def bits(engine: Engine) -> dict[str, bytes]:
    """All of the state but for the counts of bars."""
    return {name: array.tobytes() for name, array in engine.to_arrays().items() if name != "engine/counts"}


def test_feed_09_poison_leaves_state_and_alerts_as_they_are_to_the_last_bit(
    tmp_path: Path, chance: random.Random
) -> None:
    config, bars = config_of(tmp_path, NOWHERE), elements_of(walk(5, 60))
    clean = [frame(*bars[at : at + 5]) for at in range(0, len(bars), 5)]
    spoilt = [
        frame(*bars[at : at + 3], *chance.sample(POISON["numbers"], 3), *bars[at + 3 : at + 5])
        for at in range(0, len(bars), 5)
    ]
    engine, alerts = played(config, clean)
    other, others = played(config, spoilt)
    assert bits(other) == bits(engine)
    assert others == alerts


def bomb() -> bytes:
    """100 MiB of zeros in a compressed frame of 100 KB."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(100)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return b"\xc1\x7f" + (len(packed) - 4).to_bytes(8) + packed[:-4]


async def test_feed_10_bombs_and_endless_messages_are_refused_and_cost_no_memory(tmp_path: Path) -> None:
    codes: list[int | None] = []

    async def explode(peer: Peer) -> None:
        await peer.subscribe()
        peer.connection.transport.write(bomb())
        await peer.wait()
        codes.append(peer.connection.close_code)

    async def drone(peer: Peer) -> None:
        await peer.subscribe()
        with suppress(ConnectionClosed):
            await peer.connection.send("x" * 100 for _ in range(100_000))
        await peer.wait()
        codes.append(peer.connection.close_code)

    quiet = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(*minutes_of(3, ["STEADY"]))
        await quiet.wait()
        peer.cut()

    async with exchange(first, explode, drone, steady) as fake:
        with Daemon(tmp_path, fake.url, feed={"key": KEY}) as daemon:
            await daemon.ready()
            await asyncio.sleep(0.5)
            before = daemon.kilobytes("VmHWM")
            quiet.set()
            await eventually(lambda: fake.opened == 4, 20)
            grown = daemon.kilobytes("VmHWM") - before
            assert daemon.process.poll() is None
    assert codes == [1009, 1009]
    assert grown < 16 << 10


HOSTILE = [
    "X" * 1_000_000, "A\0B", "A\nB", "<script>", "\x1b[31m", "__proto__", "A B", "", "{x}", "%s", "../../etc",
    "\u202eA", "A" * 17, "aapl'--", "=cmd()",
]  # fmt: skip


async def test_feed_11_a_symbol_that_is_none_goes_nowhere(tmp_path: Path) -> None:
    async def hostile(peer: Peer) -> None:
        await peer.subscribe()
        for name in HOSTILE:
            await peer.send(*minutes_of(0, [name]), *(m for n in range(4) for m in minutes_of(n, ["FINE"])))
        await peer.wait()

    with capture_logs() as logged:
        async with exchange(hostile) as fake, running(fed(tmp_path, fake.url)) as app:
            await eventually(lambda: app.feed.counts.frames >= len(HOSTILE) + 3)
            await eventually(lambda: app.inbox.depth == 0)
            symbols = set(app.engine.symbols.symbols.tolist())
            rejected = sum(sample.value for sample in scraped(app, "technic_rejects_total"))
            shown = app.metrics.text().decode()
    accepted = {name.encode() for name in HOSTILE} & symbols
    assert accepted <= {b"../../etc"}, "letters, digits, dots, slashes and hyphens, sixteen at most"
    assert rejected >= len(HOSTILE) - 1
    for written in (shown, str(logged)):
        assert not any(name in written for name in HOSTILE if len(name) > 4 and name.encode() not in accepted)


def test_feed_12_every_frame_twice_gives_the_alerts_of_every_frame_once(tmp_path: Path) -> None:
    config, bars = config_of(tmp_path, NOWHERE), elements_of(walk(5, 60))
    once = [frame(*bars[at : at + 5]) for at in range(0, len(bars), 5)]
    engine, alerts = played(config, once)
    other, others = played(config, [each for each in once for _ in range(2)])
    assert others == alerts
    assert bits(other) == bits(engine)
    assert other.counts.repeated == len(bars)


def test_feed_13_bars_that_overtake_each_other_within_the_grace_give_the_same_alerts(
    tmp_path: Path, chance: random.Random
) -> None:
    config, bars = config_of(tmp_path, NOWHERE), walk(6, 60)
    sorted_, shuffled = engine_of(config), engine_of(config)
    came = np.array([int(end) + chance.randrange(2_000) for end in bars.start_ms + bars.length_ms])
    mixed = bars._replace(arrival_ms=came).take(np.argsort(came, kind="stable"))
    assert (np.diff(mixed.start_ms) == 0).any()
    assert mixed.symbol.tolist() != bars.symbol.tolist()
    one = [alert for k in range(bars.size) for alert in sorted_.step(bars.take(slice(k, k + 1)))] + sorted_.flush()
    two = [alert for k in range(bars.size) for alert in shuffled.step(mixed.take(slice(k, k + 1)))] + shuffled.flush()
    assert {(a.id, a.price) for a in one} == {(a.id, a.price) for a in two}
    assert len(one) > 50
    assert shuffled.counts.late == 0


def test_feed_14_bars_corrected_within_a_quarter_of_an_hour_end_as_if_they_had_been_right(
    chance: random.Random,
) -> None:
    minutes = list(range(30))
    wrong = {number: chance.uniform(-30, 30) for number in chance.sample(range(15, 30), 8)}
    engine, clean = (corrections.engine_of(corrections.RULES, corrections.CALENDAR) for _ in range(2))
    corrections.play(1, minutes, engine, wrong)
    corrections.play(1, minutes, clean, {})
    for number in chance.sample(list(wrong), len(wrong)):
        engine.step(corrections.bar(1, number))
    corrections.assert_same(engine, clean)


def test_feed_15_a_bar_twenty_minutes_late_changes_no_bit_and_is_counted(tmp_path: Path) -> None:
    engine, bars = engine_of(config_of(tmp_path, NOWHERE)), walk(3, 60)
    engine.step(bars)
    before, outdated = bits(engine), engine.counts.outdated
    late = bar("S00", OPEN + 39 * MINUTE_MS, 999.0)
    assert engine.step(late._replace(arrival_ms=np.array([OPEN + 60 * MINUTE_MS]))) == []
    assert engine.counts.outdated == outdated + 1
    assert bits(engine) == before


async def test_feed_16_a_minute_without_a_trade_is_no_fault_and_invents_no_bar(tmp_path: Path) -> None:
    bars = walk(5, 40)
    assert bars.size < 5 * 40, "some minutes have no trade"
    async with Simulator(Tape(bars), clock=SystemClock(), key=SIMULATED_KEY, speed=AS_FAST_AS_READ) as simulator:
        config = config_of(tmp_path, url_of(simulator.port))
        async with running(config) as app:
            await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 39 * MINUTE_MS)
            await eventually(lambda: app.outbox.backlog("redis").pending == 0)
            told = await in_redis(app.redis_url)
            assert (app.feed.counts.losses, app.engine.counts.bars) == (0, bars.size)
    assert [alert.id for alert in told] == [alert.id for alert in replayed(config, bars)]


async def test_feed_16_after_an_outage_windows_hold_what_came_and_nothing_else(tmp_path: Path) -> None:
    bars = elements_of(concat([bar("A", OPEN + n * MINUTE_MS, 50.0 + n) for n in range(12)]))

    def part(first: int, last: int, *, cut: bool) -> Callable[[Peer], Awaitable[None]]:
        async def script(peer: Peer) -> None:
            await peer.subscribe()
            await peer.send(*bars[first:last])
            if cut:
                await peer.connection.close(1011, "outage")
            await peer.wait()

        return script

    scripts = part(0, 4, cut=True), part(8, 12, cut=False)
    async with exchange(*scripts) as fake, running(fed(tmp_path, fake.url)) as app:
        await eventually(lambda: app.engine.counts.bars == 8)
        closes = app.engine.watch.minutes.bar("close", np.arange(1)).tolist()
        assert app.feed.counts.losses == 1
    assert closes == [61.0]
    assert app.engine.counts.stood_in == 0
