from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.engine import halts as module
from daemon.engine.halts import Halts
from streams.polygon.messages import Band, bands

if TYPE_CHECKING:
    from streams.polygon.messages import BandBatch

AT = 1_736_173_800_000


def band(symbol: str, code: int, second: int = 0) -> Band:
    return Band(symbol.encode(), AT + 1000 * second, 0, float("nan"), float("nan"), code == 17, code == 18)


def frame(*rows: Band) -> BandBatch:
    return bands(rows, AT)


def test_a_halt_and_a_resumption_are_each_told_once() -> None:
    halts = Halts()
    told = halts.note(frame(band("A", 17), band("A", 17, 1), band("B", 15), band("A", 18, 300), band("A", 18, 301)))
    assert [(notice.kind, notice.fields["symbol"]) for notice in told] == [
        ("symbol.halted", "A"),
        ("symbol.resumed", "A"),
    ]
    assert told[0].fields["exchange_time"] == "2025-01-06T14:30:00Z"
    assert told[1].fields["halted_seconds"] == "300"
    assert not halts.since_ms


def test_a_resumption_without_a_halt_is_no_news() -> None:
    assert Halts().note(frame(band("A", 18))) == []


def test_no_more_than_so_many_are_remembered() -> None:
    halts = Halts()
    halts.note(frame(*(band(f"S{k}", 17, k) for k in range(module.MOST + 1))))
    assert len(halts.since_ms) == module.MOST
    assert b"S0" not in halts.since_ms
