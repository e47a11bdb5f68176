"""Give every label set of an endpoint its identity number.

Before: endpoints, and a lock with the numbers that are taken.
After:  the identities of the snapshot; equal label sets share one, and each that the lock
        knows keeps its number.

Labels that change from pod to pod of one workload (:data:`CHURNING`) stay out of the label
set, so that a rollout needs no new identity.  Numbers depend on the snapshot and the lock
alone: a policy that comes or goes never moves one.  A selector that names a churning key
still works: the points of ``collect_peers`` have the label, and share an identity number.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from lockgate.ir.labels import NAMESPACE, Label
from lockgate.ir.resolution import (
    ENDPOINTS_FROM,
    ENDPOINTS_TO,
    MORE_ENDPOINTS_TO,
    RESERVED,
    Census,
    reserved,
)
from lockgate.ir.tables import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.ir.cluster import Endpoint
    from lockgate.ir.labels import Labels

CHURNING = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Keys that controllers of Kubernetes set anew for each pod or revision."""

_PROBES = 16
"""So many places in the first range are tried before the second range is."""


def assign_identities(
    endpoints: Sequence[Endpoint], locked: Mapping[Labels, int]
) -> Census:
    """Return the identities of all endpoints, and the reserved ones."""
    stable: dict[int, Labels] = {}  # by identity: label sets are mostly shared
    for endpoint in endpoints:
        labels = endpoint.labels
        if id(labels) not in stable:
            kept = tuple([x for x in labels if x.key not in CHURNING])
            stable[id(labels)] = kept
    numbers = _number(set(stable.values()), locked)
    number_of = {key: numbers[labels] for key, labels in stable.items()}
    identities = [
        Identity(number, (reserved(name),), name) for name, number in RESERVED.items()
    ]
    identities += [
        Identity(number, labels, _name(labels))
        for labels, number in numbers.items()
        if number >= ENDPOINTS_FROM
    ]
    identities.sort(key=lambda identity: identity.number)
    return Census(tuple(identities), tuple(number_of[id(e.labels)] for e in endpoints))


def _number(label_sets: set[Labels], locked: Mapping[Labels, int]) -> dict[Labels, int]:
    taken = set(locked.values())
    numbers = {}
    texts = _Texts()
    for labels in sorted(label_sets):
        number = _reserved_number(labels) or locked.get(labels)
        if number is None:
            number = _free_number("\n".join([texts[x] for x in labels]), taken)
            taken.add(number)
        numbers[labels] = number
    return numbers


class _Texts(dict[Label, str]):
    """Labels as text: many label sets have the same."""

    def __missing__(self, label: Label) -> str:
        text = self[label] = str(label)
        return text


def _reserved_number(labels: Labels) -> int | None:
    for label in labels:
        if label.source == "reserved" and label.key in RESERVED:
            return RESERVED[label.key]
    return None


def _free_number(labels: str, taken: set[int]) -> int:
    """Probe places that the label set itself chooses, so that branches rarely collide."""
    text = labels.encode()
    first, second = ENDPOINTS_TO - ENDPOINTS_FROM, MORE_ENDPOINTS_TO - ENDPOINTS_TO
    probe = 0
    while True:
        digest = blake2b(text, digest_size=8, salt=probe.to_bytes(4, "little")).digest()
        place = int.from_bytes(digest, "little")
        small = probe < _PROBES
        number = (
            ENDPOINTS_FROM + place % first if small else ENDPOINTS_TO + place % second
        )
        if number not in taken:
            return number
        probe += 1


def _name(labels: Labels) -> str:
    """Return what people call it: ``namespace/app``, as far as labels tell."""
    values = {label.key: label.value for label in labels}
    names = ("app.kubernetes.io/name", "app", "k8s-app", "name")
    name = next((values[key] for key in names if values.get(key)), "")
    return "/".join(part for part in (values.get(NAMESPACE, ""), name) if part) or "?"
