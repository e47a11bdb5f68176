"""lockgate.passes.pipeline: small clusters, whole verdicts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from lockgate.diagnostics import Diagnostics
from lockgate.ir.cluster import Cluster, NamedPort
from lockgate.ir.l7 import L7Rules, Parser
from lockgate.ir.policy import (
    Action,
    AnyPeer,
    Entity,
    EntityPeer,
    PortMatch,
    PortRange,
    Scope,
    Tier,
)
from lockgate.options import EnforcementMode, Options, Semantics
from lockgate.passes.pipeline import build_tables
from tests.passes.ir_values import (
    TCP,
    UDP,
    compiled,
    decision,
    endpoint,
    named,
    network,
    node,
    peer_of,
    pods,
    policy,
    rule,
    selector,
    service,
    span,
    table_of,
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


WEB = "10.0.0.3"
DB = "10.0.1.4"


def test_an_allowed_peer_on_an_allowed_port_passes() -> None:
    """An isolated endpoint takes what a rule allows, and nothing else."""
    allow = rule(pods("app=web"), traffic=(tcp(80),))
    tables = compiled(SHOP, policy("p", "app=api", ingress=(allow,)))
    assert verdict(tables, "ingress", "shop/api", WEB) == "ALLOW"
    assert verdict(tables, "ingress", "shop/api", WEB, 81) == "DENY"
    assert verdict(tables, "ingress", "shop/api", DB) == "DENY"
    assert verdict(tables, "ingress", "shop/api", "8.8.8.8") == "DENY"
    assert verdict(tables, "ingress", "shop/web", DB) == "ALLOW"
    assert verdict(tables, "egress", "shop/api", DB) == "ALLOW"


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


def test_a_partly_allowed_service_is_a_warning() -> None:
    """Whoever cannot reach every backend is told, once for the port, with both rules."""
    diagnostics = Diagnostics()
    some = policy(
        "some", "app=db", egress=(rule(pods("app=api"), traffic=(tcp(8080),)),)
    )
    build_tables(SHOP, (some,), None, Options(), diagnostics)
    (warning,) = diagnostics.found
    assert warning.code == "W2054"
    assert "'shop/api', port 80/TCP, is denied to shop/db" in warning.message
    assert [text.split()[0] for _, text in warning.related] == ["denied", "not"]


def test_a_service_judged_by_different_l7_rules_is_a_warning() -> None:
    """Nobody knows which backend a request reaches, so it is denied, and said."""
    diagnostics = Diagnostics()
    rules = [
        replace(
            rule(pods("app=api"), traffic=(tcp(port),), line=line),
            l7=L7Rules(Parser.TLS, span(line), server_names=(name,)),
        )
        for line, port, name in ((1, 8080, "a.example"), (2, 9090, "b.example"))
    ]
    some = policy("some", "app=db", egress=tuple(rules))
    tables = build_tables(SHOP, (some,), None, Options(), diagnostics)
    (warning,) = diagnostics.found
    assert (warning.code, len(warning.related)) == ("W2054", 2)
    assert warning.message.endswith("different L7 rules judge its backends")
    assert verdict(tables, "egress", "shop/db", "10.0.0.1", 8080) == "REDIRECT"
    assert verdict(tables, "egress", "shop/db", "10.96.0.1", 80) == "DENY"


def test_more_ranges_of_ports_than_fit_are_an_error() -> None:
    """Atoms are numbered with 16 bits; every second port of two protocols is too many."""
    ports = [PortRange(port, port) for port in range(1, 65536, 2)]
    matches = tuple(PortMatch((TCP, UDP), port) for port in ports)
    rules = (rule(AnyPeer(), traffic=matches),)
    diagnostics = Diagnostics()
    build_tables(
        SHOP, (policy("p", "app=api", ingress=rules),), None, Options(), diagnostics
    )
    (error,) = diagnostics.found
    assert error.code == "E3050"
    assert "131076 ranges" in error.message


def test_named_ports_are_the_subjects_on_ingress_and_the_peers_on_egress() -> None:
    """The same name is another number on another pod."""
    by_name = (named("http"),)
    tables = compiled(
        SHOP,
        policy(
            "p",
            "app",
            ingress=(rule(AnyPeer(), traffic=by_name),),
            egress=(rule(pods("app=api"), traffic=by_name),),
        ),
    )
    for direction, subject, other in (
        ("ingress", "shop/api", WEB),
        ("egress", "shop/web", "10.0.0.1"),
    ):
        assert verdict(tables, direction, subject, other, 8080) == "ALLOW"
        assert verdict(tables, direction, subject, other, 9090) == "DENY"
    assert verdict(tables, "ingress", "shop/api2", WEB, 9090) == "ALLOW"
    assert verdict(tables, "egress", "shop/web", "10.0.0.2", 9090) == "ALLOW"
    assert verdict(tables, "egress", "shop/web", "10.0.0.2", 8080) == "DENY"


def test_a_name_that_nobody_has_is_a_warning() -> None:
    """A misspelt named port matches nothing; the endpoint stays isolated."""
    diagnostics = Diagnostics()
    lost = policy("p", "app=web", ingress=(rule(AnyPeer(), traffic=(named("htpp"),)),))
    tables = build_tables(SHOP, (lost,), None, Options(), diagnostics)
    assert [(d.code, d.help) for d in diagnostics.found] == [
        ("W2052", "did you mean 'http'?")
    ]
    assert verdict(tables, "ingress", "shop/web", DB, 8080) == "DENY"


def test_the_chain_shows_every_tier_that_had_a_say() -> None:
    """A Pass of the Admin tier stands before the default deny that follows."""
    tables = compiled(
        SHOP,
        policy(
            "adm",
            "app=web",
            tier=Tier.ADMIN,
            ingress=(rule(pods("app=db"), action=Action.PASS),),
        ),
        policy("np", "app=web", ingress=()),
    )
    table = table_of(tables, "shop/web", "ingress")
    found = decision(tables, table, peer_of(tables, DB), TCP, 80)
    assert [(tier.name, tables.rules[index].effect) for tier, index in found.chain] == [
        ("ADMIN", "pass"),
        ("NORMAL", "default-deny"),
    ]
    assert tables.rules[found.rule].policies == ("CiliumNetworkPolicy/shop/np",)


def test_a_default_deny_names_the_spec_that_causes_it() -> None:
    """Two specs of one policy that isolate different pods are two default denies."""
    one = policy("np", "app=web", ingress=())
    specs = [
        replace(one, part="specs[0]"),
        replace(one, part="specs[1]", subject=selector("app=db"), span=span(7)),
    ]
    tables = compiled(SHOP, *specs)
    places = []
    for name, other in (("shop/web", DB), ("shop/db", "10.0.0.1")):
        table = table_of(tables, name, "ingress")
        found = decision(tables, table, peer_of(tables, other), TCP, 80)
        rule_entry = tables.rules[found.rule]
        assert rule_entry.policies == ("CiliumNetworkPolicy/shop/np",)
        places.append([place.line for place in rule_entry.spans])
    assert places == [[1], [7]]


def test_an_isolation_is_above_the_baseline_tier() -> None:
    """Baseline does not override an isolation, except under Cilium's semantics."""
    some = (
        policy("np", "app=web", ingress=()),
        policy("base", "app=web", tier=Tier.BASELINE, ingress=(rule(pods("app=db")),)),
    )
    assert verdict(compiled(SHOP, *some), "ingress", "shop/web", DB) == "DENY"
    options = Options(semantics=Semantics.CILIUM)
    tables = compiled(SHOP, *some, options=options)
    assert verdict(tables, "ingress", "shop/web", DB) == "ALLOW"


