"""Print suggested policies as YAML, kind CiliumNetworkPolicy, with what speaks for each rule.

The text is written line by line, since no library keeps comments where they belong; strings
are quoted as JSON wherever YAML could read them as something else.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lockgate.ir.labels import NAMESPACE
from lockgate.ir.policy import Protocol
from lockgate.recordings.ports import merge_ports
from lockgate.recordings.selections import Group
from lockgate.recordings.suggestion import Outside
from lockgate.recordings.times import print_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.recordings.selections import Selection
    from lockgate.recordings.suggestion import Allowance, Suggested, Suggestion

MOST_PORTS = 40
"""Ports in one list, as the kind's schema allows."""

_ICMP = {Protocol.ICMP: "IPv4", Protocol.ICMPV6: "IPv6"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = re.compile(r"(?:true|false|yes|no|on|off|null|y|n)", re.IGNORECASE)
_MOST_NAMES = 5


def print_yaml(suggestion: Suggestion) -> str:
    """Return the policies as one text of many documents."""
    documents = [
        "\n".join(_policy(policy, suggestion)) + "\n" for policy in suggestion.policies
    ]
    return "---\n".join(documents)


def _policy(policy: Suggested, suggestion: Suggestion) -> Iterator[str]:
    yield f"# {', '.join(policy.workloads)}: what was recorded, to be reviewed."
    yield "apiVersion: cilium.io/v2"
    yield "kind: CiliumNetworkPolicy"
    yield "metadata:"
    yield f"  name: {_text(policy.name)}"
    yield f"  namespace: {_text(policy.group.namespace)}"
    yield "spec:"
    yield from _selector("  endpointSelector:", policy.selection, None)
    for name, rules in (("ingress", policy.ingress), ("egress", policy.egress)):
        yield f"  {name}:"
        if not rules:
            yield "    # nothing was recorded: everything is denied"
            yield "    - {}"
        for rule in rules:
            yield from _rule(name, rule, policy, suggestion)


def _rule(
    section: str, rule: Allowance, policy: Suggested, suggestion: Suggestion
) -> Iterator[str]:
    yield f"    # {evidence(rule)}"
    for traffic in (_with_ports(rule), _icmp(rule)):
        if traffic:
            yield from _peer(section, rule, policy, suggestion)
            yield from traffic


def evidence(rule: Allowance) -> str:
    """Say what speaks for a rule, in one line without control characters."""
    found = rule.evidence
    text = f"{found.records:,} recorded"
    if found.last:
        text += f", last {print_time(found.last)}"
    names = sorted(name for name in found.names if name.isprintable())
    if names:
        more = f" and {len(names) - _MOST_NAMES} more" * (len(names) > _MOST_NAMES)
        text += f"; known as {', '.join(names[:_MOST_NAMES])}{more}"
    if isinstance(rule.peer, Outside) and rule.peer.is_widened:
        text += "; too many addresses to name each"
    return text


def _peer(
    section: str, rule: Allowance, policy: Suggested, suggestion: Suggestion
) -> Iterator[str]:
    prefix = "from" if section == "ingress" else "to"
    peer = rule.peer
    if isinstance(peer, Group):
        yield f"    - {prefix}Endpoints:"
        namespace = peer.namespace
        other = None if namespace == policy.group.namespace else namespace
        lines = list(_selector("", suggestion.selections[peer], other))
        if len(lines) == 1:
            yield "        - {}"
            return
        yield f"        - {lines[1].lstrip()}"
        yield from (f"      {line}" for line in lines[2:])
    elif isinstance(peer, Outside):
        yield f"    - {prefix}CIDR:"
        yield from (f"        - {_text(network)}" for network in peer.networks)
    else:
        yield f"    - {prefix}Entities: [{peer.value}]"


def _selector(head: str, selection: Selection, namespace: str | None) -> Iterator[str]:
    """Yield the head and what is below it, which is indented by four."""
    labels = [(f"k8s:{NAMESPACE}", namespace)] if namespace else []
    labels += selection.labels
    if not labels and not selection.absent:
        yield f"{head} {{}}"
        return
    yield head
    if labels:
        yield "    matchLabels:"
        yield from (f"      {_text(key)}: {_text(value)}" for key, value in labels)
    if selection.absent:
        yield "    matchExpressions:"
        for key in selection.absent:
            yield f"      - {{key: {_text(key)}, operator: DoesNotExist}}"


def _with_ports(rule: Allowance) -> list[str]:
    ports = [
        (protocol, first, last)
        for protocol in sorted({p for p, _ in rule.traffic} - _ICMP.keys())
        for first, last in merge_ports(n for p, n in rule.traffic if p is protocol)
    ]
    if not ports:
        return []
    lines = ["      toPorts:"]
    for at in range(0, len(ports), MOST_PORTS):
        lines.append("        - ports:")
        for protocol, first, last in ports[at : at + MOST_PORTS]:
            end = f", endPort: {last}" if last > first else ""
            lines.append(
                f'            - {{port: "{first}"{end}, protocol: {protocol.name}}}'
            )
    return lines


def _icmp(rule: Allowance) -> list[str]:
    types = [
        (protocol, number) for protocol, number in rule.traffic if protocol in _ICMP
    ]
    if not types:
        return []
    lines = ["      icmps:"]
    for at in range(0, len(types), MOST_PORTS):
        lines.append("        - fields:")
        lines += [
            f"            - {{family: {_ICMP[protocol]}, type: {number}}}"
            for protocol, number in types[at : at + MOST_PORTS]
        ]
    return lines


def _text(value: str) -> str:
    """Quote what YAML might take for something else."""
    if _PLAIN.fullmatch(value) and not _WORDS.fullmatch(value):
        return value
    return json.dumps(value)
