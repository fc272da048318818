"""The log: on stderr, one event a line, for people on a terminal and as JSON otherwise.

Whatever comes in is made harmless: control characters are escaped, so that no symbol or message can forge a line
or colour a terminal; long texts are cut; and as a last net behind `streams.secret.Secret`, the known secrets are
blacked out. Tracebacks show no local variables. Libraries log through here too, from WARNING up, for some of
them show keys and addresses below that.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from streams.secret import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import EventDict, Processor, WrappedLogger

    from daemon.config import LogSection
    from streams.types import Clock

MAX_TEXT = 2_000
"""Characters of one text; tracebacks may have ten times as many."""

LINE_BREAK = " | "
"""What stands for the end of a line within a text, such as between several mistakes."""

LIBRARIES = ("aiohttp", "asyncio", "duckdb", "numba", "redis", "river", "urllib3", "uvloop", "websockets")
"""Never below WARNING, whatever the level."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_CONTROL_IN_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def configure(log: LogSection, clock: Clock, secrets: Sequence[str] = (), stream: TextIO | None = None) -> None:
    """Set up logging of the whole process; called once, before anything is logged.

    Args:
        log: least level, and format.
        clock: stamps the events, UTC.
        secrets: texts that must not appear.
        stream: where to; stderr unless given.
    """
    stream = stream or sys.stderr
    structlog.configure(
        processors=chain(clock, secrets, pretty=_is_pretty(log, stream)),
        wrapper_class=structlog.make_filtering_bound_logger(log.level),
        logger_factory=structlog.WriteLoggerFactory(_Enduring(stream)),  # type: ignore[arg-type]
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Forwarding()], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Enduring:
    """A stream that loses what it cannot write: a full disk behind the log ends nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def chain(clock: Clock, secrets: Sequence[str], *, pretty: bool) -> list[Processor]:
    """From what the caller said to a line."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        _Stamp(clock),
        _Harmless(secrets),
        _for_people() if pretty else structlog.processors.JSONRenderer(serializer=json.dumps),
    ]


def escaped(text: str) -> str:
    """`text` on one line, without characters that a terminal would act upon."""
    return _CONTROL.sub(_code, text)


def _is_pretty(log: LogSection, stream: TextIO) -> bool:
    return log.format == "pretty" or (log.format == "auto" and stream.isatty())


def _for_people() -> structlog.dev.ConsoleRenderer:
    plain = structlog.dev.plain_traceback  # the rich one shows local variables
    colors = not os.environ.get("NO_COLOR")  # see no-color.org
    return structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="time", exception_formatter=plain)


class _Stamp:
    """When it happened; time, level and event come first in the line."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        now = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC)
        time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"time": time, "level": event.pop("level"), "event": event.pop("event"), **event}


class _Harmless:
    """Plain, bounded, escaped and without secrets, however deep it lies."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {self._text(str(key), 80): self._value(key, value) for key, value in event.items()}

    def _value(self, key: object, value: object) -> Any:
        if key == "exception":
            return _CONTROL_IN_LINES.sub(_code, self._hidden(str(value)))[: 10 * MAX_TEXT]
        if isinstance(value, Mapping):
            return {self._text(str(name), 80): self._value("", part) for name, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value("", part) for part in value]
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        return self._text(value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value), MAX_TEXT)

    def _text(self, text: str, most: int) -> str:
        text = escaped(self._hidden(text).strip("\n").replace("\n", LINE_BREAK))
        return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


class _Forwarding(logging.Handler):
    """Takes what libraries log the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger().bind(logger=record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _code(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}" if match[0] < "\u0100" else f"\\u{ord(match[0]):04x}"
