"""Named checks."""

from __future__ import annotations

from daemon.web.readiness import Check, Readiness


def test_parts_count_as_starting_until_they_report() -> None:
    readiness = Readiness("outbox", "redis")
    readiness.set("outbox", ok=True, detail="on disk")
    assert not readiness.ready
    assert readiness.failing() == "redis: starting"
    assert readiness.report() == {
        "ready": False,
        "checks": {
            "outbox": {"ok": True, "detail": "on disk"},
            "redis": {"ok": False, "detail": "starting"},
        },
    }


def test_a_watched_part_is_asked_each_time() -> None:
    state = ["away"]
    readiness = Readiness("redis")
    readiness.watch("redis", lambda: Check(state[0] == "live", state[0]))
    assert readiness.failing() == "redis: away"
    state[0] = "live"
    assert readiness.ready
    assert readiness.failing() == ""
