from __future__ import annotations

import asyncio
import os
import sys
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon import assembly, snapshot, statefile
from daemon.clock import SystemClock
from daemon.engine.alerts import digest
from daemon.scoring import wire
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.link import Link
from daemon.scoring.view import level, untaught
from streams.bars import MINUTE_MS, concat
from streams.outbox import Entry, Outbox
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import (
    KEY,
    OPEN,
    RULES,
    Tape,
    bar,
    config_of,
    engine_of,
    in_redis,
    replayed,
    running,
    url_of,
    walk,
)
from tests.fakes.clock import ManualClock
from tests.fakes.program import ROOT
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.config import Config
    from daemon.engine.alerts import Alert
    from daemon.engine.engine import Engine
    from streams.bars import BarBatch

BARS = walk(6, 40)
HALF = int(np.searchsorted(BARS.start_ms, OPEN + 20 * MINUTE_MS))
FIRST, SECOND = BARS.take(slice(0, HALF)), BARS.take(slice(HALF, None))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(tmp_path, "ws://127.0.0.1:1/stocks")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.state"


@pytest.fixture
def saved(config: Config, path: Path) -> Engine:
    """An engine in the middle of the bars, and its state at `path`."""
    engine = engine_of(config)
    engine.step(FIRST)
    snapshot.save(path, engine, None)
    return engine


def plain(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, tuple[tuple[int, ...], bytes]]:
    return {name: (array.shape, array.tobytes()) for name, array in arrays.items()}


def assert_cold(engine: Engine, path: Path, aside: bytes) -> None:
    assert len(engine.symbols) == engine.counts.bars == 0
    assert not path.exists()
    assert path.with_name("engine.state.bad").read_bytes() == aside


def test_without_a_state_the_start_is_cold_and_nothing_is_set_aside(config: Config, path: Path) -> None:
    engine = snapshot.restored(path, lambda: engine_of(config), None)
    assert len(engine.symbols) == 0
    assert not list(path.parent.glob("*.bad"))


def test_a_saved_engine_goes_on_bit_for_bit(config: Config, path: Path, saved: Engine) -> None:
    restored = snapshot.restored(path, lambda: engine_of(config), None)
    assert plain(restored.to_arrays()) == plain(saved.to_arrays())
    whole = replayed(config, BARS)
    after = restored.step(SECOND) + restored.advance(2**61)
    assert after
    assert [alert.id for alert in after] == [alert.id for alert in whole if alert.bar_start_ms >= OPEN + 20 * MINUTE_MS]
    assert digest(after) == digest(whole[-len(after) :])


LOOKED_AT = "the one before it is looked at"

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda whole: whole[: len(whole) // 2],
    "empty": lambda _: b"",
    "a bit flipped": lambda whole: whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
    "foreign": lambda _: b"\x80\x04\x95 a pickle of somebody",
    "of another schema": lambda whole: of_another_schema(whole),  # noqa: PLW0108 (made below)
}


def of_another_schema(whole: bytes) -> bytes:
    """The same file as a later version would write it."""
    first, rest = whole.split(b"\n", 1)
    size = int(first.split()[2])
    directory = rest[:size].replace(b'"schema":%d' % statefile.SCHEMA, b'"schema":9', 1)
    return b"technic state %d %d\n" % (size, crc32(directory)) + directory + rest[size:]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_state_is_set_aside_and_the_start_is_cold(
    config: Config, path: Path, saved: Engine, damage: Callable[[bytes], bytes]
) -> None:
    assert saved.counts.bars
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with capture_logs() as logged:
        engine = snapshot.restored(path, lambda: engine_of(config), None)
    assert_cold(engine, path, damaged)
    assert [line["event"] for line in logged] == ["saved state refused, starting cold"]
    assert logged[0]["kept_as"] == str(path) + ".bad"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_where_the_newest_state_is_damaged_the_one_before_it_goes_on(
    config: Config, path: Path, saved: Engine, damage: Callable[[bytes], bytes]
) -> None:
    before = saved.counts.bars
    saved.step(BARS.take(slice(BARS.size - 40, None)))
    snapshot.save(path, saved, None)
    path.write_bytes(damage(path.read_bytes()))
    with capture_logs() as logged:
        engine = snapshot.restored(path, lambda: engine_of(config), None)
    assert engine.counts.bars == before < saved.counts.bars
    assert [line["event"] for line in logged] == [
        "saved state refused, the one before it is looked at",
        "state restored",
    ]
    assert path.with_name("engine.state.bad").exists()


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("timeframes/1/count", np.zeros(3, np.int64)),
        ("engine/counts", np.zeros(99, np.int64)),
        ("engine/barrier", None),
        ("forming/bars", None),
        ("symbols/symbols", None),
    ],
)
def test_sound_arrays_that_do_not_fit_are_set_aside(
    config: Config, path: Path, saved: Engine, name: str, spoilt: NDArray[np.generic] | None
) -> None:
    arrays = dict(saved.to_arrays())
    del arrays[name]
    statefile.write(path, arrays if spoilt is None else {**arrays, name: spoilt})
    whole = path.read_bytes()
    assert_cold(snapshot.restored(path, lambda: engine_of(config), None), path, whole)


