"""A judge that sends real frames through the loaded program, one node at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.simulation import UnaskedError
from lockgate_runtime.cgroup_probe import CgroupProbe
from lockgate_runtime.probe import Asked, NotJudgedError, Probe
from lockgate_runtime.tables import Endpoint, Host

if TYPE_CHECKING:
    from types import TracebackType

    from lockgate.simulation import Question
    from lockgate_runtime.bundle import Bundle
    from lockgate_runtime.tables import PackedTables

NOWHERE = Host("", 1, (), 0, 1, is_api_server=False, is_enforced=False)
"""The host of endpoints whose node the snapshot does not name."""

_UNASKED = {
    "bad_source": "nobody may send from this address",
    "bad_destination": "nobody can send to this address",
    "bad_neighbour_discovery": "neighbour discovery is no matter of policy",
    "exempt": "no matter of policy",
}


class KernelJudge:
    """Answers questions with BPF_PROG_TEST_RUN; each node's part is loaded when asked for."""

    def __init__(self, bundle: Bundle, tables: PackedTables) -> None:
        self._bundle = bundle
        self._hosts = {host.node: host for host in tables.hosts}
        self._endpoints: dict[str | None, list[Endpoint]] = {}
        for endpoint in tables.endpoints:
            self._endpoints.setdefault(endpoint.node, []).append(endpoint)
        self._probes: dict[tuple[str | None, bool], Probe] = {}

    def __enter__(self) -> KernelJudge:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for probe in self._probes.values():
            probe.close()
        self._probes.clear()

    def decide(self, question: Question) -> int:
        """Return the decision that the program took; UnaskedError where no packet is."""
        if question.local is None or question.remote is None:
            raise UnaskedError("the snapshot has no address to send from or to")
        if question.local.version != question.remote.version:
            raise UnaskedError("the two ends have no address family in common")
        if question.is_foreign_icmp:
            raise UnaskedError("ICMP of the other version of IP")
        subject = question.subject
        try:
            return self._probe(subject).decide(
                Asked(
                    question.direction == "ingress",
                    subject if isinstance(subject, Endpoint) else None,
                    question.local,
                    question.remote,
                    int(question.protocol),
                    question.port,
                )
            )
        except NotJudgedError as reason:
            why = _UNASKED.get(str(reason))
            if why is None:
                raise
            raise UnaskedError(why) from None

    def _probe(self, subject: Endpoint | Host) -> Probe:
        """Return the node's programs of the kind that the subject's packets meet."""
        node, of_cgroups = subject.node, is_cgroup(subject)
        probe = self._probes.get((node, of_cgroups))
        if probe is None:
            host = self._hosts.get(node or "", NOWHERE)
            kind = CgroupProbe if of_cgroups else Probe
            probe = kind(self._bundle, host, self._endpoints.get(node, []))
            self._probes[node, of_cgroups] = probe
        return probe


def is_cgroup(subject: Endpoint | Host) -> bool:
    """Tell whether an end is judged at its cgroup, not at a device."""
    return isinstance(subject, Endpoint) and subject.cgroup is not None
