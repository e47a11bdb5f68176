"""All verdicts at once are what single questions come to: sets change nothing."""

from __future__ import annotations

import random

import pytest

from lockgate.proof.compare import Comparison
from lockgate.proof.reference.flow import Kind
from lockgate.proof.reference.opinion import DIRECTIONS
from tests.conformance.compiling import make_options
from tests.proof.cluster import pack, read
from tests.properties.generate import generate

QUESTIONS = 400


@pytest.mark.parametrize("seed", range(8))
def test_groups_say_what_single_atoms_say(seed: int) -> None:
    """Random atoms, each rule asked anew about each of them."""
    example = generate(60_000 + seed)
    options = make_options(
        example.semantics, example.enforcement_mode, list(example.audit)
    )
    evaluator = read(example.objects, options)
    comparison = Comparison(pack(example.objects, options), evaluator)
    comparison.run()
    draw = random.Random(seed)  # noqa: S311  # a test
    outcomes = set()
    for _ in range(QUESTIONS):
        subject = draw.choice(comparison.subjects)
        direction = draw.choice(DIRECTIONS)
        peer = draw.randrange(len(comparison.peers))
        traffic = draw.randrange(len(comparison.traffic))
        atom = comparison.peers[peer]
        if atom.is_service and direction == "egress":
            continue
        tribunal = evaluator.tribunal(direction, subject.end)
        listener = subject.end if direction == "ingress" else atom.end
        matching = [
            index
            for index, rule in enumerate(tribunal.rules)
            if rule.matches(atom.end, listener, comparison.traffic[traffic].packet)
        ]
        verdict = tribunal.decide(matching, is_own_host=atom.end.kind is Kind.HOST)
        expectation = comparison.expectation(subject, direction)
        assert expectation.of(peer, traffic) == {verdict}
        outcomes.add(verdict.outcome)
    assert outcomes


def test_atoms_are_the_constants_and_their_neighbours() -> None:
    """Of a policy's prefix and range both edges are there, and one on each side of them."""
    objects = [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "p", "namespace": "a"},
            "spec": {
                "podSelector": {},
                "ingress": [
                    {
                        "from": [{"ipBlock": {"cidr": "10.2.0.0/16"}}],
                        "ports": [{"port": 8000, "endPort": 8010}],
                    }
                ],
            },
        }
    ]
    comparison = Comparison(pack(objects), read(objects))
    addresses = {str(atom.address) for atom in comparison.peers}
    assert addresses >= {
        *("10.1.255.255", "10.2.0.0", "10.2.0.1"),
        *("10.2.255.254", "10.2.255.255", "10.3.0.0"),
        *("0.0.0.0", "255.255.255.255", "::"),  # noqa: S104  # both ends of all there are
    }
    ports = {atom.port for atom in comparison.traffic if atom.protocol == "TCP"}
    assert ports >= {0, 7999, 8000, 8001, 8009, 8010, 8011, 65535}
    assert ports == {a.port for a in comparison.traffic if a.protocol == "SCTP"}
