"""The picture of a preview takes any report, and says what is in it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from daemon.fires import Fires, Outcome, RuleReport, Swing
from daemon.judgement import BETTER, Judgement
from daemon.preview import Report
from daemon.previewchart import MOST_ROWS, draw
from tests.daemon.test_charts import size

SVG = "{http://www.w3.org/2000/svg}"


def fires(by_time: dict[str, int]) -> Fires:
    alerts = sum(by_time.values())
    return Fires("0" * 12, alerts, alerts / 20, 0, alerts, {}, 1, {"A": alerts}, by_time)


def rule(name: str, new: dict[str, int] | None, running: dict[str, int] | None, change: str = "changed") -> RuleReport:
    versions = [None if by_time is None else fires(by_time) for by_time in (new, running)]
    return RuleReport(name, change, *versions, 0, 0, 0)


def report(*rules: RuleReport) -> Report:
    days = ["2025-01-02", "2025-01-03"]
    return Report("/etc/technic/new.toml", "default.toml", list(rules), days, 1000, 10, 0.1, False, {}, [])


def texts_of(svg: bytes) -> list[str]:
    """All texts of a picture, which has to be well-formed."""
    root = ET.fromstring(svg)  # noqa: S314 (our own)
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def texts(told: Report) -> list[str]:
    return texts_of(draw(told, ".svg"))


def test_every_rule_has_its_row_with_what_it_told_in_both_versions() -> None:
    told = texts(
        report(
            rule("sharper", {"09:30": 3, "10:15": 1}, {"09:30": 40}),
            rule("added", {"11:00": 1}, None, "new"),
            rule("dropped", None, {"12:00": 1200}, "gone"),
            rule("silent", {}, {}, "same"),
        )
    )
    assert {"new.toml against default.toml", "09:30", "12:00", "16:00", "tried", "running"} <= set(told)
    assert {"sharper", "4 alerts, running 40", "added", "new: 1 alert", "dropped", "gone: 1,200 alerts"} <= set(told)
    assert {"silent", "0 alerts", "never"} <= set(told)
    assert "alerts over the day, New York time; 2 trading days, 2025-01-02 to 2025-01-03; 10 symbols" in told


def test_the_hours_before_the_open_and_after_the_close_are_there_where_rules_fired_in_them() -> None:
    told = texts(report(rule("early", {"06:45": 2}, {"19:30": 1})))
    assert {"06:00", "20:00"} <= set(told)
    assert "06:00" not in texts(report(rule("regular", {"09:30": 2, "15:45": 1}, None, "new")))


def test_outcomes_stand_beside_those_of_random_symbols_and_say_how_to_read_them() -> None:
    one = rule("a", {"10:00": 2}, {"10:00": 2}, "changed")
    plain = draw(report(one), ".svg")
    assert one.new is not None
    one.new.outcome = Outcome(30, Swing(2, -1.0, -4.0, 1.5, 6.0), Swing(20, -1.0, -3.0, 1.0, 3.0))
    one.new.judged = {"15m": Judgement(2, 2, 0.9, 3.0, 1.0, 2.0, 1.0, 3.0, 2.0, -1.0, 0.01, 0.0, BETTER)}
    told = texts(report(one))
    assert any(text.startswith("right: how far the price went in the next 30 minutes, in ATR") for text in told)
    assert "2 alerts, running 2, beats random" in told
    assert "0" in told
    assert "in ATR" not in " ".join(texts_of(plain))


def test_without_a_difference_there_is_no_running_line_to_explain() -> None:
    assert "running" not in texts(report(rule("kept", {"10:00": 2}, {"10:00": 2}, "same")))


def test_of_too_many_rules_those_that_fired_most_are_drawn() -> None:
    rules = [rule(f"rule-{k}", {"10:00": k}, None, "new") for k in range(MOST_ROWS + 3)]
    told = texts(report(*rules))
    assert "and 3 rules that fired less" in told
    assert ("rule-2" in told, "rule-3" in told) == (False, True)


@pytest.mark.parametrize("form", [".png", ".svg"])
def test_the_same_report_gives_the_same_picture(form: str) -> None:
    told = report(rule("a", {"10:00": 2}, {"10:15": 2}))
    assert draw(told, form) == draw(msgspec.structs.replace(told), form)


@pytest.mark.parametrize(
    "rules", [[], [rule("x" * 64, {"10:00": 1}, None, "new")], [rule("$x_{$", {"23:45": 10**9}, {}, "changed")]]
)
def test_a_strange_report_has_a_png_too(rules: list[Any]) -> None:
    width, height = size(draw(report(*rules), ".png"))
    assert width == 1100
    assert 200 < height < 400
