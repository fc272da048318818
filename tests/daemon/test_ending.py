"""The last resort of a stop, in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HUNG = """
import sys, time, daemon.ending as ending
ending.END_S = float(sys.argv[1])
with ending.Ending(lambda: print("children ended", flush=True)) as last_resort:
    {}
print("ended by itself")
"""


def run(body: str, end_s: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HUNG.format(body), str(end_s)]
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=30, check=False
    )


def test_what_hangs_is_ended_with_its_stacks_shown() -> None:
    ended = run("last_resort.begin(); last_resort.begin(); time.sleep(60)", 0.05)
    assert (ended.returncode, ended.stdout) == (75, "children ended\n")
    assert "most recent call first" in ended.stderr
    assert "<module>" in ended.stderr


def test_what_ends_in_time_is_left_alone() -> None:
    ended = run("last_resort.begin()", 20)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended by itself\n", "")


def test_a_stop_that_never_began_waits_for_nothing() -> None:
    assert run("pass", 20).stdout == "ended by itself\n"


def test_asked_to_end_now_nothing_more_is_waited_for() -> None:
    assert run("last_resort.begin(); last_resort.now()", 20).returncode == 75


def test_the_same_signal_twice_in_a_second_is_one_wish() -> None:
    ended = run("last_resort.asked(10.0); last_resort.asked(10.0); last_resort.asked(10.99)", 20)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended by itself\n", "")


def test_asked_again_later_it_ends_at_once() -> None:
    ended = run("last_resort.asked(10.0); last_resort.asked(11.0)", 20)
    assert (ended.returncode, ended.stdout) == (75, "children ended\n")
