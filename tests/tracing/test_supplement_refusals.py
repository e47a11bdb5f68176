"""What an event cannot have is refused where it is asked for, with the reason and a cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options
from tests.tracing.program_file import make_program
from tests.tracing.test_build import files, lowered, made, policy, target

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.targets.target import Target

__all__ = ["target"]
"""The fixture."""


def test_files_are_hashed_at_hooks_that_may_sleep(target: Target) -> None:
    """A function of the kernel is none; the hooks are named."""
    action = files("/a", "{action: Post, imaHash: true}")
    generation, diagnostics = lowered(target, policy("a", action))
    assert generation.sites == ()
    (found,) = (d for d in diagnostics.found if d.code == "E3170")
    assert "fentry:security_file_open" in found.message
    assert found.help in (
        "write it under 'lsmhooks', at one of file_open",
        "no hook of this kernel can: take it out",
    )


def test_programs_have_no_stack_of_the_kernel(target: Target, tmp_path: Path) -> None:
    """But one of their own."""
    program = tmp_path / "program"
    program.write_bytes(make_program())
    text = (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: p}\nspec:\n"
        f"  uprobes:\n  - path: {program}\n    symbols: [work]\n    selectors:\n"
        "    - matchActions: [{action: Post, WHAT: true}]\n"
    )
    _, diagnostics = lowered(target, text.replace("WHAT", "kernelStackTrace"))
    (found,) = (d for d in diagnostics.found if d.code == "E3171")
    assert found.help == "write 'userStackTrace' instead"
    assert (
        "BPF_F_USER_STACK"
        in made(target, text.replace("WHAT", "userStackTrace")).sources["site_0.c"]
    )


@pytest.mark.parametrize(
    "asked",
    ["{action: GetUrl, argUrl: 'http://a/'}", "{action: DnsLookup, argFqdn: a.b}"],
)
def test_requests_need_an_event(target: Target, asked: str) -> None:
    """NoPost beside one would let it never be made."""
    _, diagnostics = lowered(
        target, policy("a", files("/a", asked + ", {action: NoPost}"))
    )
    assert [d.code for d in diagnostics.found] == ["E3172"]
    assert (
        "request(event"
        in made(target, policy("a", files("/a", asked))).sources["site_0.c"]
    )


@pytest.mark.parametrize(
    ("asked", "is_one"),
    [
        ("GetUrl, argUrl: 'https://host.example:8443/path?x=1'", True),
        ("GetUrl, argUrl: 'http://[::1]/'", True),
        ("GetUrl, argUrl: host.example", False),
        ("GetUrl, argUrl: 'file:///etc/passwd'", False),
        ("GetUrl, argUrl: 'http://'", False),
        ("GetUrl, argUrl: 'http://a:port/'", False),
        ("DnsLookup, argFqdn: _dns.host.example.", True),
        ("DnsLookup, argFqdn: 'http://host.example'", False),
        ("DnsLookup, argFqdn: a..b", False),
    ],
)
def test_what_nobody_can_ask_for_is_an_error(asked: str, is_one: bool) -> None:
    """At its place in the policy, before anything is compiled."""
    diagnostics = Diagnostics()
    text = policy("a", files("/a", f"{{action: {asked}}}"))
    parse_documents(documents_from_text({"a.yaml": text}), Options(), diagnostics)
    codes = [d.code for d in diagnostics.found]
    assert codes == ([] if is_one else ["E1102"])
