"""What may stand in the log, and how it looks."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from daemon import logs
from daemon.config import LogSection
from streams.secret import Secret
from tests.fakes.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = 'canary"7f3a9c51'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(stream: io.StringIO | None = None, **log: Any) -> io.StringIO:
    stream = stream or io.StringIO()
    logs.configure(LogSection(**log), ManualClock(1_736_000_000_123), [CANARY], stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(text: str) -> None:
    hidden = "a local" + " variable"
    raise ValueError(text + hidden[:0])


def test_off_a_terminal_every_line_is_one_json_object() -> None:
    stream = configured()
    structlog.get_logger().info("alert", symbol="NVDA", price=1.5, score=float("nan"))
    assert lines(stream) == [
        {
            "time": "2025-01-04T14:13:20.123Z",
            "level": "info",
            "event": "alert",
            "symbol": "NVDA",
            "price": 1.5,
            "score": None,
        }
    ]


def test_on_a_terminal_it_is_for_people_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = configured(Terminal())
    structlog.get_logger().info("alert", symbol="NVDA")
    assert "\x1b[" in stream.getvalue()
    assert "symbol" in stream.getvalue()
    stream = configured(Terminal(), format="json")
    structlog.get_logger().info("alert", symbol="NVDA")
    assert lines(stream)[0]["symbol"] == "NVDA"
    stream = configured(format="pretty")
    structlog.get_logger().info("alert")
    assert not stream.getvalue().startswith("{")


def test_what_is_below_the_level_is_not_shown() -> None:
    stream = configured(level="warning")
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_secrets_are_blacked_out_wherever_they_stand(form: str) -> None:
    stream = configured(format=form)
    log = structlog.get_logger()
    event = f"key {CANARY}"
    log.info(event, key=Secret(CANARY), url=f"https://h/?apiKey={CANARY}", deep={"a": [f"x{CANARY}"]})
    try:
        fail(f"https://h/{CANARY}")
    except ValueError:
        log.exception("failed", sent=CANARY.encode())
    logging.getLogger("aiohttp").error("Cannot connect to %s", CANARY)
    for spelling in (CANARY, json.dumps(CANARY)[1:-1], repr(CANARY)[1:-1]):
        assert spelling not in stream.getvalue()
    assert stream.getvalue().count("***") >= 7


@pytest.mark.parametrize("form", ["json", "pretty"])
@pytest.mark.parametrize("hostile", ["A\nB", "A\rB", "A\x1b[31mB", "A\x00B", "A\x9bB", "A\u202eB", "A\u2028B"])
def test_no_text_can_forge_a_line_or_act_on_the_terminal(form: str, hostile: str) -> None:
    stream = configured(format=form)
    structlog.get_logger().info(hostile, symbol=hostile, **{hostile: 1})
    assert len(stream.getvalue().splitlines()) == 1
    assert hostile not in stream.getvalue()
    assert hostile[1] not in stream.getvalue().replace("\x1b[", "").rstrip("\n")


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_a_text_of_several_lines_reads_as_a_list(form: str) -> None:
    stream = configured(format=form)
    structlog.get_logger().error("reload.refused", what="a:1: x\nb:2: y\n")
    assert "a:1: x | b:2: y" in stream.getvalue()


@pytest.mark.parametrize(("said", "coloured"), [("1", False), ("", True)])
def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch, said: str, *, coloured: bool) -> None:
    monkeypatch.setenv("NO_COLOR", said)
    stream = configured(Terminal())
    structlog.get_logger().info("alert", symbol="NVDA")
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_long_texts_are_cut() -> None:
    stream = configured()
    structlog.get_logger().info("frame", text="x" * 1_000_000)
    assert lines(stream)[0]["text"].endswith("... (1000000 characters)")
    assert len(stream.getvalue()) < 2_200


def test_a_traceback_keeps_its_lines_and_shows_no_local_variables() -> None:
    stream = configured()
    try:
        fail("\x1b[2Jshown")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines(stream)
    assert line["exception"].count("\n") >= 3
    assert "\\x1b[2Jshown" in line["exception"]
    assert "a local variable" not in line["exception"]


def test_libraries_are_heard_from_warnings_up_whatever_the_level() -> None:
    stream = configured(level="debug")
    for name in ("websockets.client", "aiohttp.access", "redis", "unheard.of"):
        logging.getLogger(name).info("a key in a frame")
        logging.getLogger(name).warning("%d lost", 3)
    assert [(line["logger"], line["event"]) for line in lines(stream)] == [
        ("websockets.client", "3 lost"),
        ("aiohttp.access", "3 lost"),
        ("redis", "3 lost"),
        ("unheard.of", "3 lost"),
    ]
