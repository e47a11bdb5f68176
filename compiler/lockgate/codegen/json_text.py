"""Print the JSON files of a bundle: one element a line, so that a diff shows what changed.

Lines are put together here, and only strings are left to :mod:`json`: its encoder takes four
times as long for the fifty thousand small objects of a large cluster.
"""

from __future__ import annotations

from json.encoder import encode_basestring as _quoted
from socket import inet_ntoa
from typing import TYPE_CHECKING

from lockgate.ir.policy import Tier
from lockgate_runtime import layout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

    from lockgate.ir.tables import (
        Decision,
        EndpointEntry,
        HostEntry,
        Identity,
        RuleEntry,
        Tables,
    )

_TIERS = {tier: _quoted(tier.name) for tier in Tier}
_OUTCOMES = tuple(map(_quoted, layout.ENUMERATIONS["outcome"]))


def print_lines(lines: Iterable[str]) -> bytes:
    """Return a JSON array of elements that are JSON already."""
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def print_decision(decision: Decision) -> str:
    """Return a decision as JSON: rules by their places in ``rules.json``."""
    chain = ",".join([f"[{_TIERS[tier]},{rule}]" for tier, rule in decision.chain])
    return (
        f'{{"outcome":{_OUTCOMES[decision.outcome]},"rule":{decision.rule},'
        f'"argument":{decision.argument},'
        f'"because":[{",".join(map(str, decision.because))}],"chain":[{chain}]}}'
    )


def print_rule(rule: RuleEntry) -> str:
    """Return a rule as JSON."""
    places = [span.place for span in rule.spans]
    return (
        f'{{"number":{rule.number},"name":{_quoted(rule.name)},'
        f'"effect":{_quoted(rule.effect)},"policies":{_strings(rule.policies)},'
        f'"places":{_strings(places)}}}'
    )


def print_identity(identity: Identity) -> str:
    """Return an identity as JSON."""
    return (
        f'{{"number":{identity.number},"name":{_quoted(identity.name)},'
        f'"labels":{_strings(map(str, identity.labels))}}}'
    )


def print_endpoints(tables: Tables) -> bytes:
    """Return ``endpoints.json``: who has which tables."""
    return (
        b'{"endpoints":\n'
        + print_lines(map(_endpoint, tables.endpoints))
        + b',"hosts":\n'
        + print_lines(map(_host, tables.hosts))
        + b"}\n"
    )


def _endpoint(endpoint: EndpointEntry) -> str:
    end = "}"
    if endpoint.attachment:
        interface, cgroup = endpoint.attachment.interface, endpoint.attachment.cgroup
        end = f',"interface":{_optional(interface)},"cgroup":{_optional(cgroup)}}}'
    return (
        f'{{"namespace":{_quoted(endpoint.namespace)},"name":{_quoted(endpoint.name)},'
        f'"node":{_optional(endpoint.node)},"identity":{endpoint.identity},'
        f'"addresses":[{_addresses(endpoint.addresses)}],'
        f'"ingress_policy":{endpoint.ingress_table},'
        f'"egress_policy":{endpoint.egress_table}{end}'
    )


def _host(host: HostEntry) -> str:
    end = f',"pods":{_strings(host.pods)}}}' if host.pods else "}"
    return (
        f'{{"node":{_quoted(host.node)},"identity":{host.identity},'
        f'"addresses":[{_addresses(host.addresses)}],'
        f'"ingress_policy":{host.ingress_table},"egress_policy":{host.egress_table},'
        f'"is_api_server":{_truth(host.is_api_server)},'
        f'"is_enforced":{_truth(host.is_enforced)}{end}'
    )


def _addresses(addresses: Iterable[IPv4Address | IPv6Address]) -> str:
    return ",".join(
        [
            # What str() says, three times as fast.
            f'"{inet_ntoa(address.packed) if address.version == 4 else address}"'
            for address in addresses
        ]
    )


def _strings(values: Iterable[str]) -> str:
    return f"[{','.join(map(_quoted, values))}]"


def _optional(value: str | None) -> str:
    return "null" if value is None else _quoted(value)


def _truth(value: bool) -> str:
    return "true" if value else "false"
