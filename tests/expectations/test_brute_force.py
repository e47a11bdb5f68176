"""Statements over sets agree with the reference evaluator, flow by flow.

Random clusters, random statements: where a statement holds, none of many concrete flows
that it is about comes out otherwise; where it does not, the flow that is shown does.  The
evaluator shares no code with the compiler, and the sets are understood here anew.
``LOCKGATE_EXAMPLES`` is how many clusters are drawn (45), ``LOCKGATE_SEED`` the first (0).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.expectations.engine import Result, Sight, Status
from lockgate.expectations.places import PlaceKind
from lockgate.flows import parse_flow
from lockgate.ir.tables import AXES
from lockgate.simulation import Simulation, TableJudge
from tests.conformance.compiling import make_options
from tests.expectations.judging import Judged
from tests.properties.clusters import SERVICES
from tests.properties.compare import evaluate_example
from tests.properties.draw import APPS, NAMESPACES
from tests.properties.generate import WORLD, generate

if TYPE_CHECKING:
    from lockgate.proof.reference.evaluator import Evaluator
    from tests.properties.draw import Object
    from tests.properties.generate import Example

EXAMPLES = int(os.environ.get("LOCKGATE_EXAMPLES", "45"))
FIRST = int(os.environ.get("LOCKGATE_SEED", "0"))
FLOWS, SLOW_FLOWS = 800, 40
"""So many concrete flows are judged for a statement that holds: from the tables, flow by
flow, and by the evaluator."""

WORDS = {6: "TCP", 17: "UDP", 132: "SCTP", 1: "ICMP", 58: "ICMPv6"}
IS_ICMP_OF = {"ICMP": 4, "ICMPv6": 6}


@dataclass(frozen=True)
class Someone:
    """An address that somebody has; ``pod`` is None for nodes and the outside."""

    address: str
    node: str | None = None
    pod: str | None = None
    labels: Object = field(default_factory=dict, compare=False)

    @property
    def family(self) -> int:
        """The version of IP."""
        return ip_address(self.address).version


class World:
    """Everybody in a random cluster."""

    def __init__(self, example: Example) -> None:
        self.seed = example.seed
        self.random = random.Random(example.seed)  # noqa: S311  # a test, no secret
        self.pods: list[Someone] = []
        self.nodes: list[Someone] = []
        prefixes: set[str] = set()
        for item in example.objects:
            meta = item["metadata"]
            if item["kind"] == "Node":
                self.nodes += [
                    Someone(_plain(a["address"]), meta["name"])
                    for a in item["status"]["addresses"]
                ]
            elif item["kind"] == "Pod" and "hostNetwork" not in item["spec"]:
                key = f"{meta['namespace']}/{meta['name']}"
                self.pods += [
                    Someone(
                        _plain(ip["ip"]), item["spec"]["nodeName"], key, meta["labels"]
                    )
                    for ip in item["status"]["podIPs"]
                ]
            prefixes |= set(_prefixes(item))
        own = {p.address for p in (*self.pods, *self.nodes)} | set(SERVICES)
        known = {_plain(a) for a in WORLD} | _edges(prefixes)
        self.outside = [Someone(a) for a in sorted(known - own)]
        self.prefixes = sorted(prefixes) or ["192.0.2.0/24"]

    def draw_set(self) -> tuple[str, list[Someone], str]:
        """Return a set as written, its members, and which nodes it means."""
        choose = self.random.choice
        kind = choose(
            ["app", "ns", "ns app", "pods", "pod", "not app"] * 2
            + ["world", "v4", "host", "remote", "nodes", "node", "all", "cluster"]
            + ["cidr", "address", "cidr"]
        )
        app, namespace = choose(APPS), choose(NAMESPACES)
        match kind:
            case "app":
                return f"app={app}", self._where(app=app), ""
            case "not app":
                found = [p for p in self.pods if p.labels["app"] != app]
                return f"app not in {{{app}}}", found, ""
            case "ns":
                return f"ns {namespace}", self._where(namespace), ""
            case "ns app":
                return f"{namespace}:app={app}", self._where(namespace, app), ""
            case "pods":
                return "pods", self.pods, ""
            case "pod":
                pod = choose(self.pods).pod
                return f"pod {pod}", [p for p in self.pods if p.pod == pod], ""
        return self._draw_other(kind)

    def _draw_other(self, kind: str) -> tuple[str, list[Someone], str]:
        everyone = [*self.pods, *self.nodes, *self.outside]
        match kind:
            case "world":
                return "@world", self.outside, ""
            case "v4":
                v4 = [p for p in self.outside if p.family == 4]
                return "@world-ipv4", v4, ""
            case "host":
                return "@host", self.nodes, "own"
            case "remote":
                return "@remote-node", self.nodes, "remote"
            case "nodes":
                return "nodes", self.nodes, ""
            case "node":
                name = self.random.choice(self.nodes).node
                return f"node {name}", [n for n in self.nodes if n.node == name], ""
            case "all":
                return "everything", everyone, ""
            case "cluster":
                return "not-world", [*self.pods, *self.nodes], ""
        text = self.random.choice(self.prefixes)
        network = ip_network(text)
        others = [
            ip_network(p)
            for p in self.prefixes
            if ip_network(p).version == network.version and p != text
        ]
        inside = [o for o in others if o.subnet_of(network)]  # type: ignore[arg-type]  # one version
        excepts = self.random.sample(
            inside, min(len(inside), self.random.randint(0, 2))
        )
        of = self.outside if kind == "cidr" else everyone
        found = [
            p
            for p in of
            if ip_address(p.address) in network
            and not any(ip_address(p.address) in e for e in excepts)
        ]
        some = f"{{{', '.join(map(str, excepts))}}}"
        more = f" except {some}" if excepts else ""
        return f"{kind} {text}{more}", found, ""

    def _where(
        self, namespace: str | None = None, app: str | None = None
    ) -> list[Someone]:
        return [
            p
            for p in self.pods
            if namespace in (None, (p.pod or "").split("/")[0])
            if app in (None, p.labels["app"])
        ]

    def draw_traffic(self, ports: list[int]) -> tuple[str, list[tuple[str, int]]]:
        """Return traffic as written, and concrete packets of it."""
        port = self.random.choice(ports)
        other = self.random.choice(ports)
        low, high = sorted((port, other))
        some = [p for p in ports if low <= p <= high]
        every = [(w, p) for w in ("TCP", "UDP", "SCTP") for p in ports]
        icmp = [(w, t) for w in IS_ICMP_OF for t in (0, 1, 3, 8, 128, 129, 255)]
        return self.random.choice(
            [
                ("", [*every, *icmp]),
                ("any", [*every, *icmp]),
                (f"tcp/{port}", [("TCP", port)]),
                (f"udp/{low}-{high}", [("UDP", p) for p in some]),
                ("tcp", [("TCP", p) for p in ports]),
                (f"any/{port}", [(w, port) for w in ("TCP", "UDP", "SCTP")]),
                ("icmp/8, icmpv6/128", [("ICMP", 8), ("ICMPv6", 128)]),
                (f"tcp/{port}, icmp", [("TCP", port), *icmp[:7]]),
            ]
        )


def _edges(prefixes: set[str]) -> set[str]:
    """Return the addresses at the edges of prefixes, and those beside."""
    found = set()
    for network in map(ip_network, prefixes):
        last = 2**network.max_prefixlen - 1
        for number in (int(network[0]), int(network[-1])):
            beside = (number + step for step in (-1, 0, 1))
            found |= {str(type(network[0])(n)) for n in beside if 0 < n < last}
    return found


def _plain(address: str) -> str:
    return str(ip_address(address))


def _prefixes(value: object) -> set[str]:
    """Return every prefix that stands somewhere in an object."""
    if isinstance(value, dict):
        return set().union(*map(_prefixes, value.values()))
    if isinstance(value, list):
        return set().union(*map(_prefixes, value))
    if isinstance(value, str) and "/" in value:
        try:
            return {str(ip_network(value))}
        except ValueError:
            return set()
    return set()


def _verdict(judge: Any, one: str, other: str, kind: tuple[str, int]) -> str:  # noqa: ANN401
    """Ask the evaluator, or a simulation, about one flow."""
    flow = {"src": one, "dst": other, "protocol": kind[0], "port": kind[1]}
    if isinstance(judge, Simulation):
        answer = judge.answer(parse_flow(flow))
        sides = answer.egress.outcome, answer.ingress.outcome
    else:
        answer = judge.judge(flow)
        sides = answer.egress, answer.ingress
    words = ("deny", "redirect", "audit")
    return next((w for w in words if w in sides), "allow")


def _holds(word: str, verdict: str) -> bool:
    if word == "never":
        return verdict == "deny"
    if word == "always":
        return verdict in ("allow", "audit")
    return verdict == word.split()[1]


def _may_meet(one: Someone, other: Someone, of_one: str, of_other: str) -> bool:
    if one.family != other.family or one.address == other.address:
        return False
    if one.node is None and other.node is None:
        return False
    if one.pod == other.pod and one.node == other.node:
        return False
    for relation, node, beside in ((of_one, one, other), (of_other, other, one)):
        is_meant = relation and node.pod is None and node.node and beside.node
        if is_meant and (node.node == beside.node) != (relation == "own"):
            return False
    return True


def _contradiction(
    world: World,
    judges: tuple[Simulation, Evaluator],
    word: str,
    pairs: list[tuple[Someone, Someone]],
    packets: list[tuple[str, int]],
) -> str | None:
    """Return a flow that comes out otherwise; None where many do not."""
    flows = [
        (a, b, kind)
        for a, b in world.random.choices(pairs, k=FLOWS)
        if IS_ICMP_OF.get((kind := world.random.choice(packets))[0], a.family)
        == a.family
    ]
    for judge, some in zip(judges, (flows, flows[:SLOW_FLOWS]), strict=True):
        for source, destination, kind in some:
            verdict = _verdict(judge, source.address, destination.address, kind)
            if not _holds(word, verdict):
                return f"{judge}: {source} → {destination} {kind}: {verdict}"
    return None


def _is_in(sight: Sight, pairs: list[tuple[Someone, Someone]]) -> bool:
    """Whether the ends that are shown are members, as far as addresses were drawn."""
    known = {(a.address, b.address) for a, b in pairs}
    ends = sight.source, sight.destination
    if any(end.kind is PlaceKind.OUTSIDE for end in ends):
        return True  # any address will do; the evaluator judges it
    return (str(ends[0].address), str(ends[1].address)) in known


def _check_sight(evaluator: Evaluator, word: str, sight: Sight) -> None:
    if sight.example.protocol not in AXES:
        return  # the evaluator knows protocols with ports, and ICMP
    kind = WORDS[sight.example.protocol], sight.example.port
    ends = str(sight.source.address), str(sight.destination.address)
    verdict = _verdict(evaluator, *ends, kind)
    assert verdict == sight.opinion.verdict, sight
    assert not _holds(word, verdict), sight


@pytest.mark.parametrize("part", range(3))
def test_statements_agree_with_the_evaluator(part: int) -> None:
    """What holds is never contradicted; what does not is contradicted by what is shown."""
    seen: Counter[Status] = Counter()
    for seed in range(FIRST + part, FIRST + EXAMPLES, 3):
        example = generate(seed, flows=0)
        options = make_options(
            example.semantics, example.enforcement_mode, example.audit
        )
        judged = Judged(example.objects, options)
        evaluator = evaluate_example(example)
        world = World(example)
        ports = sorted({p + d for p in (53, 80, 443, 8080, 9100) for d in (-1, 0, 1)})
        for _ in range(8):
            status = _try_one(world, judged, evaluator, [1, *ports, 65535])
            seen[status] += 1
    assert min(seen[Status.PASSED], seen[Status.FAILED]) > EXAMPLES // 3, seen


def _try_one(
    world: World, judged: Judged, evaluator: Evaluator, ports: list[int]
) -> Status:
    (one, sources, of_one), (other, destinations, of_other) = (
        world.draw_set(),
        world.draw_set(),
    )
    word = world.random.choice(
        ["never"] * 3 + ["always"] * 2 + ["expect deny", "expect allow", "expect audit"]
    )
    traffic, packets = world.draw_traffic(ports)
    if not traffic and word.startswith("expect"):
        traffic = "any"
    on = " on" if word in ("never", "always") and traffic else ""
    text = f"{word} {one} -> {other}{on} {traffic}".replace("not-world", "@cluster")
    result: Result = judged.one(text)
    pairs = [
        (a, b)
        for a in sources
        for b in destinations
        if _may_meet(a, b, of_one, of_other)
    ]
    told = f"seed {world.seed}: {text}"
    if "@cluster" in text:
        return Status.EMPTY  # an API server outside is of it, too
    if result.status is Status.EMPTY:
        families = {a.family for a, _ in pairs}
        mine = {IS_ICMP_OF.get(w, f) for w, _ in packets for f in families}
        assert not families & mine, told
        return result.status
    if result.status is Status.PASSED:
        assert pairs, told
        packed = judged.engine.population.packed
        judges = Simulation(packed, TableJudge(packed)), evaluator
        assert _contradiction(world, judges, word, pairs, packets) is None, told
        return result.status
    for sight in result.sights[:10]:
        assert _is_in(sight, pairs), (told, sight)
        _check_sight(evaluator, word, sight)
    return result.status
