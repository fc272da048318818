"""`technic replay`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from daemon.clock import SystemClock
from daemon.commands import judged, modelreport
from daemon.commands.begin import begin
from daemon.commands.errors import OutputError
from daemon.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.engine.alerts import Alert
    from daemon.replay import Report
    from daemon.scoring.modelfigures import ModelFigures


def replay(
    path: Path | None, bars: Path, length_ms: int, *, alerts: Path | None, folder: Path | None, as_json: bool
) -> None:
    """Bars of a file through the engine; the report goes to stdout, figures of models to `folder`."""
    config = begin(path, writes=("cache",))
    if folder:
        modelreport.make(folder)
    from daemon.replay import replay as through_engine  # noqa: PLC0415 (numba's cache has its place only now)

    clock = SystemClock()
    models: list[ModelFigures] = []
    with _written(alerts) as deliver, ProgressBar("replay", clock) as progress:
        report = through_engine(
            bars, length_ms, config, clock, deliver=deliver, progress=progress, judged=models.extend
        )
    if folder:
        modelreport.write(folder, models)
    sys.stdout.write((msgspec.json.encode(report).decode() if as_json else _text(report)) + "\n")
    if not as_json and report.outcomes:
        judged.show(report.outcomes)


@contextmanager
def _written(path: Path | None) -> Iterator[Callable[[list[Alert]], None]]:
    """Where alerts go: a file, one JSON object a line, or nowhere."""
    if path is None:
        yield lambda _: None
        return
    try:
        with path.open("wb") as file:
            yield lambda alerts: file.writelines(alert.json() + b"\n" for alert in alerts)
    except OSError as error:
        if error.filename != str(path):
            raise
        raise OutputError(path, error.strerror or str(error)) from error


def _text(report: Report) -> str:
    lines = {
        "bars": f"{report.bars:,} of {report.symbols:,} symbols",
        "left out": _counts(report.rejects) or "none",
        "time": f"{report.seconds:,.1f} s, {report.bars_per_s:,.0f} bars a second",
        "alerts": f"{report.alerts_total:,}",
        **{f"  {rule}": _rule(count, report.held_back.get(rule, {})) for rule, count in report.alerts_by_rule.items()},
        "model": _counts(report.model),
        "digest": report.digest,
    }
    return "\n".join(f"{name:<20} {value}" for name, value in lines.items())


def _rule(count: int, held: dict[str, int]) -> str:
    return f"{count:,}" + f" (held back: {_counts(held)})" * bool(held)


def _counts(numbers: dict[str, int] | dict[str, float | int | None]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in numbers.items())


def _short(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
