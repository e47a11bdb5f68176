"""The comparison says of a cell that it differs if, and only if, two evaluations differ.

Pairs of random policy sets, now and then on two snapshots, are compared completely; then
random flows are judged on both sides by the reference evaluator, which shares neither IR
nor passes.  ``LOCKGATE_EXAMPLES`` is how many pairs are drawn, ``LOCKGATE_SEED`` the first.
"""

from __future__ import annotations

import copy
import os
import random
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.proof.reference.evaluator import FamilyDisagreementError
from lockgate.review.difference_json import list_results
from lockgate.review.review import compare_sets
from lockgate.review.view import passes
from lockgate.review.workloads import Member, Workloads
from tests.conformance.compiling import make_options
from tests.properties.compare import evaluate_example
from tests.properties.generate import generate
from tests.review.compiled import compile_objects

if TYPE_CHECKING:
    from lockgate.options import Options
    from lockgate.proof.reference.evaluator import Evaluator
    from lockgate.review.policy_set import PolicySet
    from tests.properties.generate import Example

Object = dict[str, Any]

EXAMPLES = int(os.environ.get("LOCKGATE_EXAMPLES", "60"))
FIRST = int(os.environ.get("LOCKGATE_SEED", "0"))
PARTS = 4
FLOWS = 60
POLICIES = ("Policy", "CIDRGroup")
"""How the kinds end that are policy; all others are snapshot."""


@pytest.mark.parametrize("part", range(PARTS))
def test_differences_are_those_of_the_evaluator(part: int) -> None:
    """Every sampled cell of every pair: change and cause."""
    changed = asked = 0
    for seed in range(FIRST + part, FIRST + EXAMPLES, PARTS):
        pair = Pair(seed)
        for flow in pair.old.flows:
            for direction in ("ingress", "egress"):
                expected = pair.expected(flow, direction)
                if expected is None:
                    continue
                asked += 1
                found = pair.found(flow, direction)
                assert found == expected, f"seed {seed}: {direction} of {flow}"
                changed += expected != set()
    assert asked > EXAMPLES // PARTS * 20, "the flows are judged"
    assert changed > asked // 200, "some of what is asked differs"


