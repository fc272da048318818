"""`technic indicators`: what rules and features can name, and the memory that it takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from daemon.commands.begin import begin

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config import Config
    from indicators.memory import Footprint
    from indicators.spec import Indicator, Parameter

SYMBOLS = 12_000
"""Somewhat more than are listed in the United States."""

TYPES = {int: "integer", float: "number", str: "field"}


def indicators(path: Path | None, name: str | None, *, memory: bool, as_json: bool) -> None:
    """The catalogue, or one entry in full; with `memory` what they take.

    Raises:
        UnknownIndicatorError: there is none of this name; tells the nearest.
    """
    config = begin(path)
    from indicators.catalogue import CATALOGUE  # noqa: PLC0415 (numba's cache has its place only now)

    chosen = [CATALOGUE[name]] if name else list(CATALOGUE)
    told: Any = _memory(chosen, config) if memory else [entry(indicator) for indicator in chosen]
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    from daemon.commands import tables  # noqa: PLC0415 (rich is not needed for JSON)

    tables.show(tables.memory(told) if memory else [tables.whole(told[0])] if name else [tables.catalogue(told)])


def entry(indicator: Indicator) -> dict[str, Any]:
    """All that is known of an indicator, with its default arguments."""
    from indicators.catalogue import CATALOGUE  # noqa: PLC0415 (as above)

    spec = CATALOGUE.spec(indicator.name)
    return {
        "name": indicator.name,
        "title": indicator.title,
        "parameters": [_parameter(parameter) for parameter in indicator.parameters],
        "outputs": indicator.outputs,
        "inputs": indicator.inputs,
        "warmup": dict(zip(spec.outputs, spec.warmups, strict=True)),
        "formula": indicator.formula,
        "undefined": indicator.undefined,
        "differences": indicator.differences,
        "cost": indicator.cost,
        "bytes_per_symbol": _held(indicator)["bytes_per_symbol"],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    """A field has no range."""
    field = isinstance(parameter.default, str)
    return {
        "name": parameter.name,
        "type": TYPES[type(parameter.default)],
        "default": parameter.default,
        "low": None if field else parameter.low,
        "high": None if field else parameter.high,
    }


def _memory(chosen: list[Indicator], config: Config) -> dict[str, Any]:
    """Of each indicator alone, and of the frames that an engine makes by the configuration."""
    frames = {timeframe: _timeframe(timeframe, held) for timeframe, held in _frames(config).items()}
    return {
        "symbols": SYMBOLS,
        "indicators": [_held(indicator) for indicator in chosen],
        "timeframes": list(frames.values()),
        "megabytes": round(sum(frame["megabytes"] for frame in frames.values()), 1),
    }


def _held(indicator: Indicator) -> dict[str, Any]:
    """Of one indicator with its default arguments, in a frame of its own."""
    from indicators.catalogue import CATALOGUE  # noqa: PLC0415 (as above)
    from indicators.frame import Frame  # noqa: PLC0415 (as above)
    from indicators.memory import footprint  # noqa: PLC0415 (as above)

    return _rows(footprint(Frame([CATALOGUE.spec(indicator.name)], capacity=1)))[0]


def _rows(frame: Footprint) -> list[dict[str, Any]]:
    return [{"name": key, **held._asdict(), "bytes_per_symbol": held.total} for key, held in frame.indicators.items()]


def _frames(config: Config) -> dict[str, Footprint]:
    """What the frames take that an engine works in, by timeframe."""
    from daemon.assembly import plan_of  # noqa: PLC0415 (not before numba's cache has its place)
    from daemon.engine.engine import NO_DAYS, NO_SECTORS  # noqa: PLC0415 (as above)
    from daemon.engine.periods import written  # noqa: PLC0415 (as above)
    from daemon.engine.watch import Watch  # noqa: PLC0415 (as above)
    from indicators.memory import footprint  # noqa: PLC0415 (as above)

    watch = Watch(plan_of(config), NO_DAYS, NO_SECTORS)
    return {written(minutes): footprint(frame) for minutes, frame in watch.frames.items()}


def _timeframe(name: str, frame: Footprint) -> dict[str, Any]:
    return {
        "timeframe": name,
        "ring": frame.ring,
        "rows": frame.rows,
        "indicators": _rows(frame),
        "bytes_per_symbol": frame.total,
        "megabytes": round(frame.total * SYMBOLS / 1e6, 1),
    }
