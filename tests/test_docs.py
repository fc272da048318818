"""What the docs list is what the program has: keys, metrics, commands, exit codes; checked both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import typer

from daemon.cli import app
from daemon.config import Config, Section
from daemon.exits import MEANINGS
from daemon.metrics import Metrics, table
from streams.secret import Secret

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
