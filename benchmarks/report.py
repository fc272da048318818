"""What a benchmark says: results, the one JSON document, the table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


class Result(msgspec.Struct):
    """One comparison.

    Attributes:
        name: question, or question and stage: ``market_second.decode``.
        unit: of all values; less is better.
        technic: technic's median.
        peers: medians of those who did the same work in the same run, by name.
        ratio: the best peer's value divided by technic's; None without peers.
        detail: what was asked, in figures and names.
    """

    name: str
    unit: str
    technic: float
    peers: dict[str, float]
    ratio: float | None
    detail: dict[str, Any]


def result(
    name: str, technic: float, peers: Mapping[str, float], detail: Mapping[str, Any] | None = None, unit: str = "ms"
) -> Result:
    """A result with its ratio, to a thousandth of the unit."""
    ratio = round(min(peers.values()) / technic, 2) if peers else None
    rounded = {peer: round(value, 3) for peer, value in peers.items()}
    return Result(name, unit, round(technic, 3), rounded, ratio, dict(detail or {}))


def document(machine: Mapping[str, Any], results: Sequence[Result]) -> str:
    """The JSON document, indented."""
    return msgspec.json.format(msgspec.json.encode({"machine": machine, "results": results})).decode()


def show(machine: Mapping[str, Any], results: Sequence[Result], console: Console) -> None:
    """The table, under one line about the machine."""
    console.print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, Python {machine['python']}")
    table = Table("", "technic", "peers", "ratio")
    for one in results:
        peers = "\n".join(f"{value:,.2f} {peer}" for peer, value in one.peers.items())
        ratio = "" if one.ratio is None else f"{one.ratio:.1f} x"
        table.add_row(one.name, f"{one.technic:,.2f} {one.unit}", peers, ratio)
    console.print(table)