MODEL = ("questions/", "judge/", "card/", "view/", "engine/question", "engine/features", "engine/scores")


def parts(engine: Engine) -> tuple[dict[str, Any], dict[str, Any]]:
    """The market's and the model's."""
    arrays = plain(engine.to_arrays())
    model = {name: array for name, array in arrays.items() if name.startswith(MODEL)}
    return {name: array for name, array in arrays.items() if name not in model}, model


def assert_the_market_alone_goes_on(engine: Engine, saved: Engine, fresh: Engine, path: Path, whole: bytes) -> None:
    market, model = parts(engine)
    assert market == parts(saved)[0]
    assert model == parts(fresh)[1]
    assert path.read_bytes() == path.with_name("engine.state.bad").read_bytes() == whole


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("engine/scores", np.zeros(9_999)),
        ("engine/features", np.zeros((1024, 3))),
        ("questions/upper", np.zeros((5, 2))),
        ("judge/bins", None),
        ("engine/question", None),
        ("view/weights", np.zeros(2)),
    ],
)
def test_a_model_that_does_not_fit_starts_cold_and_the_market_goes_on(
    config: Config, path: Path, saved: Engine, name: str, spoilt: NDArray[np.generic] | None
) -> None:
    arrays = dict(saved.to_arrays())
    arrays.pop(name, None)
    statefile.write(path, arrays if spoilt is None else {**arrays, name: spoilt})
    whole = path.read_bytes()
    with capture_logs() as logged:
        restored = snapshot.restored(path, lambda: engine_of(config), None)
    assert_the_market_alone_goes_on(restored, saved, engine_of(config), path, whole)
    assert [line["event"] for line in logged] == [
        "saved questions refused, new ones are asked; all else goes on",
        "state restored",
    ]


@pytest.mark.parametrize("change", [{"horizon_minutes": 20}, {"threshold_atr": 3.0}, {"enabled": True}])
def test_a_change_of_the_model_costs_the_model_and_no_more(
    config: Config, path: Path, saved: Engine, tmp_path: Path, change: dict[str, Any]
) -> None:
    other = config_of(tmp_path, "ws://127.0.0.1:1/stocks", model={"enabled": False, **change})
    teacher = assembly.teacher_of(other, SystemClock(), patient=False)
    with capture_logs() as logged:
        restored = snapshot.restored(path, lambda: engine_of(other), teacher)
    assert "model.threshold_atr and the number of features were [15.0, 4.0, 0.0], now they are" in logged[0]["error"]
    assert restored.counts == saved.counts
    assert restored.barrier.closed_ms == saved.barrier.closed_ms
    due = [alert.id for alert in replayed(config, BARS) if alert.bar_start_ms >= OPEN + 20 * MINUTE_MS]
    assert [alert.id for alert in restored.step(SECOND) + restored.advance(2**61)] == due


