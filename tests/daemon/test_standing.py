"""How each part stands, as /readyz shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from daemon import standing, upkeep, warm
from daemon.app import App
from daemon.clock import SystemClock
from daemon.scoring.judge import Judge
from streams.bars import MINUTE_MS
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, OPEN, Tape, config_of, running, url_of, walk
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import pytest

    from streams.bars import BarBatch

NOWHERE = "ws://127.0.0.1:1/stocks"


async def test_a_symbol_table_that_is_nearly_full_is_told_with_the_remedy(tmp_path: Path) -> None:
    async with running(config_of(tmp_path, NOWHERE)) as app:
        limit = app.config.engine.max_symbols

        def check(taken: int) -> standing.Check:
            app.live.figures = app.live.figures._replace(symbols=taken)
            return standing.CHECKS["symbols"](app)

        assert check(int(limit * standing.SCARCE)).ok
        scarce = check(int(limit * standing.SCARCE) + 1)
    assert not scarce.ok
    assert f"of {limit:,} rows are taken" in scarce.detail
    assert "raise engine.max_symbols" in scarce.detail


async def test_what_is_wrong_with_the_calendar_is_told_and_does_not_stop_the_service(tmp_path: Path) -> None:
    config = config_of(tmp_path, NOWHERE)
    warmed = warm.parts(config, SystemClock())
    warned = warmed._replace(calendar=warmed.calendar._replace(warning="an older one serves on"))
    app = App(config, SystemClock(), lambda: config, warned)
    with capture_logs() as logged:
        await app.run(duration_s=0.0)
    assert [line["what"] for line in logged if line["event"] == "calendar.warning"] == ["an older one serves on"]
    assert standing.CHECKS["calendar"](app) == (True, "an older one serves on")


async def test_an_exchange_that_starts_anew_on_an_old_state_is_told_once_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "TIME_S", 0.02)
    later, before = walk(5, 10, start_ms=OPEN + 180 * MINUTE_MS), walk(5, 10)

    async def play(bars: BarBatch, look: Callable[[App], Awaitable[None]]) -> None:
        async with (
            Simulator(Tape(bars), clock=SystemClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange,
            running(config_of(tmp_path, url_of(exchange.port))) as app,
        ):
            await look(app)

    async def well(app: App) -> None:
        await eventually(lambda: app.live.figures.counts["bars"] == later.size)
        assert standing.CHECKS["market time"](app).ok

    said = ""

    async def behind(app: App) -> None:
        nonlocal said
        await eventually(lambda: app.live.figures.counts["outdated"] == before.size)
        await eventually(lambda: not standing.CHECKS["market time"](app).ok)
        said = standing.CHECKS["market time"](app).detail
        await eventually(lambda: "time.behind" in [line["event"] for line in logged])

    await play(later, well)
    with capture_logs() as logged:
        await play(before, behind)
    assert "minutes behind the newest bar (2025-01-06 12:39:00 in New York)" in said
    assert f"an emptied state.folder: all of {tmp_path / 'state'}" in said
    (alarm,) = [line for line in logged if line["event"] == "time.behind"]
    assert (alarm["log_level"], alarm["what"]) == ("warning", said)
    assert (tmp_path / "state" / "engine.state").exists()


async def test_facts_are_numbers_that_people_read(tmp_path: Path) -> None:
    async with running(config_of(tmp_path, NOWHERE)) as app:
        cold = standing.facts(app)
        counts = {**app.live.figures.counts, "bars": 1_234_567}
        quality = Judge().quality()._replace(questions=12_345, auc=0.61249, log_loss=0.05, base_log_loss=0.06)
        app.live.figures = app.live.figures._replace(counts=counts, quality=quality, symbols=11_000)
        warm_ones = standing.facts(app)
    assert cold["score, AUC"] == cold["score, log loss (base rate)"] == "not yet known"
    assert cold["minute bars"] == "0"
    assert warm_ones["minute bars"] == "1,234,567"
    assert warm_ones["symbols"] == "11,000"
    assert warm_ones["questions answered"] == "12,345"
    assert warm_ones["score, AUC"] == "0.612"
    assert warm_ones["score, log loss (base rate)"] == "0.0500 (0.0600)"


async def test_one_lesson_waits_and_two_lessons_wait(tmp_path: Path) -> None:
    class Pupil:
        unlearned, dropped = 1, 0

    async with running(config_of(tmp_path, NOWHERE)) as app:
        app.teacher = pupil = Pupil()  # type: ignore[assignment]
        one = standing.CHECKS["learner"](app).detail
        pupil.unlearned, pupil.dropped = 1_002, 1
        many = standing.CHECKS["learner"](app).detail
        app.teacher = None
    assert one == "1 lesson waits, 0 were dropped"
    assert many == "1,002 lessons wait, 1 was dropped"
