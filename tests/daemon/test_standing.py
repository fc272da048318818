"""How each part stands, as /readyz shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from daemon import standing, warm
from daemon.app import App
from daemon.clock import SystemClock
from tests.daemon.running import config_of, running

if TYPE_CHECKING:
    from pathlib import Path

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
    assert f"of {limit} rows are taken" in scarce.detail
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
