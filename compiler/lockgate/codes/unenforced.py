"""E3001-E3008: what is read and checked, and not enforced yet (W with --allow-unenforced)."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

_CAUSE = (
    "The rule is read, checked and kept, but nothing judges it yet.  Rather than enforce "
    "half a policy, the compiler refuses it."
)
_ALLOWED = (
    "With --allow-unenforced this is a warning: what the rule concerns is denied, and "
    "nothing is widened."
)
_CURE = (
    "Take the rule away, or compile with --allow-unenforced to deny what it concerns."
)


def _example(element: str, ports: str = '{port: "80", protocol: TCP}') -> str:
    return (
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: example}\n"
        "spec:\n  endpointSelector: {}\n  egress:\n"
        f"  - toPorts:\n    - ports: [{ports}]\n      {element}\n"
    )


def _pair(
    number: str, name: str, what: str, example: str
) -> tuple[Explanation, Explanation]:
    title = f"{what} not enforced yet"
    return (
        Explanation(f"E{number}", name, title, f"{_CAUSE}  {_ALLOWED}", _CURE, example),
        Explanation(f"W{number}", name, title, _ALLOWED, "Take the rule away."),
    )


EXPLANATIONS = (
    *_pair(
        "3001",
        "unenforced-http",
        "HTTP rules are",
        _example("rules: {http: [{path: /}]}"),
    ),
    *_pair(
        "3002",
        "unenforced-dns",
        "DNS rules are",
        _example('rules: {dns: [{matchPattern: "*"}]}', '{port: "53", protocol: UDP}'),
    ),
    *_pair(
        "3003",
        "unenforced-tls",
        "TLS termination and server names are",
        _example("serverNames: [example.com]"),
    ),
    *_pair(
        "3004",
        "unenforced-kafka",
        "Kafka rules (in Cilium until 1.19) are",
        _example("rules: {kafka: [{topic: news}]}"),
    ),
    *_pair(
        "3005",
        "unenforced-l7proto",
        "key-value rules of other protocols (in Cilium until 1.19) are",
        _example("rules: {l7proto: testprotocol, l7: [{command: read}]}"),
    ),
    *_pair(
        "3006",
        "unenforced-listener",
        "Envoy listeners are",
        _example("listener: {name: proxy, envoyConfig: {name: envoy}}"),
    ),
    *_pair(
        "3007",
        "unenforced-authentication",
        "mutual authentication is",
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: example}\n"
        "spec:\n  endpointSelector: {}\n  ingress:\n"
        "  - fromEndpoints: [{}]\n    authentication: {mode: required}\n",
    ),
    *_pair(
        "3008",
        "unenforced-names",
        "DNS names as peers are",
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: example}\n"
        "spec:\n  endpointSelector: {}\n  egress:\n"
        "  - toFQDNs: [{matchName: example.com}]\n",
    ),
)
