"""The page of agreement in Markdown: ``python -m tests.indicators.references > docs/agreement.md``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.conftest import DATA
from tests.indicators.references import FOLDER, NOT_COMPARED, compare, references

if TYPE_CHECKING:
    from pathlib import Path

    from tests.indicators.references import Difference, Reference

HEAD = """# Agreement with published values

Made by `python -m tests.indicators.references` from the lists that the tests read. The files are worked examples,
spreadsheets made by hand, and outputs of other libraries: StockCharts' ChartSchool (`stockcharts`), Stock.Indicators
(`skender`), the test data of LEAN (`lean`) and mplfinance. The tolerance is half a unit of the last digit that a file
shows, unless the note says what else it lost; a comparison starts at the row where another start of a recursion no
longer shows there. Where a file starts from its first bar as after a market that stood still, ours is given copies of
that bar first. `Relative` is the largest difference as a share of the largest value of its column.

| File | Indicator | Outputs | From row | Values | Largest difference | Relative | Tolerance | Note |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |
"""

TAIL = """
## Not compared

| File | Why |
| --- | --- |
"""


def what(reference: Reference) -> str:
    """First cells of its row: what is compared with what."""
    outputs = ", ".join(reference.columns)
    return f"| `{reference.file}` | `{reference.spec}` | {outputs} | {reference.converged} |"


def row(reference: Reference, found: Difference) -> str:
    """One row of the table."""
    figures = f"{found.compared} | {found.absolute:.0e} | {found.relative:.0e} | {reference.tolerance:.0e}"
    return f"{what(reference)} {figures} | {reference.note} |"


def page(folder: Path) -> str:
    """The whole page."""
    rows = "".join(f"{row(reference, compare(reference, folder))}\n" for reference in references())
    left = "".join(f"| `{file}` | {reason} |\n" for file, reason in sorted(NOT_COMPARED.items()))
    return HEAD + rows + TAIL + left


if __name__ == "__main__":
    sys.stdout.write(page(DATA / FOLDER))