def test_a_host_reaches_its_endpoints_unless_it_is_denied() -> None:
    """Default deny does not cut kubelet off; a rule that denies the host does."""
    isolated = policy("np", "app=web", ingress=())
    denied = policy(
        "deny",
        "app=db",
        ingress=(rule(EntityPeer(Entity.HOST), action=Action.DENY),),
    )
    tables = compiled(SHOP, isolated, denied)
    node_peer = tables.peers[peer_of(tables, "192.168.0.1")]
    web, db = (table_of(tables, f"shop/{who}", "ingress") for who in ("web", "db"))
    assert decision(tables, web, node_peer.host, TCP, 80).outcome.name == "ALLOW"
    assert decision(tables, db, node_peer.host, TCP, 80).outcome.name == "DENY"
    remote = decision(tables, web, peer_of(tables, "192.168.0.1"), TCP, 80)
    assert remote.outcome.name == "DENY"


def test_prefixes_hold_pods_in_scope_every_only() -> None:
    """NetworkPolicy's ipBlock matches a pod by address, a Cilium prefix does not."""
    every = network("10.0.0.0/24", "10.0.0.2/32", scope=Scope.EVERY)
    tables = compiled(
        SHOP,
        policy("every", "app=web", egress=(rule(every),)),
        policy("world", "app=db", egress=(rule(network("10.0.0.0/24")),)),
    )
    assert verdict(tables, "egress", "shop/web", "10.0.0.1") == "ALLOW"
    assert verdict(tables, "egress", "shop/web", "10.0.0.2") == "DENY"
    assert verdict(tables, "egress", "shop/web", "10.0.0.77") == "ALLOW"
    assert verdict(tables, "egress", "shop/db", "10.0.0.1") == "DENY"
    assert verdict(tables, "egress", "shop/db", "10.0.0.77") == "ALLOW"


