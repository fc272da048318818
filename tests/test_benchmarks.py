"""The form of what benchmarks answer, and that both sides do the same work. No speed is asserted anywhere."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson
import pytest

from benchmarks.indicators import Columns
from benchmarks.peers.streams import COMMON, Peer
from benchmarks.peers.vendor import Vendor
from benchmarks.report import result
from benchmarks.scanner import plan
from benchmarks.tape import HISTORY, Tape
from daemon.engine.plan import When
from streams.bars import FIELDS
from streams.polygon.codec import Codec

pytestmark = pytest.mark.timeout(240)  # a first run compiles every kernel

STAGES = ("", ".decode", ".indicators", ".score", ".rules", ".outbox")
FIELDS_ON_WIRE = {"ev", "sym", "v", "av", "op", "vw", "o", "c", "h", "l", "a", "z", "s", "e", "dv", "dav"}


def bench(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], capture_output=True, check=False)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    ran = bench("--quick", "market_second")
    assert ran.returncode == 0, ran.stderr.decode()
    assert b"market_second.decode" in ran.stderr
    answer: dict[str, Any] = orjson.loads(ran.stdout)
    return answer


def test_stdout_holds_one_document_with_the_machine_and_every_stage(document: dict[str, Any]) -> None:
    assert document.keys() == {"machine", "results"}
    assert {"cpu", "cores", "load", "python", "versions"} <= document["machine"].keys()
    assert [one["name"] for one in document["results"]] == [f"market_second{stage}" for stage in STAGES]


def test_every_result_compares_with_its_best_peer_or_has_none(document: dict[str, Any]) -> None:
    for one in document["results"]:
        assert one["unit"] == "ms"
        assert one["technic"] > 0
        if one["peers"]:
            assert one["ratio"] == pytest.approx(min(one["peers"].values()) / one["technic"], abs=0.02, rel=0.02)
        else:
            assert one["ratio"] is None


def test_the_whole_says_what_was_asked(document: dict[str, Any]) -> None:
    detail = document["results"][0]["detail"]
    assert len(detail["outputs"]) == len(set(detail["outputs"])) == 42
    assert len(detail["rules"]) == 5
    assert set(document["results"][0]["peers"]) == {"massive+wickra+river", "massive+talipp+river"}


def test_both_sides_find_something_to_tell(document: dict[str, Any]) -> None:
    detail = document["results"][0]["detail"]
    assert detail["alerts_a_second"] > 0
    assert detail["peers_alerts_a_second"] > 0


def test_an_unknown_question_is_refused_by_name() -> None:
    ran = bench("market_secund")
    assert ran.returncode == 2
    assert b"market_secund" in ran.stderr
    assert ran.stdout == b""


def test_rules_and_features_need_some_forty_outputs_and_the_tape_is_long_enough_for_all() -> None:
    needed = plan()
    assert sum(len(spec.outputs) for spec in needed.specs) == 42
    assert max(bars for needs in needed.needs for bars in needs.values()) < HISTORY
    assert needed.judged[When.FORMING].all()


def test_technic_and_the_vendors_client_read_the_same_bars_from_a_frame() -> None:
    tape = Tape(50, frame=25)
    for frame in tape.frames(3):
        decoded = Codec().decode(frame, 0)
        assert not decoded.rejects
        events = Vendor().decode(frame.decode())
        assert decoded.bars.symbol.tolist() == [event.symbol.encode() for event in events]
        for field, name in zip(FIELDS[:6], ("open", "high", "low", "close", "volume", "vwap"), strict=True):
            assert decoded.bars.values[FIELDS.index(field)].tolist() == [getattr(event, name) for event in events]


def test_a_frame_carries_every_field_of_the_vendors_second_bar() -> None:
    events = [event for frame in Tape(200).frames(0) for event in orjson.loads(frame)]
    assert len(events) == 200
    assert all(event.keys() - {"otc"} == FIELDS_ON_WIRE for event in events)
    assert 0 < sum("otc" in event for event in events) < 50


def test_a_tape_is_the_same_every_time() -> None:
    assert Tape(30).frames(7) == Tape(30).frames(7)
    assert Tape(30).frames(7) != Tape(30).frames(8)


def test_a_ratio_is_that_of_the_best_peer() -> None:
    assert result("x", 2.0, {"slow": 30.0, "quick": 10.0}).ratio == 5.0
    assert result("x", 2.0, {}).ratio is None


@pytest.fixture(scope="module")
def indicators() -> dict[str, dict[str, Any]]:
    ran = bench("--quick", "indicators")
    assert ran.returncode == 0, ran.stderr.decode()
    return {one["name"]: one for one in orjson.loads(ran.stdout)["results"]}


def test_indicators_are_compared_by_output_and_bar(indicators: dict[str, dict[str, Any]]) -> None:
    for one in COMMON:
        answer = indicators[f"indicators.{one.name}"]
        assert answer["unit"] == "ns/output/bar"
        assert answer["technic"] > 0
        assert {"wickra", "ta-lib"} <= set(answer["peers"])


def test_the_set_has_forty_outputs_and_says_what_peers_lack(indicators: dict[str, dict[str, Any]]) -> None:
    answer = indicators["indicators.set40"]
    assert set(answer["peers"]) == {"wickra", "talipp", "ta-lib"}
    assert answer["detail"]["outputs"]["technic"] == 40
    assert answer["detail"]["lacks"]["talipp"] == ["mfi", "true_range", "zscore", "rvol"]
    assert all(20 < outputs <= 40 for outputs in answer["detail"]["outputs"].values())


def test_windows_snapshot_and_memory_are_told(indicators: dict[str, dict[str, Any]]) -> None:
    for name in ("sma", "stddev", "donchian", "cci"):
        assert f"indicators.window.{name}.10" in indicators
    assert indicators["indicators.snapshot.save"]["detail"]["bytes"] > 0
    assert indicators["indicators.snapshot.restore"]["unit"] == "s"
    assert indicators["indicators.memory"]["unit"] == "bytes/symbol"


def test_technic_and_its_peers_give_the_same_averages_and_strength() -> None:
    """All that agree on a definition, after the same bars."""
    bars = Tape(3).history[-200:]
    for one in COMMON:
        if one.name not in {"sma", "wma", "rsi", "atr", "cci", "roc", "stddev", "true_range"}:
            continue
        ours = Columns([one], bars, 199)
        ours.run(ours.prepare(0))
        (update, taken), *_ = Peer("ta-lib", [one], bars[:, :, 1:2], 198)._calls
        assert update(*taken[1]) == pytest.approx(ours.frame.out[0, 1], rel=1e-9), one.name


def test_the_leaderboard_is_told_with_the_engines_share_and_the_plain_way_beside_it() -> None:
    ran = bench("--quick", "leaderboard")
    assert ran.returncode == 0, ran.stderr.decode()
    results = orjson.loads(ran.stdout)["results"]
    parts = ("rank", "write", "standstill", "server")
    assert [one["name"] for one in results] == [f"leaderboard.{part}" for part in parts]
    assert [list(one["peers"]) for one in results] == [[], *3 * [["one pipeline"]]]
    assert all(one["technic"] >= 0 and one["unit"] == "ms" for one in results)
    assert results[0]["detail"]["p99_ms"] > 0
