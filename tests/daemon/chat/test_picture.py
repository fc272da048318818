"""The chart that goes along: it is never worth an alert."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from daemon.chat import picture
from daemon.chat.picture import Picture
from streams.history.open import open_history
from tests.daemon.chat.alerts import alert
from tests.daemon.running import OPEN, walk
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

ALERT = alert(1, symbol="S00", bar_start_ms=OPEN + 39 * 60_000)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    with open_history(tmp_path / "history") as history:
        history.write_minutes(walk(1, 40))
    return tmp_path / "history"


async def test_a_symbol_with_bars_has_a_picture(place: Path) -> None:
    assert (await Picture(place).draw(ALERT)).startswith(b"\x89PNG")


async def test_one_with_too_few_has_none(place: Path) -> None:
    assert await Picture(place).draw(alert(1, symbol="S01", bar_start_ms=OPEN)) == b""
    assert await Picture(None).draw(ALERT) == b""


async def test_a_history_that_is_not_there_or_too_slow_is_told_and_costs_a_picture_only(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        assert await Picture(tmp_path / "nowhere").draw(ALERT) == b""
        monkeypatch.setattr(picture, "DEADLINE_S", 0.05)
        release = threading.Event()
        monkeypatch.setattr(picture, "picture", lambda *_: bytes(release.wait(10)))
        drawing = Picture(place)
        assert await drawing.draw(ALERT) == b""
        assert await drawing.draw(alert(2)) == b"", "it is still at the other one"
        release.set()
    assert [entry["event"] for entry in logs] == ["no chart", "no chart"]
    assert logs[1]["what"] == "it took longer than 0.05 s"


async def test_channels_that_tell_the_same_alert_share_its_picture(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    release = threading.Event()

    def slow(*_: object) -> bytes:
        drawn.append(1)
        release.wait(10)
        return b"png"

    monkeypatch.setattr(picture, "picture", slow)
    drawing = Picture(place)
    both = asyncio.gather(drawing.draw(ALERT), drawing.draw(ALERT))
    await eventually(lambda: drawn)
    release.set()
    assert await both == [b"png", b"png"]
    assert await drawing.draw(ALERT) == b"png"
    assert len(drawn) == 1
