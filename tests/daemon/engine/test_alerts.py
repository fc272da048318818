from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from daemon.engine.alerts import Alert, Times, digest, known

BAR_MS = 1_736_173_800_000


def alert(**changed: Any) -> Alert:
    plain = Alert(
        id="00ff",
        rule="reclaim",
        rule_version="abc",
        symbol="BRK.B",
        session="regular",
        timeframe="1m",
        severity="high",
        evaluate="close",
        bar_start_ms=BAR_MS,
        price=12.5,
        volume=300.0,
        score=0.25,
        values={"close": 12.5, "rsi(14)": None},
        coverage="covered",
        late=False,
        times=Times(BAR_MS + 60_000, BAR_MS + 61_000),
    )
    return msgspec.structs.replace(plain, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "00fe"},
        {"bar_start_ms": BAR_MS + 60_000},
        {"score": math.nextafter(0.25, 1)},
        {"score": None},
        {"values": {"close": 12.5, "rsi(14)": 0.0}},
        {"values": {"close": math.nextafter(12.5, 0), "rsi(14)": None}},
        {"values": {"open": 12.5, "rsi(14)": None}},
        {"values": {"close": 12.5}},
    ],
)
def test_the_digest_tells_alerts_apart_to_the_last_bit(changed: dict[str, Any]) -> None:
    assert digest([alert(**changed)]) != digest([alert()])


@pytest.mark.parametrize(
    "changed", [{"times": Times(1, 2, 3)}, {"late": True}, {"coverage": "warming"}, {"severity": "low"}]
)
def test_nothing_of_clock_or_arrival_is_in_the_digest(changed: dict[str, Any]) -> None:
    assert digest([alert(**changed)]) == digest([alert()])


def test_the_digest_depends_on_order_and_number() -> None:
    first, second = alert(id="01"), alert(id="02")
    assert digest([first, second]) != digest([second, first])
    assert digest([first]) != digest([first, first]) != digest([])


def test_an_alert_goes_to_json_and_back_with_its_schema() -> None:
    text = alert().json()
    assert msgspec.json.decode(text, type=Alert) == alert()
    assert msgspec.json.decode(text)["v"] == 1


def test_the_entry_has_flat_fields_to_filter_on_and_the_whole_alert() -> None:
    fields = dict(alert().fields())
    assert msgspec.json.decode(fields.pop("data"), type=Alert) == alert()
    assert fields == {
        "id": "00ff",
        "rule": "reclaim",
        "symbol": "BRK.B",
        "bar_start_ms": str(BAR_MS),
        "score": "0.250000",
        "severity": "high",
    }
    assert alert(score=None).fields()["score"] == ""


def test_the_wall_clock_and_what_is_at_hand_are_stamped_on_a_copy() -> None:
    about = {"company": {"as_of_ms": 5, "known": {"name": "Berkshire Hathaway", "sector": "Financials"}}}
    stamped = alert().at(99, about)
    assert stamped.times == Times(BAR_MS + 60_000, BAR_MS + 61_000, 99)
    assert (stamped.about, stamped.name, stamped.sector) == (about, "Berkshire Hathaway", "Financials")
    assert alert(sector="Insurance").at(99, about).sector == "Insurance"
    nothing = alert().at(99, {"details": {"as_of_ms": 5, "known": None}})
    assert (nothing.name, nothing.sector) == ("", "")
    assert (alert().times.scored_ms, alert().about) == (0, {})
    assert digest([stamped]) == digest([alert()])


def test_what_is_no_finite_number_is_not_known() -> None:
    assert [known(value) for value in (1.5, math.nan, math.inf, -math.inf)] == [1.5, None, None, None]
