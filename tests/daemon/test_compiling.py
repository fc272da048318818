"""How a cold start is shared out and shown."""

from __future__ import annotations

import sys

import pytest
from numba.core import event

from daemon import compiling, kernelcache


def compile_(*inner: str) -> None:
    """As numba tells of it: kernels that are inlined are compiled within the one that calls them."""
    with event.trigger_event("numba:compile"):
        for _ in inner:
            with event.trigger_event("numba:compile"):
                pass


def test_kernels_are_counted_each_with_all_that_is_inlined_into_it() -> None:
    told: list[int] = []
    with compiling.counted(told.append):
        compile_("a", "b")
        compile_()
    compile_()
    assert told == [1, 2]


def test_where_kernels_are_kept_no_child_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcache, "is_empty", lambda: False)
    monkeypatch.setattr(sys, "executable", "/no/such/file")
    with compiling.decoder_beside() as ready:
        ready()


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/file"])
def test_a_child_that_fails_is_no_failure(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(kernelcache, "is_empty", lambda: True)
    monkeypatch.setattr(sys, "executable", program)
    with compiling.decoder_beside() as ready:
        ready()


def test_a_start_that_fails_leaves_no_child_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelcache, "is_empty", lambda: True)
    children: list[object] = []
    popen = compiling.subprocess.Popen

    def starting(_: object, **options: object) -> object:
        children.append(popen(["/bin/sleep", "60"], **options))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(compiling.subprocess, "Popen", starting)
    with pytest.raises(KeyError), compiling.decoder_beside():
        raise KeyError
    (child,) = children
    assert child.returncode is not None  # type: ignore[attr-defined]
