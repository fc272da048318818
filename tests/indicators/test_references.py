"""Agreement with values that others published; which, and how close, stands in the lists of `references`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.indicators.references import FOLDER, NOT_COMPARED, Reference, bars_of, compare, read_columns, references
from tests.indicators.references.__main__ import what

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[2] / "docs" / "agreement.md"


@pytest.mark.parametrize("reference", references(), ids=str)
def test_agrees_with_what_was_published(reference: Reference, data_file: Callable[[str], Path]) -> None:
    folder = data_file(FOLDER)
    found = compare(reference, folder)
    assert found.compared > 0
    assert found.missing == 0
    assert found.absolute <= reference.tolerance


def test_the_page_of_agreement_has_a_row_for_every_reference() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(references()) + len(NOT_COMPARED), (
        "run: python -m tests.indicators.references > docs/agreement.md"
    )
    for reference in references():
        assert what(reference) in text


def test_every_published_file_is_compared_or_said_why_not(data_file: Callable[[str], Path]) -> None:
    with (data_file(FOLDER) / "INDEX.csv").open(encoding="utf-8", newline="") as index:
        published = {row["file"] for row in csv.DictReader(index)}
    used = {file for reference in references() for file in (reference.file, reference.bars) if file}
    assert used & NOT_COMPARED.keys() == set()
    assert published - used - NOT_COMPARED.keys() == set()
    assert NOT_COMPARED.keys() <= published


def test_a_reference_that_is_off_by_more_than_its_tolerance_is_told(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text("Date,Close,Mean\n1,10,\n2,12,11\n3,13,12.6\n", encoding="utf-8")
    found = compare(Reference("made.csv", ("sma", [2]), {"sma": "Mean"}, 0.01), tmp_path)
    assert (found.compared, found.missing) == (2, 0)
    assert found.absolute == pytest.approx(0.1)
    assert found.relative == pytest.approx(0.1 / 12.6)


def test_a_value_that_only_the_reference_has_is_missing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text("Close,Mean\n10,10\n12,11\n", encoding="utf-8")
    assert compare(Reference("made.csv", ("sma", [2]), {"sma": "Mean"}, 1e-9), tmp_path).missing == 1


def test_what_a_file_lacks_of_a_bar_is_its_close_and_no_volume(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text("Date, Close ,x,\n1,10\n\n2,twelve,7,8\n", encoding="utf-8")
    bars = bars_of(read_columns(tmp_path / "made.csv"))
    np.testing.assert_array_equal([bars.open, bars.high, bars.low, bars.close], [[10, np.nan]] * 4)
    np.testing.assert_array_equal(bars.volume, [0, 0])


def test_a_file_that_starts_from_its_first_bar_is_as_after_a_market_that_stood_still(tmp_path: Path) -> None:
    (tmp_path / "made.csv").write_text("Close,Average\n10,10\n12,11\n", encoding="utf-8")
    reference = Reference("made.csv", ("ema", [3]), {"ema": "Average"}, 1e-12, led_in=3)
    assert compare(reference, tmp_path) == (2, 0, 0.0, 0.0)
