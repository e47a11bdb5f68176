"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy, cilium.io/v2."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, Severity, quote
from lockgate.frontend.audit import read_audit
from lockgate.frontend.cilium_rule import LISTS, Frame, parse_element
from lockgate.frontend.cilium_selectors import Home, parse_subject, selects_init
from lockgate.frontend.metadata import read_metadata
from lockgate.frontend.nodes import plain_value
from lockgate.frontend.schema import Fields, Mapping
from lockgate.frontend.selectors import parse_label_selector
from lockgate.ir.labels import Selector
from lockgate.ir.policy import Direction, Policy, Section, SubjectKind

if TYPE_CHECKING:
    from lockgate.frontend.metadata import Context, Metadata
    from lockgate.frontend.schema import Node
    from lockgate.ir.policy import Rule

_OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "specs", "status")
_SPEC_FIELDS = (
    "description",
    "egress",
    "egressDeny",
    "enableDefaultDeny",
    "endpointSelector",
    "ingress",
    "ingressDeny",
    "labels",
    "log",
    "nodeSelector",
)
_MISPLACED = dict.fromkeys(_SPEC_FIELDS, "'spec'")
LOG_LENGTH = 32
"""Longest ``log.value``, in characters (Cilium's LogConfig)."""


def parse(node: Node, context: Context, diagnostics: Diagnostics) -> tuple[Policy, ...]:
    """Return one policy for ``spec`` and each of ``specs``."""
    is_namespaced = context.kind == "CiliumNetworkPolicy"
    fields = Fields(
        node, context.kind, diagnostics, known=_OBJECT_FIELDS, elsewhere=_MISPLACED
    )
    metadata = read_metadata(fields, diagnostics, is_namespaced=is_namespaced)
    is_audited = read_audit(fields, metadata, context, diagnostics)
    parts = [(f"specs[{i}]", item) for i, item in enumerate(fields.items("specs"))]
    _warn_of_repetition(parts, diagnostics)
    spec = fields.get("spec")
    if spec is not None:
        if parts:
            message = "'spec' and 'specs' both stand here: their rules are added up"
            cure = "move 'spec' into the list 'specs'"
            diagnostics.warning("W1045", message, fields.key_span("specs"), help=cure)
        parts.insert(0, ("spec", spec))
    if not parts:
        message = f"{context.kind} needs 'spec', or 'specs' with at least one item"
        cure = "a spec has an endpointSelector, and ingress or egress rules"
        diagnostics.error("E1049", message, metadata.span, help=cure)
    found = (_parse_spec(n, part, metadata, context, diagnostics) for part, n in parts)
    return tuple(
        replace(policy, is_audited=is_audited) for policy in found if policy is not None
    )


def _warn_of_repetition(
    parts: list[tuple[str, Node]], diagnostics: Diagnostics
) -> None:
    if len(parts) < 2:
        return
    seen: dict[str, Node] = {}
    for part, node in parts:
        first = seen.setdefault(repr(plain_value(node)), node)
        if first is not node:
            message = f"{part} repeats an earlier spec and changes nothing"
            related = [(first.span, "the earlier one")]
            diagnostics.warning("W1046", message, node.span, related=related)


# ---------------------------------------------------------------- one spec


def _parse_spec(
    node: Node,
    part: str,
    metadata: Metadata,
    context: Context,
    diagnostics: Diagnostics,
) -> Policy | None:
    fields = Fields(
        node,
        "Rule",
        diagnostics,
        known=_SPEC_FIELDS,
        elsewhere={"spec": "the object itself", "specs": "the object itself"},
    )
    subject = _parse_subject(fields, metadata.namespace, diagnostics)
    fields.string("description")
    fields.items("labels")
    cluster = context.options.cluster_name
    home = Home(metadata.namespace, cluster, selects_init(subject or Selector()))
    lists = {elements.name: fields.items(elements.name) for elements in LISTS}
    isolates = _isolated_directions(fields, lists, diagnostics)
    is_host = fields.has("nodeSelector")
    frame = Frame(home, context, is_host, isolates, _parse_log(fields, diagnostics))
    rules: dict[Direction, list[Rule]] = {direction: [] for direction in Direction}
    for elements in LISTS:
        items = lists[elements.name]
        for i, item in enumerate(items):
            path = f"{part}.{elements.name}[{i}]"
            before = len(rules[elements.direction])
            errors = diagnostics.count(Severity.ERROR)
            parsed = parse_element(item, path, elements, frame, diagnostics)
            rules[elements.direction] += parsed
            is_right = diagnostics.count(Severity.ERROR) == errors
            if is_right and len(rules[elements.direction]) == before:
                _warn_of_empty(item, elements.name, len(items), diagnostics)
    if subject is None:
        return None
    selector = "nodeSelector" if is_host else "endpointSelector"
    ingress, egress = Direction.INGRESS, Direction.EGRESS
    return Policy(
        kind=context.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        span=fields.key_span(selector),
        subject=subject,
        subject_kind=SubjectKind.HOST if is_host else SubjectKind.ENDPOINT,
        part=part,
        ingress=Section(ingress in isolates, tuple(rules[ingress])),
        egress=Section(egress in isolates, tuple(rules[egress])),
    )


