"""``python -m benchmarks [--quick] [NAME...]``: table on stderr, one JSON document on stdout."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from benchmarks import machine, report

if TYPE_CHECKING:
    from collections.abc import Sequence

QUESTIONS = {
    "market_second": "10,000 second bars of 10,000 symbols, from frames to alerts on disk",
    "indicators": "40 indicator outputs of 10,000 symbols, one by one and together, by window, on disk, in memory",
    "leaderboard": "all scores of 10,000 symbols and 1,200 hashes into Redis at the close of a minute",
    "rules": "a market minute of 10,000 symbols with 1, the 12 that ship, and 100 rules",
    "data": "scans that know nothing and everything, and loading a year of days; needs the real bars",
    "warmup": "starts of a daemon that knows nothing, and that has all in its store, 12,000 symbols",
    "prefetch": "what is there when an alert comes, prefetched in four ways; needs the real bars",
}
APART = {"data", "warmup", "prefetch"}
"""A question is a module of this package with ``answer(progress, quick=...) -> list[Result]``; its results bear its
name, or its name, a dot and a stage."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Answer the questions named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, epilog=_listed())
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"question; all but {', '.join(sorted(APART))} if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="small and few: for the form of the answer only")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - QUESTIONS.keys():
        parser.error(f"no such question: {', '.join(sorted(unknown))}; {_listed()}")
    console = Console(stderr=True)
    facts = machine.facts()
    results = []
    with Progress(console=console, transient=True) as progress:
        for name in given.names or [name for name in QUESTIONS if name not in APART]:
            results += import_module(f"benchmarks.{name}").answer(progress, quick=given.quick)
    report.show(facts, results, console)
    print(report.document(facts, results))


def _listed() -> str:
    return "questions: " + "; ".join(f"{name} ({text})" for name, text in QUESTIONS.items())


if __name__ == "__main__":
    main()
