from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.engine.tomlmap import TomlMap

if TYPE_CHECKING:
    from daemon.engine.errors import Position

TEXT = """\
# rules
title = 'x' # not read
[[rule]]
name = "one"   # a comment with "quotes" and [brackets]
on = [ # first
  "abc",
  '''d
e''',
]
[rule.inner]
deep.key = 3
[[ rule ]]
"name" = "t\\twö\\u0041!"
where = \"\"\"
first
  second \\
     third\"\"\"
numbers = [1, 2.5, {a = "x", b = ["y"]}]
"""


def character(text: str, at: Position) -> str:
    return (text.split("\n")[at.line - 1] + "\n")[at.column - 1]


def test_every_key_is_found_where_it_stands() -> None:
    places = TomlMap(TEXT)
    assert places.key(("title",)) == (2, 1)
    assert places.key(("rule", 0)) == (3, 1)
    assert places.key(("rule", 0, "name")) == (4, 1)
    assert places.key(("rule", 0, "inner", "deep", "key")) == (11, 1)
    assert places.key(("rule", 1)) == (12, 1)
    assert places.key(("rule", 1, "where")) == (14, 1)
    assert places.key(("rule", 1, "numbers", 2, "b")) == (18, 30)


def test_every_character_of_a_string_is_found_where_it_stands() -> None:
    places = TomlMap(TEXT)
    assert places.character(("rule", 0, "on", 0), 1) == (6, 5)
    assert places.character(("rule", 0, "on", 1), 2) == (8, 1)
    assert places.character(("rule", 1, "name"), 2) == (13, 14)
    assert places.character(("rule", 1, "name"), 5) == (13, 22)
    where = tomllib.loads(TEXT)["rule"][1]["where"]
    assert character(TEXT, places.character(("rule", 1, "where"), where.index("third"))) == "t"
    assert places.character(("rule", 1, "where"), where.index("third")) == (17, 6)


def test_past_its_end_a_string_ends() -> None:
    assert TomlMap("a = 'xy'").character(("a",), 99) == (1, 8)


def test_what_is_not_there_stands_where_it_would_lie() -> None:
    assert TomlMap(TEXT).key(("rule", 1, "cooldown")) == (12, 1)
    assert TomlMap("").key(("rule",)) == (1, 1)


def test_windows_line_ends_count_as_one() -> None:
    assert TomlMap("a = 1\r\nb = '''\r\nx\r\ny'''\r\n").character(("b",), 2) == (4, 1)


def basic(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def multi_line(text: str) -> str:
    return '"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'


texts = st.text("ab #[]{}=,'\"\\\n", max_size=12)
values = st.recursive(texts, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=3), st.booleans())
def test_places_agree_with_what_tomllib_reads(tables: list[dict[str, object]], lines: bool) -> None:
    quote = multi_line if lines else basic

    def element(value: Any) -> str:
        return quote(value) if isinstance(value, str) else "[" + " , ".join(map(element, value)) + "]"

    text = "\n".join(
        "[[t]] # h\n" + "\n".join(f"{key} = {element(value)} # c" for key, value in table.items()) for table in tables
    )
    read = tomllib.loads(text)
    places = TomlMap(text)

    def check(path: tuple[str | int, ...], value: object) -> None:
        if isinstance(value, list):
            for index, inner in enumerate(value):
                check((*path, index), inner)
        elif isinstance(value, dict):
            for key, inner in value.items():
                check((*path, key), inner)
        else:
            for index, wanted in enumerate(str(value)):
                assert character(text, places.character(path, index)) in (wanted, "\\")

    check((), read)
