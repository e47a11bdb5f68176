"""A cluster whose tables stay dense: no two rules of a subject share a peer or a port.

Two servers have 1,000 rules between them, so that most of their tables' cells lie where the
peer of one rule meets the port of another: some 900,000 cells that no compression joins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

RULES = (750, 250)
"""Rules of each server."""

_FIRST_PORT, _NEXT_PORT = 2000, 7
_NAMESPACE = "dense"


def snapshot() -> Iterator[Object]:
    """Yield the servers, and a client for every other rule."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}
    for number in range(len(RULES)):
        yield _pod(f"server-{number}", f"10.9.0.{number + 1}")
    for number in range(1, sum(RULES), 2):
        page, place = divmod(number, 250)
        yield _pod(f"client-{number}", f"10.1.{page}.{place}")


def policies() -> Iterator[Object]:
    """Yield one policy for each server; a rule has its own peer and its own port."""
    first = 0
    for number, size in enumerate(RULES):
        rules = [_rule(first + place) for place in range(size)]
        first += size
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"server-{number}", "namespace": _NAMESPACE},
            "spec": {
                "podSelector": {"matchLabels": {"app": f"server-{number}"}},
                "policyTypes": ["Ingress"],
                "ingress": rules,
            },
        }


def _rule(number: int) -> Object:
    page, place = divmod(number, 250)
    peer: Object = {"ipBlock": {"cidr": f"20.{page}.{place}.0/24"}}
    if number % 2:
        peer = {"podSelector": {"matchLabels": {"app": f"client-{number}"}}}
    return {"from": [peer], "ports": [{"port": _FIRST_PORT + _NEXT_PORT * number}]}


def _pod(name: str, address: str) -> Object:
    metadata = {"name": name, "namespace": _NAMESPACE, "labels": {"app": name}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "node-0", "containers": [{"name": "c"}]},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
        },
    }
