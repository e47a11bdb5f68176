"""lockgate.passes.pipeline: small clusters, whole verdicts."""

from __future__ import annotations

from lockgate.ir.cluster import Cluster, NamedPort
from tests.passes.ir_values import (
    TCP,
    compiled,
    endpoint,
    node,
    pods,
    policy,
    rule,
    service,
    tcp,
    verdict,
)

SHOP = Cluster(
    endpoints=(
        endpoint(
            "shop/api", "app=api", "10.0.0.1", ports=(NamedPort("http", TCP, 8080),)
        ),
        endpoint(
            "shop/api2", "app=api", "10.0.0.2", ports=(NamedPort("http", TCP, 9090),)
        ),
        endpoint("shop/web", "app=web", "10.0.0.3", "fd00::3"),
        endpoint("shop/db", "app=db", "10.0.1.4"),
    ),
    nodes=(
        node("node-1", "zone=a", "192.168.0.1"),
        node("node-2", "zone=b", "192.168.0.2"),
    ),
    services=(service("shop/api", "10.96.0.1", 80, "10.0.0.1:8080", "10.0.0.2:9090"),),
)


def test_an_allowed_peer_on_an_allowed_port_passes() -> None:
    """An isolated endpoint takes what a rule allows, and nothing else."""
    tables = compiled(
        SHOP,
        policy("p", "app=api", ingress=(rule(pods("app=web"), traffic=(tcp(80),)),)),
    )
    assert verdict(tables, "ingress", "shop/api", "10.0.0.3") == "ALLOW"
    assert verdict(tables, "ingress", "shop/api", "10.0.0.3", 81) == "DENY"
    assert verdict(tables, "ingress", "shop/api", "10.0.1.4") == "DENY"
    assert verdict(tables, "ingress", "shop/api", "8.8.8.8") == "DENY"
    assert verdict(tables, "ingress", "shop/web", "10.0.1.4") == "ALLOW"
    assert verdict(tables, "egress", "shop/api", "10.0.1.4") == "ALLOW"


def test_a_service_needs_all_of_its_backends() -> None:
    """A service's address is allowed where every backend is, at its own port."""
    both = (tcp(8080), tcp(9090))
    tables = compiled(
        SHOP,
        policy("all", "app=web", egress=(rule(pods("app=api"), traffic=both),)),
        policy("some", "app=db", egress=(rule(pods("app=api"), traffic=(tcp(8080),)),)),
    )
    assert verdict(tables, "egress", "shop/web", "10.96.0.1", 80) == "ALLOW"
    assert verdict(tables, "egress", "shop/web", "10.96.0.1", 8080) == "DENY"
    assert verdict(tables, "egress", "shop/db", "10.96.0.1", 80) == "DENY"
    assert verdict(tables, "egress", "shop/db", "10.0.0.1", 8080) == "ALLOW"
