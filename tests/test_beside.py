"""lockgate.beside: what is done in a copy of the process comes out as if done here."""

from __future__ import annotations

import os

import pytest

from lockgate.beside import do_beside

LARGE = 1 << 20
"""More than a pipe holds."""


def _work() -> dict[str, bytes]:
    return {"large": bytes(LARGE), "process": str(os.getpid()).encode()}


def test_both_are_done_each_in_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result travels whole, and the work was done elsewhere."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    texts, done = do_beside(_work, os.getpid)
    assert texts["large"] == bytes(LARGE)
    assert done == os.getpid()
    assert int(texts["process"]) != done


@pytest.mark.parametrize("want", ["processor", "memory", "copy"])
def test_without_a_copy_it_is_done_here(
    want: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One processor, no memory, a copy that was killed: nothing but time is lost."""
    processors = {0} if want == "processor" else {0, 1}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: processors)
    here = os.getpid()

    def refuse() -> int:
        raise OSError(12, "Cannot allocate memory")

    def die_elsewhere() -> dict[str, bytes]:
        if os.getpid() != here:
            os._exit(9)
        return _work()

    if want == "memory":
        monkeypatch.setattr(os, "fork", refuse)
    texts, done = do_beside(die_elsewhere if want == "copy" else _work, lambda: "done")
    assert texts == _work()
    assert done == "done"


def test_a_mistake_here_ends_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails here is raised, and no copy waits for ever with its result."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})

    forked, fork = [], os.fork

    def remember() -> int:
        process = fork()
        if process:
            forked.append(process)
        return process

    def fail() -> None:
        raise ValueError("here")

    monkeypatch.setattr(os, "fork", remember)
    with pytest.raises(ValueError, match="here"):
        do_beside(_work, fail)
    (copy,) = forked
    with pytest.raises(
        ChildProcessError
    ):  # it has ended, and somebody asked for its end
        os.waitpid(copy, os.WNOHANG)