def test_questions_asked_with_other_features_are_not_answered(path: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", model={"enabled": True})
    saved = engine_of(config)
    saved.step(FIRST)
    arrays = saved.to_arrays()
    statefile.write(path, {**arrays, "engine/features of": arrays["engine/features of"][::-1]})
    restored = snapshot.restored(path, lambda: engine_of(config), None)
    assert restored.counts.bars == saved.counts.bars
    assert parts(restored)[1] == parts(engine_of(config))[1]


def test_fewer_symbols_allowed_than_saved_keep_those_and_take_no_new_ones(
    path: Path, saved: Engine, tmp_path: Path
) -> None:
    fewer = config_of(tmp_path, "ws://127.0.0.1:1/stocks", engine={"max_symbols": 4})
    with capture_logs() as logged:
        restored = snapshot.restored(path, lambda: engine_of(fewer), None)
    assert plain(restored.to_arrays()) == plain(saved.to_arrays())
    restored.step(bar("NEW", OPEN + 20 * MINUTE_MS, 50.0))
    restored.step(SECOND)
    assert (len(restored.symbols), restored.counts.excess) == (6, 1)
    assert restored.counts.bars == BARS.size
    assert "6 are saved, 4 are allowed: those saved stay, none is added" in logged[0]["what"]


def test_other_rules_go_on_with_what_both_know(config: Config, path: Path, saved: Engine) -> None:
    assert config.engine.rules
    config.engine.rules.write_text(RULES.replace("sma(volume, 5)", "sma(volume, 6)"))
    restored = snapshot.restored(path, lambda: engine_of(config), None)
    assert restored.counts.bars == saved.counts.bars
    ids = {alert.id for alert in restored.step(SECOND) if alert.rule == "turn-up"}
    assert ids
    assert ids <= {alert.id for alert in replayed(config, BARS)}


def test_views_of_the_model_go_with_the_state(path: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", model={"enabled": True})
    features = len(DEFAULT_FEATURES)
    views = [untaught(features)._replace(minute_ms=OPEN + n, additive=level(features, 0.5 * n)) for n in (1, 2)]
    first = Link(DEFAULT_FEATURES, ManualClock())
    frames = b"".join(wire.answer(0, 0, view) for view in views)
    first.load_arrays({**first.to_arrays(), "views": np.frombuffer(frames, np.uint8)})
    snapshot.save(path, engine_of(config), first)
    second = Link(DEFAULT_FEATURES, ManualClock())
    snapshot.restored(path, lambda: engine_of(config), second)
    assert plain(second.to_arrays()) == plain(first.to_arrays())
    view = second.view(OPEN + 1)
    assert view is not None
    assert view.intercept == 0.5


def test_a_disk_that_refuses_costs_a_warm_start_and_no_more(saved: Engine, tmp_path: Path) -> None:
    with capture_logs() as logged:
        snapshot.save(tmp_path / "nowhere" / "engine.state", saved, None)
    assert [(line["event"], line["log_level"]) for line in logged] == [("state not saved", "warning")]


def test_what_an_interrupted_save_left_behind_is_in_nobody_s_way(config: Config, path: Path, saved: Engine) -> None:
    path.with_name("engine.state.tmp").write_bytes(b"half a st")
    assert snapshot.restored(path, lambda: engine_of(config), None).counts == saved.counts
    snapshot.save(path, saved, None)
    assert not path.with_name("engine.state.tmp").exists()


def entries(alerts: Sequence[Alert]) -> list[Entry]:
    return [Entry(alert.id, alert.fields()) for alert in alerts]


def lasting(prices: Sequence[float], first: int) -> BarBatch:
    """Bars of symbol A from minute `first` on."""
    return concat([bar("A", OPEN + n * MINUTE_MS, price) for n, price in enumerate(prices, start=first)])


def test_an_episode_told_between_snapshot_and_kill_is_told_once_and_its_cooldown_counts(
    tmp_path: Path, path: Path
) -> None:
    rules = """[[rule]]
name = "dear"
where = "close > 50"
cooldown = "10m"
"""
    config, outbox = config_of(tmp_path, "ws://127.0.0.1:1/stocks", rules=rules), Outbox(tmp_path / "outbox.db")
    engine = engine_of(config)
    engine.step(bar("B", OPEN, 10.0))
    snapshot.save(path, engine, None, outbox)
    told = engine.step(lasting([40.0, 60.0, 61.0], 1))
    assert [alert.bar_start_ms for alert in told] == [OPEN + 2 * MINUTE_MS]
    outbox.append(entries(told), OPEN)

    restored = snapshot.restored(path, lambda: engine_of(config), None, outbox)
    assert restored.step(lasting([60.0], 6)) == [], "the same episode, seen from after the gap"
    assert restored.step(lasting([40.0, 60.0], 7)) == [], "within the cooldown of what was told before the kill"
    (again,) = restored.step(lasting([40.0, 60.0], 12))
    assert again.bar_start_ms == OPEN + 13 * MINUTE_MS
    outbox.close()


def test_bars_that_come_again_after_a_kill_give_the_alerts_of_an_uninterrupted_day(
    tmp_path: Path, config: Config, path: Path
) -> None:
    whole, outbox = replayed(config, BARS), Outbox(tmp_path / "outbox.db")
    engine = engine_of(config)
    at = [int(np.searchsorted(BARS.start_ms, OPEN + n * MINUTE_MS)) for n in (10, 20)]
    outbox.append(entries(engine.step(BARS.take(slice(0, at[0])))), OPEN)
    snapshot.save(path, engine, None, outbox)
    outbox.append(entries(engine.step(BARS.take(slice(*at)))), OPEN)

    restored = snapshot.restored(path, lambda: engine_of(config), None, outbox)
    outbox.append(entries(restored.step(BARS.take(slice(at[0], None))) + restored.advance(2**61)), OPEN)
    assert [row.id for row in outbox.read_beyond(0, 9_999)] == [alert.id for alert in whole]
    outbox.close()


def test_a_cold_start_takes_nothing_from_the_outbox(tmp_path: Path, config: Config, path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(entries(replayed(config, BARS)), OPEN)
    assert len(snapshot.restored(path, lambda: engine_of(config), None, outbox).symbols) == 0
    outbox.close()


def test_alerts_in_an_unknown_form_and_an_outbox_that_began_anew_harm_nothing(
    tmp_path: Path, config: Config, path: Path, saved: Engine
) -> None:
    statefile.write(path, {**saved.to_arrays(), "outbox/seq": np.array([1_000])})
    outbox = Outbox(tmp_path / "outbox.db")
    alerts = [alert for alert in replayed(config, BARS) if alert.bar_start_ms >= OPEN + 20 * MINUTE_MS]
    outbox.append([Entry("1", {"data": "{}"}), Entry("2", {"x": "y"}), *entries(alerts[:3])], OPEN)
    with capture_logs() as logged:
        snapshot.restored(path, lambda: engine_of(config), None, outbox)
    assert logged[-1]["alerts_since"] == 3
    outbox.close()


def saved_bars(state: Path) -> int:
    """Bars that the engine of a saved state had counted, 0 where none is saved."""
    arrays = statefile.read(state)
    return 0 if arrays is None else int(arrays["engine/counts"][0])


async def test_the_state_is_saved_between_turns_while_the_engine_goes_on(tmp_path: Path) -> None:
    bars, state = walk(5, 40), tmp_path / "state" / "engine.state"
    async with Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        config = config_of(tmp_path, url_of(exchange.port), state={"snapshot_s": 0.01})
        async with running(config) as app:
            await eventually(lambda: app.engine.counts.bars == bars.size and app.engine.barrier.newest_ms > 0)
            await eventually(lambda: saved_bars(state) == bars.size)  # a copy of an earlier turn may come before
            arrays, held = statefile.read(state), app.engine.to_arrays()
            assert arrays is not None
            assert plain({"x": arrays["timeframes/1/ring"]}) == plain({"x": held["timeframes/1/ring"]})
            assert arrays["outbox/seq"][0] == app.outbox.newest_seq() > 50
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("snapshot")]


class Busy:
    """Turns the engine before each thing that is done between turns: bars come, symbols appear, rules are exchanged."""

    def __init__(self, engine: Engine, acts: Sequence[Callable[[], object]]) -> None:
        self._engine, self._acts, self.done = engine, list(acts), 0

    async def between_turns(self, act: Callable[[], object]) -> bool:
        if self._acts:
            self._acts.pop(0)()
        act()
        self.done += 1
        return True


@pytest.mark.parametrize("rows", [1, 2, 512])
async def test_what_is_copied_in_pieces_while_the_engine_turns_is_the_state_of_one_moment(
    config: Config, path: Path, saved: Engine, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(snapshot, "ROWS", rows)
    monkeypatch.setattr(snapshot, "FEW", 0)
    cuts = np.linspace(0, SECOND.size, 7).astype(int).tolist()
    pieces = [SECOND.take(slice(a, b)) for a, b in pairwise(cuts)]
    many = concat([bar(f"N{number}", OPEN + 30 * MINUTE_MS, 50.0) for number in range(saved.watch.capacity)])
    pieces.insert(4, many)  # the arrays are new ones after it
    busy = Busy(saved, [lambda bars=bars: saved.step(bars) for bars in pieces])  # type: ignore[misc]
    outbox = Outbox(path.with_name("outbox.db"))
    snapshots = snapshot.Snapshots(path, saved, None, outbox, busy, 60.0, SystemClock())  # type: ignore[arg-type]
    for _ in range(3):
        await snapshots.take()
        restored = snapshot.restored(path, lambda: engine_of(config), None)
        assert plain(restored.to_arrays()) == plain(saved.to_arrays())
        saved.reload(saved.plan)
    assert busy.done > len(pieces)
    snapshots.close()
    outbox.close()


async def test_the_age_of_the_last_snapshot_can_be_scraped_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(config_of(tmp_path, "ws://127.0.0.1:1/stocks")) as app:

        def age_s() -> float | None:
            return app.metrics.registry.get_sample_value("technic_snapshot_age_seconds")

        assert age_s() is None
        await app.snapshots.take()
        first = age_s()
        assert first is not None
        assert 0 <= first < 60
        with monkeypatch.context() as refusing:
            refusing.setattr(statefile, "write", refuse)
            await app.snapshots.take()
        second = age_s()
        assert second is not None
        assert second > first, "what was not written makes nothing younger"


def refuse(*_: object) -> int:
    raise OSError(28, "No space left on device")


async def test_zero_seconds_save_at_the_stop_and_only_then(tmp_path: Path) -> None:
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", state={"snapshot_s": 0})
    state = tmp_path / "state" / "engine.state"
    async with running(config) as app:
        await asyncio.wait_for(app.snapshots.run(), 10)
        assert not state.exists()
    assert state.exists()


DAEMON = """
import asyncio, pathlib, sys
from tests.daemon.running import config_of, running
async def main():
    async with running(config_of(pathlib.Path(sys.argv[1]), sys.argv[2], state={"snapshot_s": 0.02})):
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_after_a_kill_the_last_snapshot_returns_and_every_alert_is_told_once(tmp_path: Path) -> None:
    bars, state = walk(20, 300), tmp_path / "state" / "engine.state"
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks")
    environ, quiet = {**os.environ, "PYTHONPATH": str(ROOT)}, asyncio.subprocess.DEVNULL
    async with Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=20_000) as exchange:
        command = [sys.executable, "-c", DAEMON, str(tmp_path), url_of(exchange.port)]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environ, stdout=quiet, stderr=quiet)
        try:
            await eventually(lambda: (arrays := statefile.read(state)) is not None and arrays["outbox/seq"][0] > 20, 50)
        finally:
            process.kill()
            await process.wait()
    async with Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        config = config_of(tmp_path, url_of(exchange.port))
        with capture_logs() as logged:
            async with running(config) as app:
                warm = app.engine.counts.bars
                await eventually(lambda: app.engine.barrier.closed_ms >= OPEN + 299 * MINUTE_MS, 20)
                await eventually(lambda: app.outbox.backlog("redis").pending == 0)
                told = await in_redis(app.redis_url)
    assert [line["symbols"] for line in logged if line["event"] == "state restored"] == [20]
    assert 0 < warm < bars.size
    assert [alert.id for alert in told] == [alert.id for alert in replayed(config, bars)]
