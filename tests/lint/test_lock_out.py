"""What policies cut: names, nodes under host policies, protected connections."""

from __future__ import annotations

import pytest

from tests.lint.judging import documents, find, lint, pod, read

NODE = """
apiVersion: v1
kind: Node
metadata: {{name: {name}}}
status: {{addresses: [{{type: InternalIP, address: {address}}}]}}
"""
API_SERVER = """
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{name: https, port: 6443, protocol: TCP}]
endpoints: [{addresses: [192.168.0.1], conditions: {ready: true}}]
"""
ETCD = """
apiVersion: v1
kind: Pod
metadata: {{name: etcd-{node}, namespace: kube-system}}
spec: {{nodeName: {node}, hostNetwork: true}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
"""
NODES = documents(
    NODE.format(name="cp-1", address="192.168.0.1"),
    NODE.format(name="node-1", address="192.168.0.2"),
    NODE.format(name="node-2", address="192.168.0.3"),
    API_SERVER,
)
HOSTS = """
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {{name: hosts}}
spec:
  nodeSelector: {{}}
  {rules}
"""
DNS = """
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  selector: {k8s-app: kube-dns}
  ports: [{name: dns, port: 53, protocol: UDP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 5353, protocol: UDP}]
endpoints: [{addresses: [10.0.0.2], conditions: {ready: true}}]
"""
COREDNS = pod("dns", "10.0.0.2", "k8s-app: kube-dns", namespace="kube-system")
WEB = pod("web", "10.0.0.1", "app: web")
TALKS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: talks}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  policyTypes: [Egress]
  egress: [{{to: [{{podSelector: {{}}}}]}}{more}]
