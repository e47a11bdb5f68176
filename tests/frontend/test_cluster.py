"""lockgate.frontend.cluster, snapshot, services: what a snapshot says, and its traps."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from tests.frontend.reading import Read, read, read_files

if TYPE_CHECKING:
    from lockgate.ir.cluster import Endpoint, Service

Object = dict[str, Any]


def _object(kind: str, name: str, **parts: Any) -> Object:  # noqa: ANN401  # any JSON
    metadata = {"name": name, **parts.pop("metadata", {})}
    version = "discovery.k8s.io/v1" if kind == "EndpointSlice" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def _pod(name: str, *ips: str, phase: str | None = "Running", **spec: Any) -> Object:  # noqa: ANN401  # any JSON
    labels = spec.pop("labels", {"app": name})
    status: Object = {"podIPs": [{"ip": ip} for ip in ips]}
    if phase is not None:
        status["phase"] = phase
    metadata = {"namespace": "shop", "labels": labels, **spec.pop("metadata", {})}
    return _object("Pod", name, metadata=metadata, spec=spec, status=status)


SHOP = _object("Namespace", "shop", metadata={"labels": {"team": "red"}})


def _read(*objects: Object) -> Read:
    text = "\n".join(json.dumps(value) for value in (SHOP, *objects))
    return read_files({"snapshot.json": text})


def _endpoints(found: Read) -> dict[str, Endpoint]:
    return {endpoint.name: endpoint for endpoint in found.cluster.endpoints}


def test_labels_are_complete() -> None:
    """An endpoint carries its own labels, its namespace's, its account and its cluster."""
    found = _read(_pod("web", "10.0.0.1"))
    assert found.codes == []
    assert [str(label) for label in _endpoints(found)["web"].labels] == [
        "k8s:app=web",
        "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
        "k8s:io.cilium.k8s.namespace.labels.team=red",
        "k8s:io.cilium.k8s.policy.cluster=default",
        "k8s:io.cilium.k8s.policy.serviceaccount=default",
        "k8s:io.kubernetes.pod.namespace=shop",
    ]


def test_a_pod_cannot_forge_what_the_cluster_says() -> None:
    """A label of a pod does not pass for its namespace, account or cluster."""
    forged = {
        "io.kubernetes.pod.namespace": "kube-system",
        "io.cilium.k8s.policy.serviceaccount": "admin",
        "io.cilium.k8s.namespace.labels.team": "blue",
    }
    labels = _endpoints(_read(_pod("web", "10.0.0.1", labels=forged)))["web"].labels
    values = {label.key: label.value for label in labels}
    assert values["io.kubernetes.pod.namespace"] == "shop"
    assert values["io.cilium.k8s.policy.serviceaccount"] == "default"
    assert values["io.cilium.k8s.namespace.labels.team"] == "red"
    assert len(values) == len(labels)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_has_given_its_address_away(phase: str) -> None:
    """The address leads to the live pod alone, whichever stands first."""
    found = _read(_pod("job", "10.0.0.1", phase=phase), _pod("web", "10.0.0.1"))
    assert list(_endpoints(found)) == ["web"]
    assert found.codes == ["N1032"]


def test_pods_without_an_address_are_left_out() -> None:
    """A pending pod has none; a pod that names no phase lives if it has one."""
    found = _read(_pod("new", phase="Pending"), _pod("old", "10.0.0.1", phase=None))
    assert list(_endpoints(found)) == ["old"]


def test_host_network_pods_are_their_node() -> None:
    """They are no endpoints, and share the node's address without a word."""
    node = _object(
        "Node",
        "n1",
        status={
            "addresses": [
                {"type": "InternalIP", "address": "192.168.0.1"},
                {"type": "ExternalIP", "address": "198.51.100.1"},
                {"type": "InternalIP", "address": "fd00::1"},
                {"type": "Hostname", "address": "n1"},
            ]
        },
    )
    pod = _pod("proxy", "192.168.0.1", hostNetwork=True, nodeName="n1")
    found = _read(node, pod)
    assert found.codes == []
    assert found.cluster.endpoints == ()
    assert [(p.name, p.node) for p in found.cluster.host_pods] == [("proxy", "n1")]
    (only,) = found.cluster.nodes
    assert list(map(str, only.addresses)) == ["192.168.0.1", "198.51.100.1", "fd00::1"]


