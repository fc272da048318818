"""The status page's text."""

from __future__ import annotations

from daemon.web.page import status_page
from daemon.web.readiness import Check

HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m\u202e"


def test_nothing_hostile_gets_onto_the_page() -> None:
    text = status_page(HOSTILE, {HOSTILE: Check(ok=False, detail=HOSTILE)}, {HOSTILE: HOSTILE})
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;\\x1b[31m\\u202e") == 5


def test_the_verdict_is_that_of_all_checks() -> None:
    well, ill = Check(ok=True), Check(ok=False, detail="away")
    assert ">ready</span>" in status_page("1", {"a": well}, {})
    assert ">not ready</span>" in status_page("1", {"a": well, "b": ill}, {"symbols": 99})
