"""Policies in few words, and the cluster that they are for."""

from __future__ import annotations

from tests.lint.judging import pod

NETWORK = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}}}
spec: {{{spec}}}
"""
CILIUM = """
apiVersion: cilium.io/v2
kind: {kind}
metadata: {{name: {name}}}
spec: {{{spec}}}
"""
TIERED = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: tiered}}
spec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, {spec}}}
"""
ALL = "endpointSelector: {}"
WEB = pod("web", "10.0.0.1", "app: web")
CLIENT = pod("client", "10.0.0.3", "app: client", namespace="shop")
DNS = pod("dns", "10.0.0.2", "k8s-app: kube-dns", namespace="kube-system")
SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.7, selector: {app: web}, ports: [{port: 80}]}
"""


def network(spec: str, name: str = "one") -> str:
    """Return a NetworkPolicy."""
    return NETWORK.format(spec=spec, name=name)


def cilium(spec: str, name: str = "one", kind: str = "CiliumNetworkPolicy") -> str:
    """Return a policy of Cilium's."""
    return CILIUM.format(spec=spec, name=name, kind=kind)


def path(regex: str) -> str:
    """Return a policy with a path of an HTTP rule."""
    ports = "[{port: '80', protocol: TCP}]"
    rule = f"{{ports: {ports}, rules: {{http: [{{path: '{regex}'}}]}}}}"
    return cilium(f"endpointSelector: {{}}, ingress: [{{toPorts: [{rule}]}}]")
