from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from daemon import upkeep
from daemon.events import Events
from daemon.notify import Notifier
from daemon.watchdog import Pulse
from daemon.web.readiness import Check
from streams.outbox import Entry, Outbox, Retention
from tests.fakes.clock import ManualClock
from tests.fakes.feed import eventually
from tests.fakes.stream import Stream
from tests.fakes.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    import pytest


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Heart:
    """A daemon's pulse, as told; counts how often somebody has felt it."""

    def __init__(self) -> None:
        self.age_s, self.felt = 0.0, 0

    def pulse(self) -> Pulse:
        self.felt += 1
        return Pulse({"engine": self.age_s})


async def test_the_watchdog_is_fed_while_the_engine_turns_and_starves_while_it_does_not(tmp_path: Path) -> None:
    heart = Heart()
    with Systemd(tmp_path, watchdog_s=0.025) as systemd, capture_logs() as logged:
        notifier = Notifier(ManualClock(), systemd.environ)
        async with beside(upkeep.feed_watchdog(notifier, heart.pulse)):
            await eventually(lambda: heart.felt > 3)
            assert systemd.listen() == [{"WATCHDOG": "1"}] * len(systemd.messages)
            assert systemd.messages
            heart.age_s, heart.felt = 40.0, 0
            await eventually(lambda: heart.felt > 1)
            systemd.listen()
            await eventually(lambda: heart.felt > 5)
            assert systemd.listen() == []
            heart.age_s, heart.felt = 0.0, 0
            await eventually(lambda: heart.felt > 1)
        assert systemd.listen()
        notifier.close()
    assert [(line["event"], line["reason"]) for line in logged] == [
        ("watchdog not fed", "engine has not turned for 40 s")
    ]


async def test_without_a_watchdog_there_is_nothing_to_feed() -> None:
    with Notifier(ManualClock(), {}) as notifier:
        await upkeep.feed_watchdog(notifier, Heart().pulse)


async def test_a_time_that_falls_behind_is_told_once_and_once_that_it_is_well_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "TIME_S", 0.001)
    found, felt = [Check(ok=True)], []
    stream = Stream()

    def check() -> Check:
        felt.append(found[0])
        return found[0]

    with capture_logs() as logged:
        async with beside(upkeep.watch_time(check, Events(stream, ManualClock()))):  # type: ignore[arg-type]
            for state in (Check(ok=True), Check(ok=False, detail="60 minutes"), Check(ok=True)):
                found[0] = state
                felt.clear()
                await eventually(lambda: len(felt) > 3)
    assert [(entry["kind"], entry["what"][:10]) for entry in stream.entries] == [
        ("time.behind", "60 minutes"),
        ("time.healed", "the exchan"),
    ]
    assert [line["log_level"] for line in logged] == ["warning", "info"]


async def test_the_outbox_is_kept_small_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "PRUNE_S", 0.01)
    clock, outbox = ManualClock(), Outbox(tmp_path / "outbox.db", retention=Retention(keep_ms=1000))

    def known() -> int:
        return len(outbox.read_delivered("redis", 10**12, 99))

    def append(*ids: str) -> None:
        outbox.append([Entry(name, {"id": name}) for name in ids], clock.wall_ms())
        outbox.advance("redis", outbox.read_after("redis", 99)[-1].seq)

    append("a", "b", "c")
    async with beside(upkeep.prune(outbox, clock)):
        clock.advance(10)
        await eventually(lambda: known() == 1)
        append("d", "e")
        clock.advance(10)
        await eventually(lambda: known() == 1)
    outbox.close()
