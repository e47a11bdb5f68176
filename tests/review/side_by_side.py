"""The connectivity of a policy set, by our comparison and by network-config-analyzer.

Both are asked who can reach whom over IPv4: ours as what policies take away from nothing,
theirs (IBM's ``nca``, of PyPI) as its connectivity map.  It knows NetworkPolicy between
pods and blocks of addresses outside; no nodes, no host, no ICMP.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import yaml

from lockgate.options import Options
from lockgate.review.difference_json import list_results
from lockgate.review.review import compare_sets
from lockgate.review.workloads import Member, Workloads
from tests.review.compiled import compile_objects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Object = dict[str, Any]

PROTOCOLS = ("TCP", "UDP", "SCTP")
POLICY = "NetworkPolicy"
_LINE = re.compile(r"(?P<src>.+?) => (?P<dst>.+?) : (?P<what>.+)")
_ALL = "All connections"
_PART = re.compile(
    r"protocols:(?P<protocols>[A-Z,]+?)(?:,dst_ports:(?P<ports>[0-9,-]+))?$"
)


@dataclass(frozen=True)
class Question:
    """One cell: two pods (``namespace/name``) or addresses, a protocol and a port."""

    source: str
    destination: str
    protocol: str
    port: int


# ---------------------------------------------------------------- theirs


class TheirMap:
    """The answers of nca's connectivity map."""

    def __init__(self, program: str, objects: list[Object], folder: Path) -> None:
        kinds = {"ns": "Namespace", "pods": "Pod", "np": POLICY}
        for name, kind in kinds.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            some = [_cleaned(o) for o in objects if o["kind"] == kind]
            (folder / name / "all.yaml").write_text(yaml.safe_dump_all(some))
        command = [program, "--connectivity", folder / "np", "-n", folder / "ns"]
        command += ["-p", folder / "pods", "-o", "txt_no_fw_rules", "--return_0"]
        done = subprocess.run(  # noqa: S603  # the program that the user named
            list(map(str, command)), capture_output=True, text=True, check=True
        )
        self._cells: list[tuple[list[str], list[str], str]] = []
        for line in done.stdout.splitlines():
            match = _LINE.fullmatch(line)
            if match is not None:
                ends = match["src"].split(", "), match["dst"].split(", ")
                self._cells.append((*ends, match["what"]))
        # Where nothing is admitted, the map is empty; it still counts the cluster.
        assert "unique endpoints" in done.stdout, done.stdout

    def admits(self, asked: Question) -> bool:
        """Whether the map has a connection that holds this one."""
        return any(
            _is_among(asked.source, sources)
            and _is_among(asked.destination, destinations)
            and _holds(what, asked)
            for sources, destinations, what in self._cells
        )


def _cleaned(found: Object) -> Object:
    """Return a policy without defaults that it leaves to the API server."""
    if found["kind"] != POLICY or found["spec"].get("policyTypes"):
        return found
    types = ["Ingress"] + ["Egress"] * ("egress" in found["spec"])
    return found | {"spec": found["spec"] | {"policyTypes": types}}


def _is_among(end: str, terms: Iterable[str]) -> bool:
    for term in terms:
        name = term.removesuffix("[Pod]")
        if name == end:
            return True
        first, dash, last = name.partition("-")
        if not _is_address(end):
            continue
        if dash and _is_address(first):
            if IPv4Address(first) <= IPv4Address(end) <= IPv4Address(last):
                return True
        elif _is_address(name.partition("/")[0]) and (
            ip_address(end) in ip_network(name)
        ):
            return True
    return False


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _holds(what: str, asked: Question) -> bool:
    if what == _ALL:
        return True
    is_rest = what.startswith("All but ")
    inside = what.removeprefix("All but ").strip("{}")
    holds = False
    for part in re.split(r",(?=protocols:)|},\{|;\s*", inside):
        match = _PART.fullmatch(part.strip("{} "))
        assert match is not None, f"a form that is not known: {what}"
        if asked.protocol in match["protocols"].split(","):
            ports = match["ports"]
            holds |= ports is None or any(
                int(first) <= asked.port <= int(last or first)
                for first, _, last in (r.partition("-") for r in ports.split(","))
            )
    return holds != is_rest


# ---------------------------------------------------------------- ours


class OurMap:
    """What is left when a comparison with no policies has said what is lost."""

    def __init__(self, objects: list[Object]) -> None:
        nothing = compile_objects([o for o in objects if o["kind"] != POLICY])
        made = compile_objects(objects)
        options = Options(allow_unenforced=True)
        found = compare_sets(nothing, made, options, is_complete=True)
        self._rows = list_results(found.rows)
        assert all(row["change"] == "lost" for row in self._rows)
        self._workloads = Workloads.of(
            Member(p.namespace, p.name, p.labels) for p in made.view.pods
        )
        self.pods = {p.key: p for p in made.view.pods}

    def admits(self, asked: Question) -> bool:
        """Whether neither end has lost this connection."""
        return not any(
            self._is_end(asked.source, row["source"])
            and self._is_end(asked.destination, row["destination"])
            and row["protocol"] in ("any", asked.protocol.lower())
            and (
                row["protocol"] == "any"
                or row["ports"][0] <= asked.port <= row["ports"][1]
            )
            for row in self._rows
        )

    def _is_end(self, end: str, term: str) -> bool:
        if end in self.pods:
            return term in (end, self._workloads.of_pod(end).key)
        if "/" not in term or not _is_address(term.partition("/")[0]):
            return False
        return ip_address(end) in ip_network(term)


# ---------------------------------------------------------------- both


def questions(objects: list[Object]) -> list[Question]:
    """Return all pairs of pods, and addresses at edges, at ports on and beside constants."""
    pods = [
        f"{o['metadata']['namespace']}/{o['metadata']['name']}"
        for o in objects
        if o["kind"] == "Pod"
    ]
    numbers = {1, 80, 81}
    addresses = {"8.8.8.8"}
    for found in objects:
        if found["kind"] == POLICY:
            _collect(found["spec"], numbers, addresses)
    near = sorted({n + d for n in numbers for d in (-1, 0, 1)} & set(range(1, 65536)))
    ends = [*pods, *sorted(addresses)]
    return [
        Question(source, destination, protocol, port)
        for source in ends
        for destination in ends
        if source != destination and (source in pods or destination in pods)
        for protocol in PROTOCOLS
        for port in near
    ]


def _collect(value: Any, numbers: set[int], addresses: set[str]) -> None:  # noqa: ANN401
    """Collect ports, and the edges of blocks."""
    if isinstance(value, dict):
        for key, some in value.items():
            if key in ("port", "endPort") and isinstance(some, int):
                numbers.add(some)
            elif key == "cidr" or key == "except":
                for text in [some] if isinstance(some, str) else some:
                    network = ip_network(text)
                    if network.version == 4:  # IP version
                        addresses |= {str(network[0]), str(network[-1])}
            else:
                _collect(some, numbers, addresses)
    elif isinstance(value, list):
        for some in value:
            _collect(some, numbers, addresses)


def named_blocks(objects: list[Object]) -> list[str]:
    """Return the prefixes that policies name."""
    found: list[str] = []
    for one in objects:
        if one["kind"] == POLICY:
            found += re.findall(r"'cidr': '([^']+)'", str(one))
    return found
