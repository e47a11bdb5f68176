"""Workloads collapse to classes: two are one where no selector of the generation tells them apart.

Before: whom selectors concern, and the snapshot.  After: the classes, numbered from 1 (0 is a
cgroup of which nothing is known), and which of them each pod, container and node's host is of.

Whom a process is of may be known in part: that it is in some pod, but not in which; in which pod,
but not in which container.  What a test says then is yes or no where all that it could be agree,
and else *undecided*, which is kept beside yes and no: nothing is silently left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.ir.labels import Label, Selector
from lockgate.ir.site import Facet
from lockgate.ir.workloads import (
    UNKNOWN_NODE,
    PodClasses,
    WorkloadClass,
    WorkloadClasses,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockgate.ir.cluster import Cluster, Container, Endpoint
    from lockgate.ir.labels import Labels
    from lockgate.ir.site import Generation, Test, WorkloadTest
    from lockgate.ir.tracing_selectors import WorkloadMatch


def workload_tests(generation: Generation) -> dict[WorkloadTest, Test]:
    """Return whom all selectors of a generation concern, each once, with the first who asks."""
    found: dict[WorkloadTest, Test] = {}
    for site in generation.sites:
        for dimension in site.dimensions:
            if dimension.facet is Facet.WORKLOAD:
                for test in dimension.tests:
                    assert test.workload is not None  # noqa: S101  # its facet says so
                    found.setdefault(test.workload, test)
    return found


def collect_workloads(generation: Generation, cluster: Cluster) -> WorkloadClasses:
    """Return the classes of a generation; those of no test are one beside the unknown."""
    tests = tuple(workload_tests(generation))
    numbering = _Numbering(tests)
    numbering.number("unknown", _Place(is_known=False))
    labels = {node.name: node.labels for node in cluster.nodes}
    nodes: dict[str, Labels | None] = {UNKNOWN_NODE: None, **labels}
    hosts = {
        name: numbering.number("host", _Place(node=node))
        for name, node in nodes.items()
    }
    unknown = {
        name: numbering.number("unknown pod", _Place(is_pod=True, node=node))
        for name, node in nodes.items()
    }
    pods = []
    for pod in cluster.pods:
        place = _Place(
            is_pod=True,
            labels=pod.labels,
            namespace=pod.namespace,
            containers=pod.containers,
            node=labels.get(pod.node or ""),
        )
        name = f"pod {pod.namespace}/{pod.name}"
        containers = {
            one.id: numbering.number(
                f"{name}, container {one.name}", place.narrowed(one)
            )
            for one in pod.containers
            if one.id
        }
        pods.append(PodClasses(pod, numbering.number(name, place), containers))
    cgroups = {
        path: numbering.number(f"endpoint {endpoint.key}", place)
        for path, endpoint, place in _attached(cluster, labels)
    }
    return WorkloadClasses(
        tuple(numbering.known),
        hosts,
        unknown,
        tuple(pods),
        dict(sorted(cgroups.items())),
    )


def _attached(
    cluster: Cluster, nodes: Mapping[str, Labels]
) -> Iterator[tuple[str, Endpoint, _Place]]:
    for endpoint in cluster.endpoints:
        if endpoint.attachment and endpoint.attachment.cgroup:
            yield (
                "/" + endpoint.attachment.cgroup.strip("/"),
                endpoint,
                _Place(
                    is_pod=True,
                    labels=endpoint.labels,
                    namespace=endpoint.namespace,
                    node=nodes.get(endpoint.node or ""),
                ),
            )


# ---------------------------------------------------------------- numbers


class _Numbering:
    """Gives classes their numbers, in the order in which they are first met."""

    def __init__(self, tests: tuple[WorkloadTest, ...]) -> None:
        self._tests = tests
        self._numbers: dict[tuple[frozenset[WorkloadTest], ...], int] = {}
        self._places: dict[_Place, int] = {}
        self.known: list[WorkloadClass] = []

    def number(self, name: str, place: _Place) -> int:
        """Return the class of a place."""
        found = self._places.get(place)
        if found is None:
            found = self._places[place] = self._class(name, place)
        return found

    def _class(self, name: str, place: _Place) -> int:
        answers = {test: judge(test, place) for test in self._tests}
        holding = frozenset(t for t, answer in answers.items() if answer)
        undecided = frozenset(t for t, answer in answers.items() if answer is None)
        # The unknown is a class of its own, whatever it is like.
        is_unknown = not place.is_known
        key = (holding, undecided, frozenset()) if is_unknown else (holding, undecided)
        if key not in self._numbers:
            self._numbers[key] = len(self.known)
            self.known.append(WorkloadClass(name, holding, undecided))
        return self._numbers[key]


# ---------------------------------------------------------------- what a test says


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a process is, as far as it is known; what is None is not.

    In no pod it is the host's.  ``containers`` are those of the pod, ``container`` the one.
    """

    is_known: bool = True
    is_pod: bool = False
    labels: Labels | None = field(default=None)
    namespace: str = ""
    containers: tuple[Container, ...] = ()
    container: Container | None = None
    node: Labels | None = None

    def narrowed(self, container: Container) -> _Place:
        """Return the place of one of the containers."""
        alike = container._replace(id="", runtime="")
        return _Place(
            self.is_known,
            self.is_pod,
            self.labels,
            self.namespace,
            (),
            alike,
            self.node,
        )


def judge(test: WorkloadTest, place: _Place) -> bool | None:
    """Return whether a process at a place is concerned; None where that is not known."""
    return _all(
        [
            _is_node(test.nodes, place),
            _is_namespace(test.namespace, place),
            *(_is_met(match, place) for match in test.matches),
        ]
    )


def _all(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    if False in found:
        return False
    return None if None in found else True


def _is_node(nodes: Selector | None, place: _Place) -> bool | None:
    if nodes is None or not nodes.requirements:
        return True
    return None if place.node is None else nodes.selects(place.node)


def _is_namespace(namespace: str, place: _Place) -> bool | None:
    if not namespace:
        return True
    if not place.is_known:
        return None
    if not place.is_pod:
        return False
    return None if place.labels is None else place.namespace == namespace


def _is_met(match: WorkloadMatch, place: _Place) -> bool | None:
    if match.is_everything:
        return True
    if not place.is_known:
        return None
    if not place.is_pod:
        return match.host
    if match.pods is None or match.containers is None:
        return False
    return _all([_is_pod(match.pods, place), _is_container(match.containers, place)])


def _is_pod(pods: Selector, place: _Place) -> bool | None:
    if not pods.requirements:
        return True
    return None if place.labels is None else pods.selects(place.labels)


def _is_container(containers: Selector, place: _Place) -> bool | None:
    """Return whether it is one of those; of a pod's own cgroup what all containers agree on."""
    if not containers.requirements:
        return True
    if place.container is not None:
        return containers.selects(_fields(place.container))
    answers = {containers.selects(_fields(one)) for one in place.containers}
    return answers.pop() if len(answers) == 1 else None


def _fields(container: Container) -> Labels:
    """Return what of a container can be selected by, as if it were labels."""
    return (
        Label("k8s", "name", container.name),
        Label("k8s", "repo", container.repository),
    )
