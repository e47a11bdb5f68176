"""The pods that the rows about workloads know, and where their processes are."""

from __future__ import annotations

NODE = "node-1"
WEB, DATABASE, OTHER_WEB, STATIC, STRANGER = (
    f"{digit}f3c41d2-8f0e-4d6a-9d5e-6c1f2a3b4c5d" for digit in "01234"
)
STATIC_HASH = "8f" * 16
MAIN, SIDE, DATABASE_MAIN, OTHER_MAIN, STATIC_MAIN = (
    f"{digit}{'ab' * 31}{digit}" for digit in "56789"
)
POLICY_NODE = """apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {role: worker}}
---
apiVersion: v1
kind: Node
metadata: {name: node-2, labels: {role: control}}
"""


def _pod(
    key: str, uid: str, app: str, containers: dict[str, tuple[str, str]], rest: str = ""
) -> str:
    namespace, _, name = key.partition("/")
    statuses = "".join(
        f"  - {{name: {n}, containerID: containerd://{i}, image: {image}}}\n"
        for n, (i, image) in containers.items()
    )
    return (
        "---\napiVersion: v1\nkind: Pod\n"
        f"metadata: {{name: {name}, namespace: {namespace}, uid: {uid}, "
        f"labels: {{app: {app}}}{rest}}}\nspec: {{nodeName: {NODE}}}\n"
        f"status:\n  phase: Running\n  containerStatuses:\n{statuses}"
    )


SNAPSHOT = POLICY_NODE + "".join(
    (
        _pod(
            "shop/web-1",
            WEB,
            "web",
            {
                "main": (MAIN, "ghcr.io:443/shop/web:1.2"),
                "side": (SIDE, "docker.io/envoy@sha256:00"),
            },
        ),
        _pod("shop/db-1", DATABASE, "db", {"main": (DATABASE_MAIN, "postgres:17")}),
        _pod("ops/web-2", OTHER_WEB, "web", {"main": (OTHER_MAIN, "web:1")}),
        _pod(
            "kube-system/api",
            STATIC,
            "api",
            {"main": (STATIC_MAIN, "api:1")},
            ", annotations: {kubernetes.io/config.mirror: "
            f"{STATIC_HASH}, kubernetes.io/config.hash: {STATIC_HASH}}}",
        ),
    )
)

_BURSTABLE = "kubepods.slice/kubepods-burstable.slice"


def _slice(uid: str) -> str:
    return f"{_BURSTABLE}/kubepods-burstable-pod{uid.replace('-', '_')}.slice"


CGROUPS = {
    "host": "system.slice/lockgate-test.service",
    "web": f"{_slice(WEB)}/cri-containerd-{MAIN}.scope",
    "web-side": f"{_slice(WEB)}/cri-containerd-{SIDE}.scope",
    "web-restarted": f"{_slice(WEB)}/cri-containerd-{'ef' * 32}.scope",
    "db": f"{_slice(DATABASE)}/cri-containerd-{DATABASE_MAIN}.scope",
    "ops": f"kubepods/besteffort/pod{OTHER_WEB}/{OTHER_MAIN}",
    "static": f"{_slice(STATIC_HASH)}/crio-{STATIC_MAIN}.scope",
    "stranger": f"{_slice(STRANGER)}/cri-containerd-{'cd' * 32}.scope",
}
"""Cgroups that are there when policies come in force, by the words of the rows."""

LATER = {
    "web-inner": f"{CGROUPS['web']}/inner",
    "db-inner": f"{CGROUPS['db']}/inner",
    "new": f"{_slice('5' + STRANGER[1:])}/cri-containerd-{'ce' * 32}.scope",
    "new-unit": "system.slice/lockgate-new.service",
}
"""Cgroups that are made while policies are in force."""
