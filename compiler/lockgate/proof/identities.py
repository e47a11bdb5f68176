"""Whether each address has the identity of who is behind it, as events show it.

Verdicts need the class only; but what people see of a packet, and what connection tracking
remembers of it, is the identity: its labels must be those of the pod, node or prefix.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lockgate.proof.reference.addresses import contains
from lockgate.proof.reference.atoms import SEEN
from lockgate.proof.reference.flow import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockgate.proof.packed import ReadBack
    from lockgate.proof.reference.atoms import PeerAtom
    from lockgate.proof.reference.selectors import Label
    from lockgate_runtime.tables import Identity

_SET_ANEW = {
    "Deployment": "pod-template-hash",
    "DaemonSet": "controller-revision-hash pod-template-generation",
    "StatefulSet": "controller-revision-hash apps.kubernetes.io/pod-index "
    "statefulset.kubernetes.io/pod-name",
    "Job": "controller-uid job-name batch.kubernetes.io/controller-uid "
    "batch.kubernetes.io/job-name batch.kubernetes.io/job-completion-index",
}
"""By controller of Kubernetes: the labels it gives each pod or revision a new value of."""

CHURNING = {key for keys in _SET_ANEW.values() for key in keys.split()}
"""Labels that no identity has, so that a workload's pods share one."""

_HOST = 1


def wrong_identities(
    read: ReadBack, peers: Sequence[PeerAtom]
) -> Iterator[tuple[PeerAtom, str, str]]:
    """Yield (atom, what its identity should be, what it is)."""
    identities = read.tables.identities
    prefixes = [
        one.name for one in identities.values() if "/" in one.name and _is_world(one)
    ]
    for atom in peers:
        peer = read.tables.peer(read.peer(atom.address))
        if atom.role != SEEN:
            hosts = {
                read.tables.peer(n).identity for n in (peer.host, peer.api_server_host)
            }
            if hosts != {_HOST}:
                yield atom, "the host", f"identities {sorted(hosts)}"
            continue
        identity = identities.get(peer.identity)
        if identity is None:
            yield atom, "an identity", f"{peer.identity}, which is not there"
            continue
        labels, expected = set(identity.labels), _expected(atom, prefixes)
        # Groups of prefixes are labels only where some rule asks for them.
        groups = {x for x in expected[0] if x.startswith("cidrgroup:")}
        if not any(some - groups <= labels <= some for some in expected):
            shown = " ".join(sorted(expected[0]))
            yield atom, shown, f"{identity.number} ({' '.join(identity.labels)})"


def _expected(atom: PeerAtom, prefixes: Sequence[str]) -> list[set[str]]:
    """Return the label sets that an address's identity may have."""
    end = atom.end
    match end.kind:
        case Kind.POD:
            return [{_text(x) for x in end.labels if x.key not in CHURNING}]
        case Kind.REMOTE_NODE:
            serves = any(x.key == "kube-apiserver" for x in end.labels)
            return [{f"reserved:{'kube-apiserver' if serves else 'remote-node'}"}]
    own = {f"cidr:{text}" for text in prefixes if contains(text, end.position)}
    labels = {_text(x) for x in end.labels if x.source != "cidr"}
    if own:
        return [own | labels]
    return [{"reserved:world"}, {f"reserved:world-ipv{atom.address.version}"}]


def _is_world(identity: Identity) -> bool:
    return "reserved:world" in identity.labels


@cache
def _text(label: Label) -> str:
    value = f"={label.value}" if label.value else ""
    return f"{label.source}:{label.key}{value}"
