"""What happens while libbpf calls us back reaches whoever called libbpf."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from lockgate_runtime import libbpf
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.errors import BpfError, NodeError

if TYPE_CHECKING:
    from collections import deque


def test_a_signal_during_a_message_ends_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C is not lost in a callback, whose exceptions ctypes prints and forgets."""
    try:
        libbpf.load_libbpf()
    except NodeError as error:
        pytest.skip(f"needs libbpf: {error.cure}")
    messages = libbpf.messages
    hits = []

    def interrupted() -> deque[str]:
        hits.append(1)
        signal.raise_signal(signal.SIGINT)
        return messages()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(libbpf, "messages", interrupted)
            with pytest.raises(KeyboardInterrupt):
                Object("junk", b"junk")
    finally:
        signal.signal(signal.SIGINT, before)
    assert hits
    with pytest.raises(BpfError):  # and it is told once
        Object("junk", b"junk")
