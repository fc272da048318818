"""`technic check-config`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fakes.program import technic

if TYPE_CHECKING:
    from pathlib import Path


def test_mistakes_of_configuration_and_rules_come_together(tmp_path: Path) -> None:
    path = tmp_path / "technic.toml"
    path.write_text('[engine]\nrules = "rules.toml"\ngrace = 5\n')
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "a"\nwhere = "rzi(14) > 70"\ncolour = "red"\n')
    ended = technic("check-config", "-c", path, folder=tmp_path)
    assert ended.returncode == 78
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert lines[0] == f'technic: {path}:3:1: unknown key "engine.grace"; did you mean "grace_s"?'
    assert any("rules.toml:3:" in line and "rsi" in line for line in lines)
    assert any("rules.toml:4:1" in line for line in lines)


def test_as_json_they_are_one_document(tmp_path: Path) -> None:
    path = tmp_path / "technic.toml"
    path.write_text("[http]\nport = -1\n")
    ended = technic("check-config", "-c", path, "--json", folder=tmp_path)
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["ok"]) == (78, False)
    assert found["mistakes"][0]["place"] == f"{path}:2:1"


def test_rules_that_cannot_be_read_are_a_mistake(tmp_path: Path) -> None:
    absent = technic("check-config", folder=tmp_path, environ={"TECHNIC_ENGINE__RULES": "absent.toml"})
    assert absent.returncode == 78
    assert "absent.toml: the rules cannot be read: No such file or directory" in absent.stderr
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    binary = technic("check-config", folder=tmp_path, environ={"TECHNIC_ENGINE__RULES": "binary.toml"})
    assert binary.returncode == 78
    assert "it is no text" in binary.stderr


def test_the_defaults_are_right_and_a_missing_key_is_remarked(tmp_path: Path) -> None:
    ended = technic("check-config", folder=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.startswith("no file, defaults: no mistakes, 12 rules")
    assert "note: feed.key is not set" in ended.stderr
