"""When the watchdog is fed, and when it is left to bite."""

from __future__ import annotations

from daemon.watchdog import Pulse, stuck


def test_a_daemon_that_turns_is_alive_however_silent_the_market() -> None:
    assert stuck(Pulse({"engine": 0.1, "feed": 4.0}), 15.0) == ""


def test_a_task_that_does_not_turn_is_stuck_however_much_arrives() -> None:
    assert stuck(Pulse({"feed": 0.0, "engine": 16.0}), 15.0) == "engine has not turned for 16 s"


def test_input_that_nobody_takes_is_stuck_even_while_tasks_turn() -> None:
    assert stuck(Pulse({"engine": 0.1}, input_age_s=20.0), 15.0) == "input waits for 20 s"