class Pair:
    """Two examples made of one, and their comparison."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311  # a test, no secret
        drawn = generate(seed, flows=FLOWS)
        self.old = drawn
        objects = _change_policies(copy.deepcopy(drawn.objects), draw)
        if draw.random() < 0.5:
            objects = _change_snapshot(objects, draw)
        self.new = replace(drawn, objects=objects)
        self.between = replace(
            drawn,
            objects=[o for o in objects if not _is_policy(o)]
            + [o for o in drawn.objects if _is_policy(o)],
        )
        options = make_options(drawn.semantics, drawn.enforcement_mode, drawn.audit)
        self._evaluators = [
            evaluate_example(x) for x in (self.old, self.between, self.new)
        ]
        before, after = (_compile(x, options) for x in (self.old, self.new))
        comparison = compare_sets(before, after, options, is_complete=True)
        self.results = list_results(comparison.rows)
        self.views = before.view, after.view
        self.workloads = Workloads.of(
            *(
                [Member(p.namespace, p.name, p.labels) for p in view.pods]
                for view in self.views
            )
        )

    def expected(self, flow: Object, direction: str) -> set[tuple[str, str]] | None:
        """Return what should be found; None where this flow cannot tell."""
        if self._is_service(flow["dst"]):
            return None
        outcomes = [_judge(e, flow, direction) for e in self._evaluators]
        if None in outcomes or "none" in outcomes:
            return None
        before, between, after = map(str, outcomes)
        if before == after:
            # Redirects with other requests differ, too; the outcome does not say so.
            return None if before == "redirect" else set()
        if not passes(before) and not passes(after):
            return set()
        if "redirect" in (between, after) and between == after:
            return None
        cause = "snapshot" if between == after else "policy"
        if not passes(before):
            return {("gained", cause)}
        return {("changed" if passes(after) else "lost", cause)}

    def found(self, flow: Object, direction: str) -> set[tuple[str, str]]:
        """Return what the comparison says of the cell."""
        ends = (flow["src"], flow["dst"])
        peer, subject = ends if direction == "ingress" else reversed(ends)
        family = {"ICMP": 4, "ICMPv6": 6}.get(flow["protocol"])
        names = self._names(subject, None, family)
        if subject.startswith("@"):
            names = {f"node {self._node(subject, peer)}"}
        peers = self._names(peer, subject, family)
        protocol, port = flow["protocol"].lower(), flow["port"]
        return {
            (row["change"], row["cause"])
            for row in self.results
            if row["direction"] == direction
            and row["destination" if direction == "ingress" else "source"] in names
            and _holds(
                row["source" if direction == "ingress" else "destination"], peers
            )
            and row["protocol"] in (protocol, "any")
            and (row["protocol"] == "any" or row["ports"][0] <= port <= row["ports"][1])
        }

    def _names(self, end: str, subject: str | None, family: int | None) -> set[str]:
        """Return what a row may call one end, seen from the other."""
        pods = {pod.key: pod for view in self.views for pod in view.pods}
        if end in pods:
            families: set[int] = {a.version for a in pods[end].addresses}
            if family in families:
                families = {family}
            return {
                end,
                self.workloads.of_pod(end).key,
                *(f"{end} (IPv{version})" for version in families),
            }
        node = self._node(end, subject)
        if node is None:
            return {end}
        is_pod = subject in pods
        if is_pod and self._node_of_pod(str(subject)) == node:
            return {"host"}
        return {f"node {node}"}

    def _node(self, end: str, subject: str | None) -> str | None:
        own = None if subject is None else self._node_of_pod(subject)
        if end == "@host":
            return own
        if end == "@remote-node":
            nodes = sorted(node.name for node in self.views[0].nodes)
            return next(name for name in nodes if name != own)
        for found in self.old.objects:
            name = f"{found['metadata'].get('namespace')}/{found['metadata']['name']}"
            if found["kind"] == "Pod" and name == end:
                return str(found["spec"]["nodeName"])
        return None

    def _node_of_pod(self, end: str) -> str | None:
        pods = {pod.key: pod.node for view in self.views for pod in view.pods}
        return pods[end] if end in pods else self._node(end, None)

    def _is_service(self, end: str) -> bool:
        return end.startswith("10.96.")


def _holds(peer: str, names: set[str]) -> bool:
    """Whether a peer of a row is one of some names, or a prefix that holds an address."""
    if peer in names:
        return True
    (name, *more) = names
    if more or "/" not in peer or not _is_address(name) or " " in peer:
        return False
    return _is_prefix(peer) and ip_address(name) in ip_network(peer)


@lru_cache
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache
def _is_prefix(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _judge(evaluator: Evaluator, flow: Object, direction: str) -> str | None:
    try:
        return str(getattr(evaluator.judge(flow), direction))
    except (FamilyDisagreementError, KeyError):
        return None


def _compile(example: Example, options: Options) -> PolicySet:
    return compile_objects(example.objects, options)


def _is_policy(found: Object) -> bool:
    return str(found["kind"]).endswith(POLICIES)


def _change_policies(objects: list[Object], draw: random.Random) -> list[Object]:
    """Take a policy away, or move one to another port number."""
    policies = [o for o in objects if _is_policy(o) and "CIDRGroup" not in o["kind"]]
    if not policies:
        return objects
    victim = draw.choice(policies)
    if draw.random() < 0.5:
        return [o for o in objects if o is not victim]
    numbers = list(_ports(victim.get("spec", victim)))
    for ports, key in numbers[:1]:
        ports[key] = type(ports[key])(draw.choice([80, 81, 8080]))
        ports.pop("endPort", None)
    return objects


def _ports(value: Any) -> list[tuple[Any, str]]:  # noqa: ANN401  # any JSON
    found = []
    if isinstance(value, dict):
        if isinstance(value.get("port"), int):
            found.append((value, "port"))
        found += [item for some in value.values() for item in _ports(some)]
    elif isinstance(value, list):
        found += [item for some in value for item in _ports(some)]
    return found


def _change_snapshot(objects: list[Object], draw: random.Random) -> list[Object]:
    """Give a pod another label."""
    pods = [o for o in objects if o["kind"] == "Pod"]
    labels = draw.choice(pods)["metadata"]["labels"]
    labels["app"] = draw.choice(["web", "api", "db"])
    return objects
