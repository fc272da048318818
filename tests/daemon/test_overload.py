"""What is let go when the engine is too slow, in which order, and that it is taken up again."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from daemon import overload as overloads
from daemon.clock import SystemClock
from daemon.overload import DOWN_S, HIGH_S, LOW_S, UP_S, Overload, Step
from streams.bars import SECOND_MS, concat
from streams.redis.connection import connect
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, bar, config_of, running, url_of, walk

if TYPE_CHECKING:
    from pathlib import Path

    from streams.bars import BarBatch
    from streams.outbox import Stored


def steps(waits: list[tuple[float, float]]) -> list[tuple[float, Step]]:
    """Moments and steps, for waits that last so many seconds."""
    ladder, now_s, found = Overload(), 0.0, []
    for waiting_s, for_s in waits:
        end_s = now_s + for_s
        while now_s < end_s:
            if ladder.look(waiting_s, now_s):
                found.append((now_s, ladder.step))
            now_s += 0.25
    return found


def test_each_step_takes_a_while_of_waiting_and_each_step_back_a_longer_one_without() -> None:
    up = steps([(HIGH_S + 0.1, 10.0)])
    assert up == [(UP_S, Step.ENRICHMENT), (2 * UP_S, Step.LEARNING), (3 * UP_S, Step.COALESCING)]
    both = steps([(HIGH_S + 0.1, 3 * UP_S + 0.25), (LOW_S - 0.1, 4 * DOWN_S)])[3:]
    assert [step for _, step in both] == [Step.LEARNING, Step.ENRICHMENT, Step.NOTHING]
    assert [round(b - a, 2) for (a, _), (b, _) in pairwise(both)] == [DOWN_S, DOWN_S]


def test_short_peaks_change_nothing_and_between_the_bounds_it_stays() -> None:
    assert steps([(HIGH_S + 5, UP_S - 0.5), (0.0, 1.0)] * 20) == []
    assert steps([(HIGH_S + 0.1, UP_S + 0.25), ((HIGH_S + LOW_S) / 2, 10 * DOWN_S)]) == [(UP_S, Step.ENRICHMENT)]


@pytest.mark.timeout(60)
async def test_a_slow_engine_lets_go_of_what_it_can_and_takes_it_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overloads, "UP_S", 0.3)
    monkeypatch.setattr(overloads, "HIGH_S", 0.2)
    monkeypatch.setattr(overloads, "DOWN_S", 0.5)
    monkeypatch.setattr(overloads, "LOOK_S", 0.05)
    async with Simulator(Tape(walk(3, 5)), clock=SystemClock(), key=KEY, speed=1.0) as exchange:
        config = config_of(tmp_path, url_of(exchange.port), feed={"lossless": False}, model={"enabled": True})
        async with running(config) as app:
            second = concat([bar("S00", OPEN + k * SECOND_MS, 50.0, length_ms=SECOND_MS) for k in range(5)])
            turn, free = app.live._turn, threading.Event()

            def slow(batch: BarBatch, now_ms: int | None) -> list[Stored]:
                free.wait(15.0)
                return turn(batch, now_ms)

            monkeypatch.setattr(app.live, "_turn", slow)
            async with asyncio.timeout(20):
                while app.overload.step < Step.COALESCING:
                    app.inbox.put(second, app.clock.monotonic_s())
                    await asyncio.sleep(0.02)
                assert app.teacher is not None
                assert (app.teacher.shedding, app.inbox.merging) == (True, True)
                free.set()
                while app.overload.step > Step.NOTHING:
                    await asyncio.sleep(0.02)
            assert (app.teacher.shedding, app.inbox.merging) == (False, False)
            assert app.inbox.merged > 0
            await asyncio.sleep(0.2)
            async with connect(app.redis_url) as client:
                entries = await client.xrange("technic:events")
    told = [fields[b"step"].decode() for _, fields in entries if fields[b"kind"] == b"overload.step"]
    assert told == ["enrichment", "learning", "coalescing", "learning", "enrichment", "nothing"]
