"""`technic indicators`: the catalogue for people and for programs, and its memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from daemon.assembly import plan_of
from daemon.config import Config, StateSection
from indicators import CATALOGUE
from tests.fakes.program import technic

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    *("name", "title", "parameters", "outputs", "inputs", "warmup", "formula", "undefined", "differences", "cost"),
    "bytes_per_symbol",
}


def told(folder: Path, *arguments: object) -> Any:
    ended = technic("indicators", "--json", *arguments, folder=folder)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_json_lists_the_whole_catalogue(tmp_path: Path) -> None:
    listed = told(tmp_path)
    assert [one["name"] for one in listed] == list(CATALOGUE.names)
    assert all(one.keys() == KEYS for one in listed)
    assert all(list(one["warmup"]) == one["outputs"] for one in listed)
    assert all(one["bytes_per_symbol"] > 0 and one["formula"] for one in listed)


def test_json_tells_types_and_ranges_of_parameters(tmp_path: Path) -> None:
    (bollinger,) = told(tmp_path, "bollinger")
    assert bollinger["parameters"] == [
        {"name": "source", "type": "field", "default": "close", "low": None, "high": None},
        {"name": "n", "type": "integer", "default": 20, "low": 2, "high": 5000},
        {"name": "k", "type": "number", "default": 2.0, "low": 0.01, "high": 100},
    ]
    assert bollinger["warmup"] == dict.fromkeys(bollinger["outputs"], 20)


def test_people_see_every_indicator_with_its_defaults(tmp_path: Path) -> None:
    ended = technic("indicators", folder=tmp_path)
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert "macd(source=close, fast=12, slow=26, signal=9)" in ended.stdout
    assert all(f" {name}(" in ended.stdout for name in CATALOGUE.names)


def test_people_see_one_indicator_in_full(tmp_path: Path) -> None:
    shown = technic("indicators", "cci", folder=tmp_path).stdout
    for text in ("Commodity channel index", "Lambert 1980", "n: integer, 20 if left out, from 2 to 5000"):
        assert text in shown
    assert "all n typical prices are equal" in shown
    assert "TA-Lib says 0" in shown
    assert "sma(" not in shown


@pytest.mark.parametrize("options", [(), ("--json",), ("--memory",)])
def test_an_unknown_name_is_64_with_the_nearest(tmp_path: Path, options: tuple[str, ...]) -> None:
    ended = technic("indicators", "bolinger", *options, folder=tmp_path)
    assert ended.returncode == 64
    assert ended.stdout == ""
    assert ended.stderr == 'technic: unknown indicator "bolinger"; did you mean "bollinger"?\n'


def test_memory_is_that_of_the_rules_in_force(tmp_path: Path) -> None:
    found = told(tmp_path, "--memory")
    keys = {row["name"] for frame in found["timeframes"] for row in frame["indicators"]}
    assert keys >= {spec.key for spec in plan_of(Config(state=StateSection(folder=tmp_path, cache=tmp_path))).specs}
    for frame in found["timeframes"]:
        parts = sum(row["bytes_per_symbol"] for row in frame["indicators"])
        assert frame["bytes_per_symbol"] == frame["ring"] + frame["rows"] + parts
        assert frame["megabytes"] == pytest.approx(frame["bytes_per_symbol"] * found["symbols"] / 1e6, abs=0.05)
    assert found["symbols"] == 12_000
    assert found["megabytes"] == pytest.approx(sum(frame["megabytes"] for frame in found["timeframes"]))


def test_memory_follows_the_configured_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "far"\nwhere = ["sma(close, 3000) > close"]\n')
    config = tmp_path / "technic.toml"
    config.write_text(f'[engine]\nrules = "{tmp_path / "rules.toml"}"\n[model]\nenabled = false\n')
    found = told(tmp_path, "--memory", "-c", config)
    assert {row["name"] for frame in found["timeframes"] for row in frame["indicators"]} >= {"sma(3000)"}
    assert max(frame["ring"] for frame in found["timeframes"]) >= 8 * 4096


def test_people_see_bytes_and_the_total(tmp_path: Path) -> None:
    shown = technic("indicators", "--memory", folder=tmp_path).stdout
    for text in ("bytes per symbol", "MB for 12,000 symbols", "checkpoints", "ring"):
        assert text in shown