"""


def _told(rules: str, *more: str) -> dict[str, list[str]]:
    """Return what is said of nodes, by code."""
    found: dict[str, list[str]] = {}
    text = documents(HOSTS.format(rules=rules), NODES, *more)
    for finding in find(text, "E6012", "W6012"):
        assert finding.span is not None
        found.setdefault(finding.code, []).append(finding.message)
    return found


def test_nobody_gets_in() -> None:
    """A host policy with one port cuts SSH, the kubelet and the API server."""
    told = _told("ingress: [{toPorts: [{ports: [{port: '9100', protocol: TCP}]}]}]")
    assert told == {
        "E6012": ["no node can reach the API server (TCP 6443) on cp-1"],
        "W6012": [
            "nobody can reach SSH (TCP 22) on cp-1, node-1, node-2",
            "the API server cannot reach the kubelet (TCP 10250) on node-1, node-2",
        ],
    }


@pytest.mark.parametrize(
    ("entities", "port", "gone"),
    [
        ("[world]", "22", "SSH"),
        ("[kube-apiserver]", "10250", "kubelet"),
        ("[remote-node]", "6443", "API server (TCP"),
    ],
)
def test_one_is_let_in(entities: str, port: str, gone: str) -> None:
    """Each connection is judged for itself."""
    ports = f"[{{ports: [{{port: '{port}', protocol: TCP}}]}}]"
    told = _told(f"ingress: [{{fromEntities: {entities}, toPorts: {ports}}}]")
    messages = [m for some in told.values() for m in some]
    assert len(messages) == 2
    assert not any(gone in message for message in messages)


def test_nobody_gets_out() -> None:
    """Without egress to the API server a node is lost."""
    told = _told("egress: [{toEntities: [world]}]")
    assert told == {
        "E6012": ["node-1, node-2: the kubelet cannot reach the API server"]
    }
    assert _told("egress: [{toEntities: [kube-apiserver]}]") == {}


def test_etcd() -> None:
    """Members of etcd must reach each other; other nodes need not."""
    members = (
        ETCD.format(node="cp-1", address="192.168.0.1"),
        ETCD.format(node="node-1", address="192.168.0.2"),
    )
    ports = "{ports: [{port: '6443'}, {port: '22'}, {port: '10250'}]}"
    told = _told(f"ingress: [{{toPorts: [{ports}]}}]", *members)
    assert told == {
        "E6012": ["other members cannot reach etcd (TCP 2380) on cp-1, node-1"]
    }
    more = ports.replace("]}", ", {port: '2379', endPort: 2380}]}")
    assert _told(f"ingress: [{{toPorts: [{more}]}}]", *members) == {}


def test_the_backends_port_counts() -> None:
    """kube-dns may listen elsewhere than on 53: traffic is judged behind the service."""
    rule = (
        ", {{to: [{{namespaceSelector: {{}}}}], ports: [{{port: {}, protocol: UDP}}]}}"
    )
    wrong = TALKS.format(more=rule.format(53))
    right = TALKS.format(more=rule.format(5353))
    (found,) = find(documents(wrong, WEB, DNS, COREDNS), "W6012")
    assert found.message == (
        "default/web may talk to others, and cannot look up their names: egress is "
        "isolated, and nothing allows UDP 5353 to kube-system/kube-dns, the port behind "
        "53 of the service"
    )
    assert find(documents(right, WEB, DNS, COREDNS), "W6012") == []


def test_a_rule_denies_names() -> None:
    """Without isolation, too: a denial of a whole namespace is often one of names."""
    denial = """
    apiVersion: policy.networking.k8s.io/v1alpha2
    kind: ClusterNetworkPolicy
    metadata: {{name: system}}
    spec:
      tier: Admin
      priority: 1
      subject: {{namespaces: {{}}}}
      egress:
      - {{action: Deny, to: [{{namespaces: {{}}}}], protocols: [{port}]}}
    """
    port = "{{udp: {{destinationPort: {{number: {}}}}}}}"
    text = documents(denial.format(port=port.format(5353)), WEB, DNS, COREDNS)
    (found,) = find(text, "W6012")
    assert found.span is not None
    assert found.span.line == 9
    assert "this denies UDP 5353" in found.message
    text = documents(denial.format(port=port.format(53)), WEB, DNS, COREDNS)
    assert find(text, "W6012") == []


def test_a_cache_on_the_node() -> None:
    """Where node-local DNS runs, pods ask their node, and nothing is said."""
    cache = ETCD.format(node="node-1", address="192.168.0.2").replace(
        "etcd-node-1", "node-local-dns-x2x4z"
    )
    text = documents(TALKS.format(more=""), WEB, DNS, COREDNS)
    assert len(find(text, "W6012")) == 1
    assert find(documents(text, NODES, cache), "W6012") == []


def test_without_a_snapshot() -> None:
    """A note, where none of the policies could let a look-up pass."""
    assert len(find(TALKS.format(more=""), "N6012")) == 1
    udp = ", {to: [{namespaceSelector: {}}], ports: [{port: 53, protocol: UDP}]}"
    assert find(TALKS.format(more=udp), "N6012") == []
    tcp = udp.replace("UDP", "TCP")
    assert len(find(TALKS.format(more=tcp), "N6012")) == 1
    beside = TALKS.format(more=udp).replace("{app: web}", "{tier: web}")
    beside = beside.replace("name: talks", "name: beside")
    assert find(documents(TALKS.format(more=""), beside), "N6012") == []


PROTECTED = "protected: [{{name: ssh, from: {0}, to: {1}, port: tcp/22}}]"


@pytest.mark.parametrize(
    ("source", "cut"),
    [
        ("203.0.113.0/24", False),
        ("203.0.112.0/23", True),
        ("203.0.113.7", False),
        ("198.51.100.0/24", True),
        ("world", True),
        ("node/node-2", True),
        ("default/web", True),
    ],
)
def test_protected(source: str, cut: bool) -> None:
    """Every address of the source must get through, and not just the first."""
    rules = "ingress: [{fromCIDR: [203.0.113.0/24]}]"
    text = documents(HOSTS.format(rules=rules), NODES, WEB)
    config = read(PROTECTED.format(source, "node/node-1"))
    found = [f for f in find(text, "E6012", config=config) if "protected" in f.message]
    assert bool(found) == cut
    for finding in found:
        assert finding.span is not None
        assert finding.span.line == 5
        assert "node node-1" in finding.message


@pytest.mark.parametrize(
    ("rules", "cut"),
    [
        ("ingress: [{fromEntities: [world]}]", False),
        ("ingress: [{fromEntities: [world-ipv4]}]", False),
        ("ingress: [{fromEntities: [world-ipv6]}]", True),
        ("ingress: [{fromCIDR: [0.0.0.0/1]}, {fromCIDR: [128.0.0.0/1]}]", False),
    ],
)
def test_protected_from_the_world(rules: str, cut: bool) -> None:
    """The world of the versions of IP that the other end has; these nodes have IPv4."""
    text = documents(HOSTS.format(rules=rules), NODES)
    config = read(PROTECTED.format("world", "nodes"))
    found = [f for f in find(text, "E6012", config=config) if "protected" in f.message]
    assert bool(found) == cut


def test_protected_on_the_way_out() -> None:
    """What a pod may not send is cut, too."""
    text = documents(TALKS.format(more=""), WEB, NODES)
    config = read(PROTECTED.format("default/w*", "nodes"))
    (found,) = find(text, "E6012", config=config)
    assert "default/web → node cp-1" in found.message
    assert (
        find(text, "E6012", config=read(PROTECTED.format("nodes", "default/web"))) == []
    )


def test_nobody_is_protected() -> None:
    """A name that the snapshot does not have is told."""
    judgement = lint(documents(WEB), read(PROTECTED.format("world", "default/none")))
    assert "W6026" in [f.code for f in judgement.findings]
