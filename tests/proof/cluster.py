"""A cluster with something of everything, compiled for proofs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lockgate.codegen.pack import pack_tables
from lockgate.diagnostics import Diagnostics
from lockgate.driver import Settings, compile_policies
from lockgate.identity_lock import IdentityLock
from lockgate.options import Options
from lockgate.passes.pipeline import build_tables
from lockgate.proof.compare import Comparison
from lockgate.proof.reference.evaluator import Evaluator
from lockgate.proof.reference.located import read_objects
from lockgate.source import Source
from lockgate.vm.kernels import cache_folders
from lockgate_runtime.tables import DESCRIBED, PACKED, PackedTables
from tests.conformance.compiling import parse_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockgate.artifact import Bundle
    from lockgate.proof.differences import TableProof

Object = dict[str, Any]

CACHE = cache_folders()[0]
"""Objects lie there by the hash of their source."""

OPTIONS = Options(allow_unenforced=True)


def pod(name: str, address: str, node: str, **labels: str) -> Object:
    """Return a pod of namespace ``shop``; ``http`` is its port 8080."""
    ports = [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


def node(name: str, address: str) -> Object:
    """Return a node."""
    addresses = [{"type": "InternalIP", "address": address}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"zone": name[-1]}},
        "status": {"addresses": addresses},
    }


def policy(kind: str, name: str, spec: Object, api: str = "cilium.io/v2") -> Object:
    """Return a policy; namespaced kinds are in ``shop``."""
    metadata: Object = {"name": name}
    if kind in ("NetworkPolicy", "CiliumNetworkPolicy"):
        metadata["namespace"] = "shop"
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


SNAPSHOT = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    node("node-a", "192.168.0.1"),
    node("node-b", "192.168.0.2"),
    pod("web", "10.1.0.1", "node-a", app="web"),
    pod("api", "10.1.0.2", "node-b", app="api"),
    pod("db", "10.1.0.3", "node-b", app="db"),
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {
            "clusterIP": "10.96.0.1",
            "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}],
            "selector": {"app": "api"},
        },
    },
]
POLICIES = [
    policy(
        "NetworkPolicy",
        "web",
        {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [
                        {
                            "ipBlock": {
                                "cidr": "203.0.113.0/24",
                                "except": ["203.0.113.7/32"],
                            }
                        }
                    ],
                    "ports": [{"port": 8000, "endPort": 8010}],
                },
            ],
            "egress": [
                {
                    "to": [{"podSelector": {"matchLabels": {"app": "api"}}}],
                    "ports": [{"port": "http"}],
                }
            ],
        },
        "networking.k8s.io/v1",
    ),
    policy(
        "CiliumNetworkPolicy",
        "api",
        {
            "endpointSelector": {"matchLabels": {"app": "api"}},
            "ingress": [
                {"fromEndpoints": [{"matchLabels": {"app": "web"}}]},
                {"fromEndpoints": [{"matchLabels": {"app": "db"}}]},
                {"fromEntities": ["remote-node"], "icmps": [{"fields": [{"type": 8}]}]},
                {
                    "fromEndpoints": [
                        {
                            "matchExpressions": [
                                {"key": "reserved:world", "operator": "Exists"},
                                {"key": "cidr:198.51.100.0/24", "operator": "Exists"},
                            ]
                        }
                    ]
                },
            ],
            "ingressDeny": [
                {"fromEntities": ["all"], "toPorts": [{"ports": [{"port": "22"}]}]}
            ],
        },
    ),
    policy(
        "ClusterNetworkPolicy",
        "admin",
        {
            "tier": "Admin",
            "priority": 10,
            "subject": {"namespaces": {}},
            "ingress": [
                {
                    "action": "Pass",
                    "from": [{"namespaces": {}}],
                    "protocols": [{"udp": {"destinationPort": {"number": 53}}}],
                },
                {
                    "action": "Deny",
                    "from": [{"namespaces": {}}],
                    "protocols": [
                        {
                            "udp": {
                                "destinationPort": {"range": {"start": 1, "end": 65535}}
                            }
                        }
                    ],
                },
            ],
        },
        "policy.networking.k8s.io/v1alpha2",
    ),
    policy(
        "CiliumClusterwideNetworkPolicy",
        "host",
        {
            "nodeSelector": {"matchLabels": {"zone": "b"}},
            "ingress": [{"fromEntities": ["cluster"]}],
        },
    ),
]
OBJECTS = [*SNAPSHOT, *POLICIES]


def pack(objects: Sequence[Object], options: Options = OPTIONS) -> PackedTables:
    """Compile objects as far as packed tables; object ``i`` stands in ``i.json``."""
    diagnostics = Diagnostics()
    cluster, policies = parse_objects(objects, options, diagnostics)
    ordered = tuple(sorted(policies, key=lambda one: (one.key, one.part)))
    tables = build_tables(cluster, ordered, IdentityLock(), options, diagnostics)
    assert diagnostics.ok, diagnostics.found
    return PackedTables(pack_tables(tables))


def read(objects: Sequence[Object], options: Options = OPTIONS) -> Evaluator:
    """Let the reference read the same files."""
    diagnostics = Diagnostics()
    texts = (json.dumps(o, indent=1) for o in objects)
    sources = [Source(f"{i}.json", text) for i, text in enumerate(texts)]
    found = read_objects(sources, diagnostics)
    assert diagnostics.ok, diagnostics.found
    return Evaluator(
        found,
        options.semantics.value,
        options.enforcement_mode.value,
        options.audit,
        options.cluster_name,
    )


def prove(
    objects: Sequence[Object], tables: PackedTables, options: Options = OPTIONS
) -> TableProof:
    """Compare tables with the reference's reading of objects."""
    return Comparison(tables, read(objects, options)).run()


def with_files(tables: PackedTables, files: Mapping[str, bytes]) -> PackedTables:
    """Return the tables with some files exchanged."""
    content = {name: bytes(tables.content(name)) for name in (*PACKED, *DESCRIBED)}
    return PackedTables({**content, **files})


def compile_bundle(folder: Path, objects: Sequence[Object] = OBJECTS) -> Bundle:
    """Compile a whole bundle from ``folder/sources``, which is written."""
    sources = folder / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(objects):
        (sources / f"{number:02}.json").write_text(json.dumps(one, indent=1))
    compilation = compile_policies([sources], OPTIONS, Settings(cache=CACHE))
    assert compilation.bundle is not None, compilation.diagnostics.found
    return compilation.bundle