def _parse_subject(
    fields: Fields, namespace: str, diagnostics: Diagnostics
) -> Selector | None:
    endpoints, nodes = fields.get("endpointSelector"), fields.get("nodeSelector")
    if nodes is not None and namespace:
        message = "'nodeSelector' is for CiliumClusterwideNetworkPolicy only"
        cure = "nodes have no namespace: make it a CiliumClusterwideNetworkPolicy"
        span = fields.key_span("nodeSelector")
        diagnostics.error("E1048", message, span, help=cure)
    elif nodes is not None and endpoints is not None:
        message = "a spec has an 'endpointSelector' or a 'nodeSelector', not both"
        span = fields.key_span("nodeSelector")
        diagnostics.error("E1047", message, span, help="write two specs under 'specs'")
    elif nodes is None and endpoints is None:
        message = "a spec needs an 'endpointSelector' to say whom it concerns"
        cure = "'endpointSelector: {}' selects every endpoint"
        if namespace:
            cure += f" of namespace '{namespace}'"
        diagnostics.error("E1047", message, fields.node.span, help=cure)
    if endpoints is not None:
        return parse_subject(endpoints, namespace, diagnostics)
    if nodes is not None:
        return parse_label_selector(nodes, diagnostics, what="nodeSelector")
    return None


def _isolated_directions(
    fields: Fields, lists: dict[str, tuple[Node, ...]], diagnostics: Diagnostics
) -> frozenset[Direction]:
    """Return the directions that are denied by default.

    A direction with rules, deny rules too, is, unless ``enableDefaultDeny`` says false; one
    without rules is not, whatever it says (Cilium's Rule.Sanitize, RulesToPolicyEntries).
    """
    if not any(lists.values()):
        message = "a spec needs a rule: this one does nothing"
        cure = "'ingress: [{}]' denies all ingress; so does 'egress: [{}]' for egress"
        diagnostics.error("E1049", message, fields.node.span, help=cure)
    known = ("egress", "ingress")
    wishes = fields.fields("enableDefaultDeny", "DefaultDenyConfig", known=known)
    found = set()
    for direction in Direction:
        name = direction.value
        has_rules = bool(lists[name] or lists[f"{name}Deny"])
        wish = None if wishes is None else wishes.boolean(name)
        if has_rules and wish is not False:
            found.add(direction)
        if wishes is not None and wish and not has_rules:
            message = (
                f"without {name} rules, 'enableDefaultDeny' has no effect on {name}"
            )
            cure = f"write '{name}: [{{}}]' to deny all {name}"
            diagnostics.warning("W1044", message, wishes.span(name), help=cure)
    return frozenset(found)


def _parse_log(fields: Fields, diagnostics: Diagnostics) -> str | None:
    log = fields.fields("log", "LogConfig", known=("value",))
    value = None if log is None else log.string("value")
    if log is None or value is None:
        return None
    is_printable = all(unicodedata.category(c)[0] != "C" for c in value)
    if len(value) > LOG_LENGTH or not is_printable:
        message = f"'value' must be at most {LOG_LENGTH} printable characters"
        diagnostics.error("E1063", f"{message}: {quote(value)}", log.span("value"))
    return value


def _warn_of_empty(node: Node, name: str, count: int, diagnostics: Diagnostics) -> None:
    """Warn of an element that matches nothing, where it is not the idiom for default deny."""
    if count == 1 and not name.endswith("Deny"):
        return
    if isinstance(node, Mapping) and not node.entries.keys() <= {"icmps", "toPorts"}:
        return  # there is something in it, which was refused
    verb = "denies" if name.endswith("Deny") else "allows"
    message = f"an empty element of '{name}' {verb} nothing"
    cure = f"to match every peer, write '{'from' if name[0] == 'i' else 'to'}Entities: [all]'"
    diagnostics.warning("W1042", message, node.span, help=cure)
