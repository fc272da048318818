"""Named checks."""

from __future__ import annotations

from daemon.web.readiness import Check, Readiness


def test_ready_is_when_every_part_is_well_and_each_is_asked_each_time() -> None:
    state = ["away"]
    readiness = Readiness()
    readiness.watch("outbox", lambda: Check(ok=True, detail="on disk"))
    readiness.watch("redis", lambda: Check(state[0] == "live", state[0]))
    assert readiness.report() == {
        "ready": False,
        "checks": {"outbox": {"ok": True, "detail": "on disk"}, "redis": {"ok": False, "detail": "away"}},
    }
    state[0] = "live"
    assert readiness.report()["ready"]
