"""What statements mean: each form where it holds, where not, and where it is about nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lockgate.expectations.engine import Status
from tests.conformance.compiling import make_options
from tests.expectations.judging import Judged
from tests.expectations.objects import DENY, L7, WEB, Object, cluster

SHOP = Path(__file__).parents[1] / "demo/shop"
X_KEY = 'header "X-Key: 1"'


@pytest.fixture(scope="module")
def judged() -> Judged:
    """Return the small cluster, where shop is closed but for web and for requests to db."""
    return Judged(cluster(DENY, WEB, L7))


@pytest.mark.parametrize(
    "statement",
    [
        "expect allow cidr 203.0.113.0/26 -> shop:app=web tcp/http by web",
        "expect deny cidr 203.0.113.64/26 -> app=web tcp/8080 by deny",
        "never ns.env=dev -> shop:app=web on any/8080, icmp",
        "never app=web -> @world",
        "always ns tools -> @world",
        "always @host -> ns shop on tcp/8080",
        "never @remote-node -> ns shop on tcp",
        "never app=web -> app=web",
        "expect deny node n2 -> pod shop/web-0 tcp/1 by default",
        "never nodes zone=b -> pod shop/db-0",
        "expect redirect ns tools -> app=db tcp/80 by items",
        f'expect allow ns tools -> app=db tcp/80 GET "/v1/a" {X_KEY}',
        f'expect deny ns tools -> app=db tcp/80 GET "/v2" {X_KEY}',
        f'expect deny ns tools -> app=db tcp/80 POST "/v1/a" {X_KEY}',
        'expect deny ns tools -> app=db tcp/80 GET "/v1/a"',
        "expect allow ns tools -> app=db udp/53 by shop/items",
        "expect allow ns tools -> app=db udp/53 by CiliumNetworkPolicy/shop/items",
        "expect deny app=db -> app=web tcp/8999",
        "never remote nodes -> ns shop",
        'never labels "reserved:remote-node" -> ns shop',
        'always labels "reserved:host" -> ns shop',
        'never labels "k8s:app"=web -> labels "reserved:world"',
        "always @world -> ns tools",
    ],
)
def test_holds(judged: Judged, statement: str) -> None:
    """These hold in the small cluster."""
    result = judged.one(statement)
    assert result.status is Status.PASSED, result
    assert result.pairs


FAILING = {
    "never everything -> pod shop/web-0 on sctp": ("node n1", "shop/web-0", "SCTP 1"),
    "never address 10.0.0.0/30 -> address 10.0.0.4/30": (
        "10.0.0.0",
        "tools/shell",
        "TCP 1",
    ),
    "never cidr 203.0.113.0/24 -> app=web": ("203.0.113.0", "shop/web-0", "TCP 8080"),
    "expect allow cidr 203.0.113.0/24 -> app=web tcp/8080": (
        "203.0.113.64",
        "shop/web-0",
        "TCP 8080",
    ),
    "never cidr 203.0.113.48/28 -> app=web on tcp/8000-8100": (
        "203.0.113.48",
        "shop/web-0",
        "TCP 8080",
    ),
    "always ns tools -> pod shop/db-0 on udp/52-54": (
        "tools/shell",
        "shop/db-0",
        "UDP 52",
    ),
    "always pod tools/shell -> app=db on tcp/80": (
        "tools/shell",
        "shop/db-0",
        "TCP 80",
    ),
    "never ns tools -> ns shop": ("tools/shell", "shop/db-0", "TCP 80"),
    "expect allow ns tools -> app=db tcp/80": ("tools/shell", "shop/db-0", "TCP 80"),
    "expect allow ns tools -> app=db udp/53 by web": (
        "tools/shell",
        "shop/db-0",
        "UDP 53",
    ),
    "expect audit ns tools -> app=db udp/53": ("tools/shell", "shop/db-0", "UDP 53"),
    "never nodes -> app=db on icmp": ("node n1", "shop/db-0", "ICMP 0"),
    "never @host -> pods on proto/gre": ("node n1", "shop/db-0", "GRE"),
    "never @world -> everything on tcp/8080": ("203.0.113.0", "shop/web-0", "TCP 8080"),
    'never app=shell -> labels "reserved:world"': ("tools/shell", "1.0.0.0", "TCP 1"),
}


@pytest.mark.parametrize("statement", FAILING)
def test_does_not_hold(judged: Judged, statement: str) -> None:
    """The first flow that comes out otherwise is shown: pods, addresses, the port."""
    result = judged.one(statement)
    assert result.status is Status.FAILED, result
    shown = {(str(s.source), str(s.destination), str(s.example)) for s in result.sights}
    assert FAILING[statement] in shown


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("expect allow ns tools -> pod shop/web-9 tcp/80", "nobody is its destination"),
        ("never app=nope -> app=nil", "nobody is its source and its destination"),
        ("never app=web -> pod tools/shell on tcp/nope", "named port"),
        ("never pod shop/web-0 -> pod shop/web-0", "no packet of ours"),
        ("never @world -> cidr 192.0.2.1/32", "no packet of ours"),
        ("never @world-ipv6 -> app=web", "no packet of ours"),
        ("never @health -> app=web", "nobody is its source"),
        ("never app=web -> service shop/none on tcp/80", "nobody is its destination"),
        ("always app=web -> pod shop/db-0 on icmpv6/128", "such traffic"),
    ],
)
def test_about_nobody(judged: Judged, statement: str, why: str) -> None:
    """A statement that could not fail is not one that holds."""
    result = judged.one(statement)
    assert result.status is Status.EMPTY
    assert why in result.why


@pytest.mark.parametrize(
    ("statement", "help_"),
    [
        ("never pod shop/wep-0 -> pods", "did you mean 'shop/web-0'?"),
        ("never node nn1 -> pods", "did you mean 'n1'?"),
        ("never ns shoop -> pods", "did you mean 'shop'?"),
        ("never shop:app=wbe -> pods", "did you mean 'web'?"),
        ("never pods -> apps=web", "did you mean 'app'?"),
        ("never pods -> app=web & app=db", ""),
    ],
)
def test_names_that_are_off(judged: Judged, statement: str, help_: str) -> None:
    """A set without members asks for what is nearly so called."""
    result = judged.one(statement)
    assert (result.status, result.help) == (Status.EMPTY, help_)


def test_a_name_is_not_known_beforehand(judged: Judged) -> None:
    """What a name's addresses are, no snapshot says."""
    result = judged.one('never app=web -> fqdn "a.example" on tcp/443')
    assert result.status is Status.UNKNOWN


