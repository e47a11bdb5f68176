"""A small cluster to state things about, and policies to put in force."""

from __future__ import annotations

from typing import Any

import yaml

Object = dict[str, Any]

CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Namespace
metadata: {name: tools, labels: {env: dev}}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {zone: b}}
status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}
"""


def pod(
    name: str, address: str, *, node: str = "n1", ports: str = "[]", **labels: str
) -> Object:
    """Return a pod; ``name`` is ``namespace/name``."""
    namespace, _, short = name.partition("/")
    container = {"name": "c", "image": "i", "ports": yaml.safe_load(ports)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": short, "namespace": namespace, "labels": labels},
        "spec": {"nodeName": node, "containers": [container]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


HTTP = "[{name: http, containerPort: 8080, protocol: TCP}]"
PODS = [
    pod("shop/web-0", "10.0.0.1", app="web", ports=HTTP),
    pod("shop/web-1", "10.0.0.2", node="n2", app="web", ports=HTTP),
    pod("shop/db-0", "10.0.0.3", app="db"),
    pod("tools/shell", "10.0.0.4", app="shell"),
]


def cluster(*policies: str) -> list[Object]:
    """Return the objects of the cluster with some policies."""
    texts = (CLUSTER, *policies)
    documents = [d for text in texts for d in yaml.safe_load_all(text) if d]
    return [*documents[:4], *PODS, *documents[4:]]


DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
"""
WEB = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.64/26]}}]
    ports: [{port: http}]
  - from: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 9000, endPort: 9010}]
---
"""
L7 = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: items, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: tools}}]
    toPorts:
    - ports: [{port: "80", protocol: TCP}]
      rules: {http: [{method: GET, path: "/v1/.*", headers: ["X-Key: 1"]}]}
    - ports: [{port: "53", protocol: UDP}]
---
"""
