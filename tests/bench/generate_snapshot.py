"""The snapshot of a large cluster: objects as ``kubectl get -o json`` prints them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

PODS_PER_NODE = 100
APPS_PER_NAMESPACE = 20
CREATED = "2026-01-12T08:31:07Z"


@dataclass(frozen=True)
class Size:
    """How large the cluster is."""

    policies: int = 5_000
    identities: int = 5_000
    pods: int = 20_000
    seed: int = 1

    @property
    def namespaces(self) -> int:
        """How many namespaces there are: each has some twenty applications."""
        return max(1, self.identities // APPS_PER_NAMESPACE)


def application(number: int, size: Size) -> tuple[str, dict[str, str]]:
    """Return namespace and labels of an application: one identity."""
    namespace = number % size.namespaces
    index = number // size.namespaces
    return f"team-{namespace}", {
        "app.kubernetes.io/name": f"app-{index}",
        "app.kubernetes.io/part-of": f"system-{number % 37}",
        "tier": ("frontend", "backend", "data", "batch")[number % 4],
        "version": f"v{number % 5}",
    }


def snapshot_objects(size: Size) -> Iterator[Object]:
    """Give every object of the snapshot in the order of ``kubectl get ns,no,po,svc,eps``."""
    for i in range(size.namespaces):
        yield _namespace(i)
    for i in range(-(-size.pods // PODS_PER_NODE)):
        yield _node(i)
    addresses: dict[int, list[str]] = {}
    for i in range(size.pods):
        pod = _pod(i, size)
        addresses.setdefault(i % size.identities, []).append(pod["status"]["podIP"])
        yield pod
    for i in range(0, size.identities, 5):
        yield from _service(i, addresses.get(i, []), size)


def _metadata(kind: str, number: int, name: str, namespace: str | None) -> Object:
    uid = random.Random(f"{kind} {number}").getrandbits(128)  # noqa: S311  # no secret
    text = f"{uid:032x}"
    found: Object = {
        "creationTimestamp": CREATED,
        "name": name,
        "resourceVersion": str(1_000_000 + number),
        "uid": "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])),
    }
    if namespace is not None:
        found["namespace"] = namespace
    return found


def _namespace(number: int) -> Object:
    name = f"team-{number}"
    metadata = _metadata("namespace", number, name, None)
    metadata["labels"] = {
        "environment": ("production", "staging")[number % 2],
        "kubernetes.io/metadata.name": name,
        "team": f"t{number % 11}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": metadata,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _node(number: int) -> Object:
    name = f"node-{number}"
    metadata = _metadata("node", number, name, None)
    metadata["labels"] = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"zone-{number % 3}",
    }
    address = str(IPv4Address("192.168.0.10") + number)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata,
        "spec": {"podCIDR": f"{IPv4Address('10.0.0.0') + number * 256}/24"},
        "status": {
            "addresses": [
                {"address": address, "type": "InternalIP"},
                {"address": name, "type": "Hostname"},
            ],
            "capacity": {"cpu": "16", "memory": "65806468Ki", "pods": "110"},
        },
    }


def _pod(number: int, size: Size) -> Object:
    namespace, labels = application(number % size.identities, size)
    app = labels["app.kubernetes.io/name"]
    suffix = f"{number * 2654435761 % 2**32:08x}"
    replica_set = f"{app}-{number % size.identities * 40503 % 65536:04x}"
    node, place = divmod(number, PODS_PER_NODE)
    address = str(IPv4Address("10.0.0.0") + node * 256 + place + 2)
    host = str(IPv4Address("192.168.0.10") + node)
    metadata = _metadata("pod", number, f"{replica_set}-{suffix}", namespace)
    metadata["annotations"] = {
        "prometheus.io/port": "9090",
        "prometheus.io/scrape": "true",
    }
    metadata["generateName"] = f"{replica_set}-"
    metadata["labels"] = {**labels, "pod-template-hash": replica_set[-4:]}
    metadata["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "ReplicaSet",
            "name": replica_set,
            "uid": "5d1f3c0e-9b0a-4b7e-9a55-1d2c3b4a5f60",
        }
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": dict(sorted(metadata.items())),
        "spec": _pod_spec(app, f"node-{node}"),
        "status": _pod_status(address, host, app),
    }


def _pod_spec(app: str, node: str) -> Object:
    probe = {
        "failureThreshold": 3,
        "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }
    container = {
        "args": ["--config=/etc/app/config.yaml", "--listen=:8080"],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {
                "name": "POD_NAME",
                "valueFrom": {
                    "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}
                },
            },
        ],
        "image": f"registry.example.com/{app}:1.27.4",
        "imagePullPolicy": "IfNotPresent",
        "name": app,
        "ports": [
            {"containerPort": 8080, "name": "http", "protocol": "TCP"},
            {"containerPort": 9090, "name": "metrics", "protocol": "TCP"},
        ],
        "readinessProbe": probe,
        "resources": {
            "limits": {"cpu": "500m", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"mountPath": "/etc/app", "name": "config"}],
    }
    return {
        "containers": [container],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "nodeName": node,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": app,
        "serviceAccountName": app,
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {
                "effect": "NoExecute",
                "key": f"node.kubernetes.io/{key}",
                "operator": "Exists",
                "tolerationSeconds": 300,
            }
            for key in ("not-ready", "unreachable")
        ],
        "volumes": [
            {"configMap": {"defaultMode": 420, "name": app}, "name": "config"},
        ],
    }


def _pod_status(address: str, host: str, app: str) -> Object:
    return {
        "conditions": [
            {
                "lastProbeTime": None,
                "lastTransitionTime": CREATED,
                "status": "True",
                "type": kind,
            }
            for kind in ("Initialized", "Ready", "PodScheduled")
        ],
        "containerStatuses": [
            {
                "containerID": f"containerd://{'3f' * 32}",
                "image": f"registry.example.com/{app}:1.27.4",
                "imageID": f"registry.example.com/{app}@sha256:{'9c' * 32}",
                "lastState": {},
                "name": app,
                "ready": True,
                "restartCount": 0,
                "started": True,
                "state": {"running": {"startedAt": CREATED}},
            }
        ],
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "qosClass": "Burstable",
        "startTime": CREATED,
    }


def _service(number: int, addresses: list[str], size: Size) -> Iterator[Object]:
    namespace, labels = application(number, size)
    app = labels["app.kubernetes.io/name"]
    address = str(IPv4Address("172.20.0.10") + number)
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            **_metadata("service", number, app, namespace),
            "labels": {"app.kubernetes.io/name": app},
        },
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ports": [
                {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}
            ],
            "selector": {"app.kubernetes.io/name": app},
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }
    yield {
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
            }
            for address in addresses
        ],
        "kind": "EndpointSlice",
        "metadata": {
            **_metadata("slice", number, f"{app}-x7k2p", namespace),
            "labels": {"kubernetes.io/service-name": app},
        },
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
