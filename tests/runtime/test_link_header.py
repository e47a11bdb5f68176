"""lockgate_runtime.link_header: the stub that fits a device, or a refusal."""

from __future__ import annotations

import pytest

from lockgate.codegen.hooks import LINKS
from lockgate_runtime.errors import NodeError
from lockgate_runtime.link_header import STUB_SUFFIXES, stub_suffix
from lockgate_runtime.netlink import Device


def test_suffixes_are_those_of_the_stubs() -> None:
    """Both sides name the same stubs."""
    assert tuple(LINKS) == STUB_SUFFIXES


@pytest.mark.parametrize(
    ("link_type", "suffix"),
    [(1, ""), (772, ""), (0xFFFE, "_l3"), (768, "_l3"), (776, "_l3"), (512, "_l3")],
    ids=["ethernet", "loopback", "none", "ipip", "sit", "ppp"],
)
def test_known_link_headers(link_type: int, suffix: str) -> None:
    """Ethernet, and nothing at all."""
    assert stub_suffix(Device(7, "d0", "", link_type)) == suffix


@pytest.mark.parametrize("link_type", [778, 823, 32, 801, 0])
def test_unknown_link_headers_are_refused(link_type: int) -> None:
    """GRE's outer header on the way out, InfiniBand, radios: nothing is guessed."""
    with pytest.raises(NodeError) as refused:
        stub_suffix(Device(7, "gre1", "gre", link_type))
    assert refused.value.code == "E5027"
    assert "gre1 (gre)" in refused.value.message
    assert str(link_type) in refused.value.message
