"""What the docs list is what the program has: keys, metrics, commands, exit codes, events; checked both ways."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import typer

from daemon import eventkinds
from daemon.cli import app
from daemon.config import Config, Section
from daemon.eventkinds import KINDS
from daemon.exits import MEANINGS
from daemon.metrics import Metrics, table
from daemon.scoring.news import KINDS as MODEL_NEWS
from streams.secret import Secret
from tests.test_architecture import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from typer.core import TyperCommand

DOCS = Path(__file__).parent.parent / "docs"


def sections() -> Iterator[tuple[str, type[Section]]]:
    for name, field in Config.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, Section)
        yield name, field.annotation


def default(field: FieldInfo) -> str:
    """A default as it is written in TOML; a folder's stands in its meaning."""
    value = field.default
    if field.is_required() or value is None:
        return ""
    return f"`{orjson.dumps(value.reveal() if isinstance(value, Secret) else value).decode()}`"


def rows(section: type[Section]) -> list[str]:
    fields = section.model_fields.items()
    return [f"| `{key}` | {default(field)} | {field.description} |" for key, field in fields]


@pytest.mark.parametrize(("name", "section"), list(sections()))
def test_the_configuration_page_lists_every_key_with_its_default_and_meaning(name: str, section: type[Section]) -> None:
    page = (DOCS / "configuration.md").read_text()
    part = re.search(rf"^## `\[{name}\]`.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert part, f"docs/configuration.md has no section ## `[{name}]`"
    found = [line for line in part[0].splitlines() if line.startswith("| `")]
    assert found == rows(section)


def test_the_configuration_page_has_no_other_sections() -> None:
    page = (DOCS / "configuration.md").read_text()
    assert re.findall(r"^## `\[(\w+)\]`", page, re.MULTILINE) == list(Config.model_fields)


def test_the_metrics_page_lists_every_metric() -> None:
    assert table(Metrics().declared) in (DOCS / "metrics.md").read_text()


def commands() -> dict[str, TyperCommand]:
    return dict(below(typer.main.get_command(app)))  # type: ignore[arg-type] # a group is a command


def below(group: TyperCommand, prefix: str = "") -> Iterator[tuple[str, TyperCommand]]:
    """Every command of a group with its full name, each before those below it."""
    for name, command in getattr(group, "commands", {}).items():
        yield f"{prefix}{name}", command
        yield from below(command, f"{prefix}{name} ")


def command_rows(command: TyperCommand) -> list[str]:
    """Options and arguments as the page lists them."""
    return [f"| `{'`, `'.join(each.opts)}` | {each.help} |" for each in command.params]  # type: ignore[attr-defined]


def exit_rows() -> list[str]:
    return [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]


def test_the_commands_page_lists_every_command_with_every_option() -> None:
    page = (DOCS / "commands.md").read_text()
    for name, command in commands().items():
        part = re.search(rf"^## `technic {name}`\n.*?(?=^## )", page, re.MULTILINE | re.DOTALL)
        assert part, f"docs/commands.md has no section ## `technic {name}`"
        assert [line for line in part[0].splitlines() if line.startswith("| `")] == command_rows(command)
    assert re.findall(r"^## `technic (.+)`", page, re.MULTILINE) == list(commands())


def test_the_commands_page_lists_every_exit_code() -> None:
    page = (DOCS / "commands.md").read_text()
    assert re.findall(r"^\| \d+ \|.*$", page, re.MULTILINE) == exit_rows()


def fault_tests() -> dict[str, list[str]]:
    """Names of the tests of each fault, by the id that they carry."""
    found: dict[str, list[str]] = {}
    for path in sorted((DOCS.parent / "tests" / "faults").glob("test_*.py")):
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE):
            carried = re.match(r"test_([a-z]+)_(\d\d)_", name)
            assert carried, f"{path}: {name} carries no id of docs/faults.md"
            found.setdefault(f"{carried[1].upper()}-{carried[2]}", []).append(name)
    return found


def test_the_faults_page_lists_every_fault_with_its_tests_and_every_fault_has_one() -> None:
    page = (DOCS / "faults.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+-\d\d) \| (.+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    listed = {number: re.findall(r"`(test_\w+)`", tests) for number, _, _, tests in rows}
    assert len(listed) == len(rows), "an id stands twice"
    assert listed == fault_tests()
    for family in {number.partition("-")[0] for number in listed}:
        numbers = [number for number in listed if number.startswith(family)]
        assert numbers == [f"{family}-{n:02}" for n in range(1, len(numbers) + 1)]


FAMILIES = {
    "model": tuple(MODEL_NEWS),
    "feed": ("sound", "suspect", "degraded"),
    "sink": ("live", "away", "refused", "resent", "undeliverable", "crowded"),
    "stream.group_": ("caught_up", "slow", "lost"),
}
"""Kinds of events that are put together where they are told, by how they begin."""


def told() -> Iterator[str]:
    """Every kind that is told somewhere, as far as it stands there in one piece."""
    for source in SOURCES:
        if source.path == "daemon/eventkinds.py":
            continue
        for node in ast.walk(source.tree):
            yield from kinds_of(node)


def kinds_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and node.args:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in {"tell", "_tell", "Notice"}:
            yield from (text for each in node.args[:2] if is_kind(text := constant(each)))
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (text for key, value in pairs if constant(key) == "kind" and is_kind(text := constant(value)))


def constant(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_kind(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z]+\.[a-z_]+", text))


def test_every_kind_of_event_that_is_told_is_listed_and_the_other_way_round() -> None:
    whole = {f"{name}{'' if name.endswith('_') else '.'}{end}" for name, ends in FAMILIES.items() for end in ends}
    found = {*told(), *whole}
    assert found - set(KINDS) == set(), "list it in daemon/eventkinds.py"
    assert set(KINDS) - found == set(), "nobody tells it any more"


def test_the_page_lists_every_kind_of_event() -> None:
    assert eventkinds.table() in (DOCS / "streams.md").read_text(), "write it anew: python -m tests.schemas"
