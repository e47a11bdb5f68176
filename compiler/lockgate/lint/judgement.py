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
from lockgate.lint.comments import find_ignores
from lockgate.lint.config import may_change
from lockgate.lint.scene import Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from lockgate.driver import Compilation
    from lockgate.lint.comments import Ignore
    from lockgate.lint.config import Config, Setting
    from lockgate.source import Source, Span

_UNENFORCED = "W30"
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
    ignores = find_ignores(_sources(compilation))
    found, ignored = _except(found, config.settings, ignores, today, not left_out)
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
    policies = compilation.policies
    if not compilation.ok:
        # What was read with a mistake says something else than it was meant to say.
        mistaken = {
            found.span.source
            for found in compilation.diagnostics.found
            if found.severity is Severity.ERROR and found.span is not None
        }
        policies = tuple(p for p in policies if p.span.source not in mistaken)
    return Scene(
        compilation.options,
        config,
        compilation.cluster or Cluster(),
        policies,
        compilation.middle if compilation.ok else None,
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
    spans += [d.span for d in compilation.diagnostics.found if d.span is not None]
    return list(
        {(s.source.name, s.source.first_line): s.source for s in spans}.values()
    )


# ---------------------------------------------------------------- exceptions


def _except(
    found: Iterable[Finding],
    settings: Sequence[Setting],
    ignores: Sequence[Ignore],
    today: date,
    is_whole: bool,
) -> tuple[list[Finding], int]:
    """Return what is left, with what there is to say of the exceptions themselves."""
    in_force = [s for s in settings if not _is_over(s.until, today)]
    used: set[Span] = set()
    left = []
    ignored = 0
    for finding in found:
        kept = _set(finding, in_force)
        here = [i for i in ignores if i.concerns(finding.code, finding.span)]
        used.update(ignore.span for ignore in here)
        if any(i.reason and not _is_over(i.until, today) for i in here):
            kept = None
        if kept is None:
            ignored += 1
        else:
            left.append(kept)
    left += [
        _expired(setting.span, setting.until, setting.finding)
        for setting in settings
        if _is_over(setting.until, today)
    ]
    for ignore in ignores:
        left += _about(ignore, today, is_used=ignore.span in used or not is_whole)
    return left, ignored


def _set(finding: Finding, settings: Sequence[Setting]) -> Finding | None:
    """Give a finding the severity of the first setting that concerns it; None for off."""
    for setting in settings:
        if setting.concerns(finding.code, finding.span):
            if setting.severity is None:
                return None
            return replace(finding, severity=setting.severity)
    return finding


def _is_over(until: date | None, today: date) -> bool:
    return until is not None and today >= until


def _expired(span: Span, until: date | None, what: str) -> Finding:
    return Finding(
        "W6020",
        Level.WARNING,
        f"this exception for {what} ended on {until}",
        span,
        "mend what it excepts, or agree on a new date",
        key=f"{what} {until}",
    )


def _about(ignore: Ignore, today: date, *, is_used: bool) -> Iterator[Finding]:
    if ignore.fault is not None:
        yield Finding(
            "W6023",
            Level.WARNING,
            f"this comment has no effect: {ignore.fault}",
            ignore.span,
        )
    elif _is_over(ignore.until, today):
        yield _expired(ignore.span, ignore.until, ignore.names)
    elif not ignore.reason.strip():
        yield Finding(
            "W6021",
            Level.WARNING,
            "this comment has no reason, and so no effect",
            ignore.span,
            "add it after a colon: '# lockgate: ignore[NAME]: because ...'",
        )
    elif not is_used:
        yield Finding(
            "W6022",
            Level.WARNING,
            "this comment ignores nothing",
            ignore.span,
            "take it away",
        )
