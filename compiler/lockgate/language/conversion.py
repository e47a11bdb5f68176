"""Between YAML and the native language: policies that mean the same, or a refusal.

Nothing is taken on trust: what is written for a policy is read again, and its normal form
(``equivalence.py``) must be that of the policy.  Comments, labels and descriptions decide no
verdict, and are not carried over.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, Severity
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.frontend.inputs import MODELINE
from lockgate.frontend.yaml_writer import write_yaml
from lockgate.ir.tracing_meaning import meaning_of_policy
from lockgate.language.equivalence import normal_form
from lockgate.language.formatting import format_text
from lockgate.language.from_ir import kind_of, raise_group, raise_policy
from lockgate.language.printer import print_blocks
from lockgate.language.reading import Language
from lockgate.language.to_yaml import group_object, policy_object
from lockgate.language.trace_printer import TracePrinter
from lockgate.language.trace_to_yaml import tracing_object
from lockgate.options import Options
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.frontend.documents import Parsed
    from lockgate.ir.policy import Policy
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.language.ast_tests import Test


class Target(Enum):
    """What to write."""

    GATE = "gate"
    YAML = "yaml"


def convert(
    parsed: Parsed,
    target: Target,
    diagnostics: Diagnostics,
    *,
    options: Options | None = None,
    prefers_kubernetes: bool = False,
) -> str:
    """Return the policies and groups as text; what cannot be said is an error there.

    ``options`` say how YAML is read, on both sides; ``prefers_kubernetes`` writes
    NetworkPolicy where that is enough.
    """
    options = replace(options or Options(), audit=frozenset())
    writer = _Writer(target, options, prefers_kubernetes, diagnostics)
    _note_what_stays(parsed, target, diagnostics)
    texts = list(writer.groups(parsed))
    for policy, name in _named(parsed.policies):
        text = writer.policy(policy, name)
        if text is not None:
            texts.append(text)
    texts += filter(None, map(writer.tracing_policy, parsed.tracing_policies))
    if target is Target.YAML:
        return "---\n".join(texts)
    texts += (_text_of(test) for test in parsed.tests)
    source = Source("converted.gate", "\n".join([f"{MODELINE.decode()}\n", *texts]))
    return format_text(source, Language.GATE, diagnostics) or ""


class _Writer:
    """Writes one policy after the other."""

    def __init__(
        self,
        target: Target,
        options: Options,
        prefers_kubernetes: bool,  # from an option
        diagnostics: Diagnostics,
    ) -> None:
        self._target = target
        self._options = options
        self._cluster = options.cluster_name
        self._prefers_kubernetes = prefers_kubernetes
        self._diagnostics = diagnostics

    def groups(self, parsed: Parsed) -> Iterator[str]:
        """Yield the groups."""
        for group in parsed.cluster.cidr_groups:
            if self._target is Target.GATE:
                yield print_blocks([raise_group(group)])
            else:
                yield write_yaml([group_object(group)])

    def policy(self, policy: Policy, name: str) -> str | None:
        """Return the text of a policy; None where it has none, or was refused."""
        wanted = normal_form([policy], self._cluster)
        if wanted == normal_form([], self._cluster):
            message = "this policy changes no verdict: it is left out"
            self._diagnostics.note("N1834", message, policy.span)
            return None
        before = self._diagnostics.count(Severity.ERROR)
        text = self._write(policy, name)
        if self._diagnostics.count(Severity.ERROR) > before:
            return None
        fault = self._read_again(text, wanted)
        if fault is None:
            return text
        message = f"there are no words that mean the same: {fault}"
        cure = "keep this policy as it is; -f takes files of both"
        self._diagnostics.error("E1832", message, policy.span, help=cure)
        return None

    def tracing_policy(self, policy: TracingPolicy) -> str | None:
        """Return the text of a tracing policy; None where it was refused."""
        if self._target is Target.YAML:
            text = write_yaml([tracing_object(policy)])
        else:
            printer = TracePrinter()
            text = "".join(f"{line}\n" for line in printer.lines(policy))
            for span, what in printer.unsayable:
                message = f"the native language has no words for this: {what}"
                cure = "keep this policy as it is; -f takes files of both"
                self._diagnostics.error("E1832", message, span, help=cure)
            if printer.unsayable:
                return None
        faults = Diagnostics()
        documents = documents_from_text({f"converted.{self._target.value}": text})
        again = parse_documents(documents, self._options, faults).tracing_policies
        errors = [d for d in faults.found if d.severity is Severity.ERROR]
        if not errors and list(map(meaning_of_policy, again)) == [
            meaning_of_policy(policy)
        ]:
            return text
        fault = errors[0].message if errors else "what was written reads differently"
        message = f"there are no words that mean the same: {fault}"
        cure = "keep this policy as it is; -f takes files of both"
        self._diagnostics.error("E1832", message, policy.span, help=cure)
        return None

    def _write(self, policy: Policy, name: str) -> str:
        if self._target is Target.GATE:
            block = raise_policy(policy, name, self._cluster, self._diagnostics)
            return print_blocks([block])
        made = policy_object(
            policy,
            name,
            self._cluster,
            self._diagnostics,
            prefers_kubernetes=self._prefers_kubernetes,
        )
        return "" if made is None else write_yaml([made])

    def _read_again(self, text: str, wanted: object) -> str | None:
        """Say what is wrong with a text; None where it means what was wanted."""
        faults = Diagnostics()
        documents = documents_from_text({f"converted.{self._target.value}": text})
        policies = parse_documents(documents, self._options, faults).policies
        for diagnostic in faults.found:
            if diagnostic.severity is Severity.ERROR:
                return diagnostic.message
        if normal_form(policies, self._cluster) != wanted:
            return "what was written reads differently"
        return None


def _named(policies: Iterable[Policy]) -> Iterator[tuple[Policy, str]]:
    """Yield policies with names of their own: the specs of one object are objects now."""
    listed = list(policies)
    taken = {(kind_of(p), p.namespace, p.name) for p in listed}
    seen: set[tuple[object, str, str]] = set()
    for policy in listed:
        name, number = policy.name, 1
        while (key := (kind_of(policy), policy.namespace, name)) in seen:
            number += 1
            name = f"{policy.name}-{number}"
            if (kind_of(policy), policy.namespace, name) in taken:
                seen.add((kind_of(policy), policy.namespace, name))
        seen.add(key)
        yield policy, name


def _text_of(test: Test) -> str:
    """Return a test as it was written: it speaks of verdicts, which stay."""
    span = test.span
    return f"{span.source.text[span.start : span.end]}\n"


def _note_what_stays(parsed: Parsed, target: Target, diagnostics: Diagnostics) -> None:
    """Say that what is no network policy is not converted."""
    if parsed.tests and target is Target.YAML:
        count = len(parsed.tests)
        tests = "1 test has" if count == 1 else f"{count} tests have"
        message = f"{tests} no form in YAML and no effect on it: left out"
        cure = "keep them in a file of tests, *.gatetest: they hold for the YAML, too"
        span = parsed.tests[0].span
        first = Span(span.source, span.start, parsed.tests[0].name.span.end)
        diagnostics.note("N1834", message, first, help=cure)
    cluster = parsed.cluster
    others = (cluster.namespaces, cluster.endpoints, cluster.host_pods, cluster.nodes)
    count = sum(map(len, (*others, cluster.services)))
    if count:
        message = f"{count} objects of the snapshot are no policies, and stay out"
        diagnostics.note("N1834", message)