def test_audit_takes_the_power_to_deny_and_nothing_else() -> None:
    """What only an audited policy denies is reported; others still deny."""
    audited = policy("np", "app=web", ingress=(rule(pods("app=api")),), is_audited=True)
    tables = compiled(SHOP, audited)
    assert verdict(tables, "ingress", "shop/web", "10.0.0.1") == "ALLOW"
    assert verdict(tables, "ingress", "shop/web", DB) == "AUDIT"
    tables = compiled(SHOP, audited, policy("other", "app=web", ingress=()))
    assert verdict(tables, "ingress", "shop/web", "10.0.0.1") == "ALLOW"
    assert verdict(tables, "ingress", "shop/web", DB) == "DENY"


def test_enforcement_modes() -> None:
    """Always isolates endpoints that no policy selects; never enforces nothing."""
    isolated = policy("np", "app=web", ingress=())
    for mode, outcomes in (
        (EnforcementMode.ALWAYS, ("DENY", "DENY")),
        (EnforcementMode.DEFAULT, ("DENY", "ALLOW")),
        (EnforcementMode.NEVER, ("ALLOW", "ALLOW")),
    ):
        tables = compiled(SHOP, isolated, options=Options(enforcement_mode=mode))
        found = [
            verdict(tables, "ingress", who, DB) for who in ("shop/web", "shop/api")
        ]
        assert tuple(found) == outcomes


def test_endpoints_with_the_same_policy_share_a_table() -> None:
    """Two pods of one workload are one table; a policy that names neither adds none."""
    tables = compiled(SHOP, policy("p", "app=api", ingress=(rule(pods("app=web")),)))
    api, api2, web, _ = tables.endpoints
    assert api.ingress_table == api2.ingress_table != web.ingress_table
    assert len(tables.tables) == 3


def test_the_api_server_is_known_on_its_own_node_too() -> None:
    """Its entity holds the node's address, the same as the host's own, and one outside."""
    serving = replace(SHOP, api_server_addresses=(ip_address("192.168.0.1"),))
    egress = (rule(EntityPeer(Entity.KUBE_APISERVER)),)
    tables = compiled(serving, policy("p", "app=web", egress=egress))
    table = table_of(tables, "shop/web", "egress")
    peer = tables.peers[peer_of(tables, "192.168.0.1")]
    assert verdict(tables, "egress", "shop/web", "192.168.0.1") == "ALLOW"
    assert verdict(tables, "egress", "shop/web", "192.168.0.2") == "DENY"
    assert (
        decision(tables, table, peer.api_server_host, TCP, 6443).outcome.name == "ALLOW"
    )
    assert decision(tables, table, peer.host, TCP, 6443).outcome.name == "DENY"
    outside = replace(SHOP, api_server_addresses=(ip_address("203.0.113.5"),))
    tables = compiled(outside, policy("p", "app=web", egress=egress))
    assert verdict(tables, "egress", "shop/web", "203.0.113.5") == "ALLOW"
    assert verdict(tables, "egress", "shop/web", "203.0.113.6") == "DENY"