NAMES = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  egress:
  - toFQDNs: [{matchPattern: "*.a.example"}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
"""


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("never app=db -> @world on any", Status.UNKNOWN),
        ("never app=db -> everything on tcp/443", Status.UNKNOWN),
        ("never app=db -> cidr 192.0.2.0/24 on tcp/440-450", Status.UNKNOWN),
        ("never app=db -> @world on tcp/80", Status.PASSED),
        ("never app=db -> app=web on any", Status.PASSED),
    ],
)
def test_a_rule_for_names_leaves_open_where_one_may_go(
    statement: str, status: Status
) -> None:
    """What may resolve to any address is no ground to say that nothing passes."""
    result = Judged(cluster(NAMES)).one(statement)
    assert result.status is status
    assert ("*.a.example" in result.why) == (status is Status.UNKNOWN)


def test_every_edge_of_a_prefix_counts(judged: Judged) -> None:
    """A statement about a prefix sees what lies before, in and behind an exception."""
    for low, high, verdict in (
        ("203.0.112.255", "203.0.112.255", "deny"),
        ("203.0.113.0", "203.0.113.63", "allow"),
        ("203.0.113.64", "203.0.113.127", "deny"),
        ("203.0.113.128", "203.0.113.255", "allow"),
        ("203.0.114.0", "203.0.114.0", "deny"),
    ):
        for address in (low, high):
            statement = f"expect {verdict} cidr {address}/32 -> app=web tcp/8080"
            assert judged.one(statement).status is Status.PASSED, statement
    # Each of these holds for a part only, whichever address is looked at first.
    for prefix in ("203.0.112.0/23", "203.0.113.64/25", "203.0.113.0/25", "0.0.0.0/0"):
        for verdict in ("allow", "deny"):
            if prefix == "203.0.113.64/25":
                continue  # no prefix: its host bits are set
            statement = f"expect {verdict} cidr {prefix} -> app=web tcp/8080"
            assert judged.one(statement).status is Status.FAILED, statement


def test_audit_passes_and_is_no_allowance() -> None:
    """What is denied in audit mode passes: never fails, always holds, expect audit too."""
    options = make_options(audit=["NetworkPolicy/shop/deny", "NetworkPolicy/shop/web"])
    judged = Judged(cluster(DENY, WEB), options)
    statements = (
        "expect audit ns tools -> app=web tcp/1",
        "always ns tools -> app=web on tcp/1",
        "expect allow ns tools -> app=web tcp/1",
        "expect deny ns tools -> app=web tcp/1",
        "never ns tools -> app=web on tcp/1",
    )
    statuses = [judged.one(statement).status for statement in statements]
    assert statuses == [Status.PASSED] * 2 + [Status.FAILED] * 3


def test_by_a_place(judged: Judged) -> None:
    """A rule may be named by its line, too."""
    objects = cluster(DENY, WEB)
    number = len(objects) - 1
    statement = "expect allow cidr 203.0.113.0/26 -> app=web tcp/8080 by"
    lines = {
        line
        for line in range(1, 60)
        if judged_of(objects).one(f'{statement} "{number}.json:{line}"').status
        is Status.PASSED
    }
    assert len(lines) == 1


def judged_of(objects: list[Object]) -> Judged:
    """Return an engine, the same for the same objects."""
    key = str(objects)
    if key not in _ENGINES:
        _ENGINES[key] = Judged(objects)
    return _ENGINES[key]


_ENGINES: dict[str, Judged] = {}


# ---------------------------------------------------------------- coverage


def test_coverage_counts_what_decided_as_it_should(judged: Judged) -> None:
    """A rule is exercised where it decides a flow that comes out as a statement says."""
    coverage = judged.coverage("expect allow cidr 203.0.113.0/26 -> app=web tcp/8080")
    exercised = [rule.name for rule in coverage.rules if rule.is_exercised]
    assert exercised == ["NetworkPolicy/shop/web#spec.ingress[0]"]
    assert len(coverage.rules) == 4
    assert coverage.percent == 25
    failing = "expect deny cidr 203.0.113.0/26 -> app=web tcp/8080"
    assert not any(rule.is_exercised for rule in judged.coverage(failing).rules)


def test_a_denial_does_not_exercise_the_other_side(judged: Judged) -> None:
    """Where one side denies, the other side's allowance has decided nothing."""
    coverage = judged.coverage("expect deny app=db -> app=web tcp/9000")
    assert coverage.percent == 0


def test_no_rules_are_all_exercised() -> None:
    """Without rules there is nothing to miss."""
    assert Judged(cluster(DENY)).coverage("never @world -> ns shop").percent == 100


# ---------------------------------------------------------------- sabotage


def shop_documents() -> tuple[list[Object], list[Object]]:
    """Return the snapshot and the policies of the demonstration's shop."""
    found = []
    for name in ("cluster.yaml", "policies.yaml"):
        text = (SHOP / name).read_text()
        found.append([d for d in yaml.safe_load_all(text) if d])
    return found[0], found[1]


def shop_statements() -> list[str]:
    """Return the statements of the shop's own tests."""
    lines = (SHOP / "shop.gatetest").read_text().splitlines()
    words = ("expect", "never", "always")
    return [line.strip() for line in lines if line.strip().startswith(words)]


def test_the_shop_as_it_is() -> None:
    """Its own tests hold, and exercise every rule."""
    snapshot, policies = shop_documents()
    judged = Judged([*snapshot, *policies])
    coverage = judged.coverage(*shop_statements())
    assert {r.status for r in judged.run(*shop_statements())} == {Status.PASSED}
    assert coverage.missed == []


def sabotages() -> list[tuple[str, list[Object]]]:
    """Return the shop's policies with one thing wrong each time."""
    _, policies = shop_documents()
    found: list[tuple[str, list[Object]]] = []
    for at, policy in enumerate(policies):
        name = policy["metadata"]["name"]
        for section in ("ingress", "egress"):
            rules = policy["spec"].get(section, [])
            for number in range(len(rules)):
                changed = [*policies]
                rest = rules[:number] + rules[number + 1 :]
                spec = {
                    **policy["spec"],
                    section: rest or [{}] * ("cilium" in str(policy)),
                }
                if policy["kind"] == "ClusterNetworkPolicy":
                    del changed[at]
                else:
                    changed[at] = {**policy, "spec": spec}
                found.append((f"{name} without {section}[{number}]", changed))
    wide = [*policies]
    wide[3] = {**policies[3], "spec": {**policies[3]["spec"], "ingress": [{}]}}
    found.append(("db open to all", wide))
    near = [*policies]
    rule = {"from": [{"podSelector": {}}], "ports": [{"port": 5432}]}
    near[3] = {**policies[3], "spec": {**policies[3]["spec"], "ingress": [rule]}}
    far: Object = {"to": [{"podSelector": {}}]}
    near[1] = {**policies[1], "spec": {**policies[1]["spec"], "egress": [far]}}
    found.append(("web reaches db", near))
    return found


@pytest.mark.parametrize("name", [name for name, _ in sabotages()])
def test_sabotage_is_found(name: str) -> None:
    """Each rule that is missing, and each door that is open, fails some statement."""
    snapshot, _ = shop_documents()
    policies = dict(sabotages())[name]
    judged = Judged([*snapshot, *policies])
    statuses = [result.status for result in judged.run(*shop_statements())]
    assert Status.FAILED in statuses
