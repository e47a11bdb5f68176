"""lockgate.codegen.tracing: from policies to programs, tables and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.tracing.build import build
from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.lowering.sites import lower_policies
from lockgate.options import Options
from lockgate.toolchain.clang import strip_comments
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, TRACEPOINTS, small_types
from tests.lowering.types import write_target

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.codegen.tracing import TracingBuild
    from lockgate.ir.site import Generation
    from lockgate.targets.target import Target


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Give a kernel where everything works."""
    return write_target(
        tmp_path, small_types(), FUNCTIONS, hooks=EVERY_HOOK, tracepoints=TRACEPOINTS
    )


def policy(name: str, selector: str) -> str:
    """Return a policy at security_file_open."""
    return (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\n"
        f"metadata: {{name: {name}}}\nspec:\n  kprobes:\n"
        "  - call: security_file_open\n    syscall: false\n"
        "    args: [{index: 0, type: file}]\n"
        f"    selectors: [{{{selector}}}]\n"
    )


def files(value: str, actions: str = "") -> str:
    """Return a selector of files whose path begins with a value."""
    match = f"matchArgs: [{{index: 0, operator: Prefix, values: [{value}]}}]"
    return f"{match}, matchActions: [{actions}]" if actions else match


def made(target: Target, *texts: str) -> TracingBuild:
    """Build policies."""
    diagnostics = Diagnostics()
    named = {f"{number}.yaml": text for number, text in enumerate(texts)}
    parsed = parse_documents(documents_from_text(named), Options(), diagnostics)
    found = build(parsed.tracing_policies, target, diagnostics)
    assert diagnostics.ok, [d.message for d in diagnostics.found]
    return found


def lowered(target: Target, *texts: str) -> tuple[Generation, Diagnostics]:
    """Lower policies."""
    diagnostics = Diagnostics()
    named = {f"{number}.yaml": text for number, text in enumerate(texts)}
    parsed = parse_documents(documents_from_text(named), Options(), diagnostics)
    return lower_policies(parsed.tracing_policies, target, diagnostics), diagnostics


def test_a_changed_value_changes_tables_alone(target: Target) -> None:
    """The programs' text is the same to the last byte, so nothing is compiled."""
    binary = ", matchBinaries: [{operator: In, values: [BINARY]}]"
    one = made(target, policy("a", files("/etc/") + binary.replace("BINARY", "/a")))
    two = made(
        target, policy("a", files("/var/log/") + binary.replace("BINARY", "/b/c"))
    )
    # Comments name columns of the policy; neither the object nor the cache knows them.
    assert {n: strip_comments(text) for n, text in one.sources.items()} == {
        n: strip_comments(text) for n, text in two.sources.items()
    }
    assert one.sites["sites"] == two.sites["sites"]
    rooms, others = (
        [(table["map"], table["form"], table["room"]) for table in made.sites["tables"]]
        for made in (one, two)
    )
    assert rooms == others, "maps have room for both"
    assert {form for name, form, _ in rooms if name != "modes"}.isdisjoint({""})
    assert {name for name in one.tables if one.tables[name] != two.tables[name]} >= {
        "states_0_1.bin",
        "edges_0_1.keys",
        "lists.bin",
    }


def test_the_same_input_gives_the_same_bytes(target: Target) -> None:
    """Whatever the order of the documents."""
    texts = [policy("a", files("/etc/")), policy("b", files("/usr/"))]
    one, two = made(target, *texts), made(target, *texts)
    assert one == two


def test_policies_at_one_place_are_one_program(target: Target) -> None:
    """Selectors are numbered by policy; the event's place says whose they are."""
    found = made(target, policy("b", files("/b")), policy("a", files("/a")))
    (site,) = found.sites["sites"]
    assert (site["stand"], site["functions"]) == ("fentry", ["security_file_open"])
    assert [
        (hook["name"], [selector["number"] for selector in hook["selectors"]])
        for hook in found.sites["hooks"]
    ] == [("a", [0]), ("b", [1])]
    assert [name for name in found.sources if name.endswith(".c")] == ["site_0.c"]


def test_who_watches_stands_with_who_denies(target: Target) -> None:
    """One operation has one event, though a denial needs another way to stand."""
    denial = files("/b", "{action: Override, argError: -1}")
    generation, _ = lowered(target, policy("a", files("/a")), policy("b", denial))
    assert [site.stand.value for site in generation.sites] == ["fmod_ret"]


def test_different_denials_are_told(target: Target) -> None:
    """With both places; the same error twice is no news."""
    one = policy("a", files("/a", "{action: Override, argError: -1}"))
    two = policy("b", files("/b", "{action: Override, argError: -13}"))
    _, diagnostics = lowered(target, one, two)
    (found,) = (d for d in diagnostics.found if d.code == "W3133")
    assert "-13" in found.message
    assert "0.yaml:9" in found.message
    assert found.span is not None
    assert found.span.source.name == "1.yaml"
    _, diagnostics = lowered(target, one, two.replace("-13", "-1"))
    assert not [d for d in diagnostics.found if d.code == "W3133"]


def test_what_no_program_does_is_refused(target: Target) -> None:
    """With the place, the reason, and the code that attach-report has, too."""
    action = files("/a", "{action: Post, imaHash: true}")
    generation, diagnostics = lowered(target, policy("a", action))
    assert generation.sites == ()
    (found,) = (d for d in diagnostics.found if d.code == "E3170")
    assert "imaHash" in found.message
    assert found.span is not None


@pytest.mark.parametrize(
    ("actions", "most"),
    [("", 1024), ("{action: Sigkill}", 512)],
)
def test_more_selectors_than_a_program_can_judge_are_refused(
    target: Target, actions: str, most: int
) -> None:
    """At the first one too many, before clang or a verifier runs out of stack."""
    wanted = [files(f"/srv/{number}/", actions) for number in range(most + 1)]
    text = policy("many", "")
    text = text.replace("[{}]", "[" + ", ".join(f"{{{one}}}" for one in wanted) + "]")
    _, diagnostics = lowered(target, text)
    (found,) = [d for d in diagnostics.found if d.severity.value == "error"]
    assert found.code == "E3139"
    assert f"room for {most}" in found.message
    if not actions:
        fewer = text.replace(f", {{{wanted[-1]}}}", "")
        assert lowered(target, fewer)[1].ok


def test_hooks_are_found_in_a_table_where_there_are_many(target: Target) -> None:
    """By the first selector that matched, whatever hook it is of."""
    texts = [policy(f"p{number:02}", files(f"/{number}")) for number in range(9)]
    text = made(target, *texts).sources["site_0.c"]
    numbers = ", ".join(map(str, [*range(9), *[8] * 7]))
    assert f"hook_of[16] = {{\n\t{numbers},\n}};" in text
    assert "hook_of" not in made(target, *texts[:8]).sources["site_0.c"]
