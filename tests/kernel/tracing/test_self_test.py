"""Ways to enforce are tried for real, and a way that has no effect is told."""

from __future__ import annotations

import os

import pytest

from lockgate_runtime import environment
from lockgate_runtime.environment import is_in_first_pid_namespace
from lockgate_runtime.errors import NodeError
from lockgate_runtime.target.facts import read_security_modules
from lockgate_runtime.tracing import self_test
from tests.kernel.tracing.programs import require

pytestmark = pytest.mark.kernel

STANDS = (
    "fentry",
    "fexit",
    "fmod_ret",
    "kprobe",
    "kretprobe",
    "lsm",
    "raw_tracepoint",
    "tracepoint",
    "uprobe",
    "uretprobe",
    "usdt",
)


numbered = pytest.mark.skipif(
    not is_in_first_pid_namespace(), reason="needs the first PID namespace"
)


@numbered
@pytest.mark.parametrize("stand", STANDS)
def test_stand(stand: str) -> None:
    """It works where the kernel has it; an LSM hook only where bpf is in the list."""
    require(
        {"kretprobe": "kprobe", "uretprobe": "uprobe", "usdt": "uprobe"}.get(
            stand, stand
        )
    )
    if stand == "lsm" and "bpf" not in read_security_modules():
        with pytest.raises(NodeError, match="as if nobody had objected") as caught:
            self_test.try_stands([stand])
        assert caught.value.code == "E5144"
    else:
        assert self_test.try_stands([stand]) == [stand]
    assert os.getsid(os.getpid()) >= 0, "nothing stays"


@numbered
def test_no_effect_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal to another process than the one that is tried does nothing."""
    killing = self_test._killing
    monkeypatch.setattr(self_test, "_killing", lambda tgid: killing(tgid + (1 << 24)))
    require("tracepoint")
    with pytest.raises(NodeError, match="a signal by tracepoint") as caught:
        self_test.try_stands(["tracepoint"])
    assert caught.value.code == "E5144"


def test_nobody_else_is_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a PID namespace our number is another process's for the kernel: not tried."""
    monkeypatch.setattr(environment, "FIRST_PID_NAMESPACE", 1)
    monkeypatch.setattr(self_test, "_kills", lambda _: pytest.fail("it was tried"))
    with pytest.raises(NodeError, match="in a PID namespace") as caught:
        self_test.try_stands(["tracepoint"])
    assert caught.value.code == "E5144"
    assert "hostPID" in caught.value.cure


@numbered
def test_no_effect_in_programs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe at another function is not hit, and the call passes."""
    require("uprobe")
    elsewhere = self_test._site_in_library("uprobe", "getpgid")
    monkeypatch.setattr(self_test, "_site_in_library", lambda _: elsewhere)
    with pytest.raises(NodeError) as caught:
        self_test.try_stands(["uprobe"])
    assert caught.value.code == "E5144"