def test_shared_addresses() -> None:
    """Two live pods with one address are an error; one that is being deleted gives way."""
    found = _read(_pod("a", "10.0.0.1", "fd00::1"), _pod("b", "fd00::1"))
    assert found.codes == ["E1022"]
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    found = _read(
        _pod("old", "10.0.0.1", metadata=leaving),
        _pod("new", "10.0.0.1"),
        _pod("slow", "10.0.0.2", metadata=leaving),
    )
    assert found.codes == []
    assert list(_endpoints(found)) == ["new", "slow"]
    node = _object(
        "Node",
        "n1",
        status={"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
    )
    assert _read(node, _pod("a", "10.0.0.1")).codes == ["E1022"]


def test_named_ports() -> None:
    """Of containers, and of init containers that stay; those without a name are none."""
    pod = _pod(
        "web",
        "10.0.0.1",
        containers=[
            {"ports": [{"name": "http", "containerPort": 80}, {"containerPort": 81}]},
            {"ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]},
        ],
        initContainers=[
            {"ports": [{"name": "once", "containerPort": 1}]},
            {
                "restartPolicy": "Always",
                "ports": [{"name": "mesh", "containerPort": 2, "protocol": "SCTP"}],
            },
        ],
    )
    ports = _endpoints(_read(pod))["web"].named_ports
    assert [(p.name, p.protocol.name, p.port) for p in ports] == [
        ("mesh", "SCTP", 2),
        ("http", "TCP", 80),
        ("dns", "UDP", 53),
    ]


def test_a_namespace_without_object() -> None:
    """Only its name is known, and that is said."""
    pod = _pod("web", "10.0.0.1", metadata={"namespace": "dark"})
    found = _read(pod)
    assert found.codes == ["W1031"]
    (label,) = found.cluster.namespaces["dark"]
    assert str(label) == "k8s:kubernetes.io/metadata.name=dark"


@pytest.mark.parametrize(
    ("broken", "code", "quoted"),
    [
        ({"status": {"podIP": "10.0.0.300"}}, "E1021", '"10.0.0.300"'),
        ({"status": {"podIP": "fe80::1%eth0"}}, "E1021", '"fe80::1%eth0"'),
        ({"status": {"podIPs": {"a": 1}}}, "E1005", '{"a": 1}'),
        ({"spec": ["x"]}, "E1005", '["x"]'),
        (
            {"spec": {"containers": [{"ports": [{"name": "a"}]}]}},
            "E1013",
            '{"name": "a"}',
        ),
        ({"metadata": {}}, "E1006", "{}"),
        ({"metadata": {"name": "x", "labels": {"a": 1}}}, "E1005", "1"),
    ],
)
def test_a_mistake_in_a_snapshot_has_its_place(
    broken: Object, code: str, quoted: str
) -> None:
    """Positions are found again where something is wrong, and only that object fails."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **broken}
    good = json.dumps(_pod("web", "10.0.0.1"))
    text = f"{json.dumps(SHOP)}\n{json.dumps(pod)}\n{good}\n"
    found = read_files({"s.json": text})
    assert found.codes == [code]
    assert list(_endpoints(found)) == ["web"]
    span = found.diagnostics.found[0].span
    assert span is not None
    assert text[span.start : span.end] == quoted
    assert span.line == 2


# ---------------------------------------------------------------- services


def _service(name: str, metadata: Object | None = None, **spec: Any) -> Object:  # noqa: ANN401  # any JSON
    status = spec.pop("status", {})
    metadata = {"namespace": "shop", **(metadata or {})}
    return _object("Service", name, metadata=metadata, spec=spec, status=status)


def _slice(service: str, ports: list[Object], endpoints: list[Object]) -> Object:
    labels = {"kubernetes.io/service-name": service}
    return _object(
        "EndpointSlice",
        f"{service}-{len(endpoints)}",
        metadata={"namespace": "shop", "labels": labels},
        addressType="IPv4",
        ports=ports,
        endpoints=endpoints,
    )


def _backends(service: Service) -> dict[str, list[str]]:
    return {
        port.name: [f"{b.address}:{b.port}" for b in port.backends]
        for port in service.ports
    }


def test_services_meet_their_slices() -> None:
    """By the port's name and protocol; only ready backends, and silence is ready."""
    service = _service(
        "web",
        clusterIP="10.96.0.1",
        clusterIPs=["10.96.0.1", "fd96::1"],
        externalIPs=["198.51.100.7"],
        selector={"app": "web"},
        ports=[
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ],
        status={
            "loadBalancer": {"ingress": [{"ip": "203.0.113.9"}, {"hostname": "h"}]}
        },
    )
    ready = {"conditions": {"ready": True}}
    slices = _slice(
        "web",
        [{"name": "http", "port": 8080}, {"name": "dns", "port": 5353}],
        [
            {"addresses": ["10.0.0.2"], **ready},
            {"addresses": ["10.0.0.1"]},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
        ],
    )
    (found,) = _read(service, slices).cluster.services
    assert list(map(str, found.addresses)) == [
        "10.96.0.1",
        "fd96::1",
        "198.51.100.7",
        "203.0.113.9",
    ]
    assert _backends(found) == {"http": ["10.0.0.1:8080", "10.0.0.2:8080"], "dns": []}
    assert found.has_selector


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName"}])
def test_services_without_an_address(spec: Object) -> None:
    """Headless and external ones are known, and have none."""
    (found,) = _read(_service("web", **spec)).cluster.services
    assert found.addresses == ()
    assert not found.has_selector


def test_backends_from_pods_where_there_are_no_slices() -> None:
    """The ready pods of the namespace that the selector matches, and a note."""
    pods = [
        _pod(
            "web",
            "10.0.0.1",
            containers=[{"ports": [{"name": "http", "containerPort": 8080}]}],
        ),
        _pod("other", "10.0.0.2"),
        _pod("nameless", "10.0.0.3", labels={"app": "web"}),
    ]
    unready = _pod("unready", "10.0.0.4", labels={"app": "web"})
    unready["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    ports = [{"port": 80, "targetPort": "http"}, {"name": "plain", "port": 81}]
    service = _service("web", selector={"app": "web"}, ports=ports)
    found = _read(*pods, unready, service)
    assert found.codes == ["N1033"]
    assert _backends(found.cluster.services[0]) == {
        "": ["10.0.0.1:8080"],
        "plain": ["10.0.0.1:81", "10.0.0.3:81"],
    }
    other = _slice("other", [], [])
    found = _read(*pods, service, other)
    assert found.codes == []
    assert _backends(found.cluster.services[0]) == {"": [], "plain": []}


def test_the_api_server() -> None:
    """Its addresses stand behind the service default/kubernetes."""
    value = _slice("kubernetes", [{"port": 6443}], [{"addresses": ["192.168.0.1"]}])
    value["metadata"]["namespace"] = "default"
    found = _read(value, _slice("kubernetes", [], [{"addresses": ["10.9.9.9"]}] * 2))
    assert found.cluster.api_server_addresses == (ip_address("192.168.0.1"),)


def test_our_own_endpoints() -> None:
    """A document of kind Endpoint is an endpoint with its place in the kernel."""
    found = read("""
        apiVersion: lockgate.dev/v1
        kind: Endpoint
        metadata: {name: web, labels: {app: web}}
        spec:
          addresses: [10.0.0.7, "fd00::7"]
          cgroup: /system.slice/web.service
          node: host-1
          ports: [{name: http, port: 8080}]
        """)
    assert found.codes == []
    (only,) = found.cluster.endpoints
    assert (only.key, only.node) == ("default/web", "host-1")
    assert list(map(str, only.addresses)) == ["10.0.0.7", "fd00::7"]
    assert only.attachment is not None
    assert only.attachment.cgroup == "system.slice/web.service"
    assert only.attachment.interface is None
    keys = {label.key: label.value for label in only.labels}
    assert keys["io.kubernetes.pod.namespace"] == "default"
    assert keys["app"] == "web"


def test_a_pod_and_an_endpoint_of_one_name() -> None:
    """Their rules and counters could not be told apart."""
    endpoint = {
        "apiVersion": "lockgate.dev/v1",
        "kind": "Endpoint",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"addresses": ["10.0.0.9"]},
    }
    assert _read(_pod("web", "10.0.0.1"), endpoint).codes == ["E1012"]
