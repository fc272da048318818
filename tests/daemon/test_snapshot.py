from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon import assembly, snapshot, statefile
from daemon.clock import SystemClock
from daemon.engine.alerts import digest
from daemon.scoring.features import DEFAULT_FEATURES
from daemon.scoring.link import Link
from daemon.scoring.view import to_arrays, untaught
from streams.bars import MINUTE_MS
from tests.daemon.running import OPEN, RULES, bar, config_of, engine_of, replayed, walk
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.config import Config
    from daemon.engine.engine import Engine

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


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda whole: whole[: len(whole) // 2],
    "empty": lambda _: b"",
    "a bit flipped": lambda whole: whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
    "foreign": lambda _: b"\x80\x04\x95 a pickle of somebody",
    "of another schema": lambda whole: whole.replace(b'"schema":1', b'"schema":2', 1),
}


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


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("frame/count", np.zeros(3, np.int64)),
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


MODEL = ("questions/", "judge/", "view/", "engine/question", "engine/features", "engine/scores")


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
        "saved model refused, it starts cold; all else goes on",
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


def test_a_teacher_of_other_features_costs_the_model_and_no_half_of_it(path: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", model={"enabled": True})
    first = Link([f"{feature} + 0" for feature in DEFAULT_FEATURES], ManualClock())
    saved = engine_of(config)
    saved.step(FIRST)
    snapshot.save(path, saved, first)
    second = Link(DEFAULT_FEATURES, ManualClock())
    before = plain(second.to_arrays())
    restored = snapshot.restored(path, lambda: engine_of(config), second)
    assert_the_market_alone_goes_on(restored, saved, engine_of(config), path, path.read_bytes())
    assert plain(second.to_arrays()) == before


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
    views = [untaught(len(DEFAULT_FEATURES))._replace(minute_ms=OPEN + n, intercept=0.5 * n) for n in (1, 2)]
    first = Link(DEFAULT_FEATURES, ManualClock())
    first.load_arrays({**to_arrays(views, len(DEFAULT_FEATURES)), "features": first.to_arrays()["features"]})
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
