"""Tables of indicators for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WIDE = 200
"""Columns where nobody looks at a screen: lines stay whole for those who search in them."""

_PARTS = ("state", "outputs", "peeked", "checkpoints", "bytes_per_symbol")


def show(tables: Iterable[Table]) -> None:
    """Print on stdout."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    for table in tables:
        console.print(table)


def catalogue(entries: Sequence[Mapping[str, Any]]) -> Table:
    """A line an indicator."""
    table = Table("name and defaults", "outputs", "inputs", "warm-up", "formula", show_lines=True)
    for one in entries:
        table.add_row(call(one), "\n".join(one["outputs"]), ", ".join(one["inputs"]), _warmups(one), one["formula"])
    return table


def whole(one: Mapping[str, Any]) -> Table:
    """One indicator in full; what does not apply is left out."""
    table = Table(call(one), one["title"])
    parameters = "\n".join(_range(parameter) for parameter in one["parameters"])
    warmup = ", ".join(f"{output} {bars}" for output, bars in one["warmup"].items())
    facts = {
        "parameters": parameters,
        "outputs": ", ".join(one["outputs"]),
        "inputs": ", ".join(one["inputs"]),
        "formula": one["formula"],
        "warm-up, bars": warmup,
        "not known after it": one["undefined"],
        "differs from TA-Lib": one["differences"],
        "cost": f"{one['cost']} a bar, {one['bytes_per_symbol']:,} bytes a symbol",
    }
    for name, text in facts.items():
        if text:
            table.add_row(name, text)
    return table


def memory(told: Mapping[str, Any]) -> Iterator[Table]:
    """Of the indicators, each by itself; then of every timeframe."""
    yield _held("with its defaults", told["indicators"])
    for frame in told["timeframes"]:
        table = _held(f"in use, bars of {frame['timeframe']}", frame["indicators"])
        table.add_section()
        for name in ("ring", "rows"):
            table.add_row(name, *[""] * (len(_PARTS) - 1), f"{frame[name]:,}")
        table.add_row("all", *[""] * (len(_PARTS) - 1), f"{frame['bytes_per_symbol']:,}")
        yield table
    total = Table("timeframe", f"MB for {told['symbols']:,} symbols", show_footer=True)
    for frame in told["timeframes"]:
        total.add_row(frame["timeframe"], f"{frame['megabytes']:,.1f}")
    total.columns[0].footer, total.columns[1].footer = "all", f"{told['megabytes']:,.1f}"
    yield total


def call(one: Mapping[str, Any]) -> str:
    """As it is written in a rule, every argument with its name."""
    arguments = ", ".join(f"{parameter['name']}={parameter['default']}" for parameter in one["parameters"])
    return f"{one['name']}({arguments})"


def _warmups(one: Mapping[str, Any]) -> str:
    return "\n".join(str(bars) for bars in one["warmup"].values())


def _range(parameter: Mapping[str, Any]) -> str:
    text = f"{parameter['name']}: {parameter['type']}, {parameter['default']} if left out"
    return text if parameter["low"] is None else f"{text}, from {parameter['low']:g} to {parameter['high']:g}"


def _held(title: str, rows: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(title, *(part.replace("_", " ") for part in _PARTS), title="bytes a symbol", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row["name"], *(f"{row[part]:,}" for part in _PARTS))
    return table
