"""Run the checks, and let configuration, comments and baseline have their say.

A function of the compilation, the configuration and the day that it is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.diagnostics import Severity
from lockgate.findings import Finding, Level, fingerprints, in_order, of_diagnostic
from lockgate.ir.cluster import Cluster
from lockgate.lint.checks import CHECKS
from lockgate.lint.comments import find_comments
from lockgate.lint.config import may_change
from lockgate.lint.exceptions import apply_exceptions
from lockgate.lint.scene import Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from lockgate.driver import Compilation
    from lockgate.lint.config import Config
    from lockgate.source import Source

_UNENFORCED = ("W30", "W1820")
"""What the codes begin with of what is read, checked and not enforced yet."""

_OF_SNAPSHOT = frozenset({"W2051", "W2052", "W2055"})
"""What the compiler misses in a snapshot; without one it misses everything."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be told, and how much is not.

    ``findings`` are in order; ``ignored`` counts those that the configuration or a comment
    takes away, ``known`` those that the baseline knows.
    """

    findings: tuple[Finding, ...]
    ignored: int = 0
    known: int = 0

    def worst(self, levels: Iterable[Level]) -> bool:
        """Whether some finding has one of these severities."""
        wanted = set(levels)
        return any(finding.severity in wanted for finding in self.findings)


def judge_policies(
    compilation: Compilation,
    config: Config,
    today: date,
    known: frozenset[str] | None = None,
    *,
    remembers: bool = False,
) -> Judgement:
    """Return all findings about a compilation that was allowed what is not enforced yet.

    ``known`` are the fingerprints of a baseline, None without one; ``remembers`` where one
    is read or written.
    """
    scene = _scene(compilation, config, remembers=remembers)
    found = [
        _told(of_diagnostic(diagnostic))
        for diagnostic in compilation.diagnostics.found
        if scene.has_snapshot or diagnostic.code not in _OF_SNAPSHOT
    ]
    left_out = []
    for check in CHECKS:
        if _can_run(check.needs, scene):
            found += check.find(scene)
            continue
        left_out.append(check.name)
        if check.without_snapshot and _can_run(Needs.SET, scene):
            found += check.without_snapshot(scene)
    found = _without_echoes(found)
    found += _notes(scene, left_out)
    comments = find_comments(_sources(compilation))
    found, ignored = apply_exceptions(
        found, config.settings, comments, today, is_whole=not left_out
    )
    ordered = in_order(found)
    if known is None:
        return Judgement(tuple(ordered), ignored)
    new = [
        finding
        for finding, fingerprint in zip(ordered, fingerprints(ordered), strict=True)
        if fingerprint not in known or not may_change(finding.code)
    ]
    return Judgement(tuple(new), ignored, len(ordered) - len(new))


def _told(finding: Finding) -> Finding:
    """Tell of what is not enforced under the code of its page, and as nobody's mistake."""
    if not finding.code.startswith(_UNENFORCED):
        return finding
    return replace(finding, code=f"E{finding.code[1:]}", severity=Level.UNSUPPORTED)


def _without_echoes(found: Sequence[Finding]) -> list[Finding]:
    """Leave out what was said: of the rules of one element, and of a peer by its cause."""
    once = {(f.code, f.span, f.message): f for f in reversed(found)}
    said = {finding.span for finding in found if finding.code == "W6010"}
    return [
        finding
        for finding in reversed(once.values())
        if finding.code != "W6001" or finding.span not in said
    ]


# ---------------------------------------------------------------- what can be judged


def _scene(compilation: Compilation, config: Config, *, remembers: bool) -> Scene:
    policies, tracing = compilation.policies, compilation.tracing_policies
    if not compilation.ok:
        # What was read with a mistake says something else than it was meant to say.
        mistaken = {
            found.span.source
            for found in compilation.diagnostics.found
            if found.severity is Severity.ERROR and found.span is not None
        }
        policies = tuple(p for p in policies if p.span.source not in mistaken)
        tracing = tuple(p for p in tracing if p.span.source not in mistaken)
    return Scene(
        compilation.options,
        config,
        compilation.cluster or Cluster(),
        policies,
        compilation.middle if compilation.ok else None,
        tracing,
        remembers,
    )


def _can_run(needs: Needs, scene: Scene) -> bool:
    if needs is Needs.POLICY:
        return True
    if scene.middle is None:
        return False
    return needs is Needs.SET or scene.has_snapshot


def _notes(scene: Scene, left_out: Sequence[str]) -> Iterator[Finding]:
    names = ", ".join(sorted(left_out))
    if not left_out or not scene.policies:
        return
    if scene.middle is None:
        yield Finding(
            "N6025",
            Level.NOTE,
            f"because of the errors, what needs the whole set was not judged: {names}",
            None,
            "mend the errors first",
        )
    else:
        yield Finding(
            "N6024",
            Level.NOTE,
            f"without a snapshot, some things were not judged: {names}",
            None,
            "add one: kubectl get ns,pods,nodes,svc,endpointslices -A -o yaml",
        )


def _sources(compilation: Compilation) -> list[Source]:
    """Return the documents that hold policies, or about which something was said."""
    spans = [policy.span for policy in compilation.policies]
    spans += [policy.span for policy in compilation.tracing_policies]
    spans += [d.span for d in compilation.diagnostics.found if d.span is not None]
    return list(
        {(s.source.name, s.source.first_line): s.source for s in spans}.values()
    )
