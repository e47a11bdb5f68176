"""Shadowed rules: found exactly, by the verdicts of random clusters without them."""

from __future__ import annotations

import pytest

from lockgate.lint.coverage import as_written, find_covered
from lockgate.lint.points import real_points
from lockgate.lint.redundancy import find_redundant
from tests.lint.judging import documents, find, lint, pod
from tests.lint.removal import World

SEEDS = (*range(20), 79, 94, 141)
"""The last ones tell L7 rules, and what stands behind a Pass, from their neighbours."""

ELSEWHERE = 3
"""Other clusters in which what is said of every label set is tried."""

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
"""


def _covered(world: World) -> list[str]:
    rules = sorted(world.rules.values(), key=lambda rule: rule.place)
    coverage = find_covered(as_written(rules, world.policies))
    assert not coverage.skipped
    return [covered.rule.name for covered in coverage.found]


def _matching(world: World) -> set[str]:
    """Return the rules that match some packet of some endpoint."""
    sets = world.middle.resolution.peer_sets
    real = real_points(world.middle.resolution.space)
    return {
        owner.name
        for subject in world.middle.rules
        for term, owner in zip(subject.terms, subject.owners, strict=True)
        if owner is not None and sets[term.peers] & real
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_what_decides_nothing_is_found(seed: int) -> None:
    """Without all that is reported no verdict changes; without any other rule some does."""
    world = World(seed)
    assert world.is_valid or seed, "the first example is valid"
    if not world.is_valid:
        return  # two parsers for the same traffic: nothing to judge
    covered = _covered(world)
    redundant = find_redundant(world.middle, world.options, covered)
    before = world.verdicts(())
    gone = {*covered, *(found.rule.name for found in redundant)}
    after = world.verdicts(gone)
    assert after == before, gone
    for name in sorted(_matching(world) - gone):
        assert world.verdicts({*gone, name}) != after, name


@pytest.mark.parametrize("seed", SEEDS)
def test_what_holds_for_every_label_set_holds_in_any_cluster(seed: int) -> None:
    """A rule that is covered decides nothing among other pods, nodes and namespaces either."""
    covered = _covered(World(seed))
    for number in range(ELSEWHERE if covered else 0):
        world = World(seed, seed * 7 + number + 1)
        if world.is_valid:
            before = world.verdicts(())
            for name in covered:
                assert world.verdicts({name}) == before, name
            assert world.verdicts(covered) == before


def test_the_seeds_have_something_to_find() -> None:
    """The two tests above are about rules of all kinds."""
    worlds = [World(seed) for seed in SEEDS]
    covered = [name for world in worlds for name in _covered(world)]
    assert len(covered) >= 8
    assert len({name.partition("/")[0] for name in covered}) >= 3


# ---------------------------------------------------------------- by hand

UNIONS = {
    "values": (
        "- {from: [{podSelector: {matchExpressions: "
        "[{key: t, operator: In, values: [a, b]}]}}], ports: [{port: 80}]}",
        "- from: [{podSelector: {matchLabels: {t: a}}}]",
        "- from: [{podSelector: {matchLabels: {t: b}}}]",
    ),
    "a value and the rest": (
        "- {from: [{podSelector: {}}], ports: [{port: 80}]}",
        "- from: [{podSelector: {matchLabels: {t: a}}}]",
        "- from: [{podSelector: {matchExpressions: "
        "[{key: t, operator: NotIn, values: [a]}]}}]",
    ),
    "present and absent": (
        "- from: [{podSelector: {matchLabels: {u: x}}}]",
        "- from: [{podSelector: {matchExpressions: [{key: t, operator: Exists}]}}]",
        "- from: [{podSelector: {matchExpressions: [{key: t, operator: DoesNotExist}]}}]",
    ),
    "ports": (
        "- ports: [{port: 1000, endPort: 3000}]",
        "- ports: [{port: 1, endPort: 2000}]",
        "- ports: [{port: 2001, endPort: 65535}]",
    ),
    "prefixes": (
        "- {from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}",
        "- from: [{ipBlock: {cidr: 10.0.0.0/9}}]",
        "- from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/9]}}]",
    ),
    "labels or ports": (
        "- {from: [{podSelector: {}}], ports: [{port: 80}]}",
        "- {from: [{podSelector: {matchLabels: {t: a}}}]}",
        "- {from: [{podSelector: {matchExpressions: "
        "[{key: t, operator: NotIn, values: [a]}]}}], ports: [{port: 1, endPort: 100}]}",
    ),
}
NEAR_MISSES = {
    "values": UNIONS["values"][2].replace("t: b", "t: c"),
    "a value and the rest": UNIONS["a value and the rest"][2].replace("[a]", "[a, b]"),
    "present and absent": UNIONS["present and absent"][2].replace("key: t", "key: v"),
    "ports": UNIONS["ports"][2].replace("2001", "2002"),
    "prefixes": UNIONS["prefixes"][2].replace("[10.0.0.0/9]", "[10.0.0.0/8]"),
    "labels or ports": UNIONS["labels or ports"][2].replace("100", "79"),
}


def _policy(*rules: str) -> str:
    return POLICY + "".join(f"  {rule}\n" for rule in rules)


@pytest.mark.parametrize("name", UNIONS)
def test_a_union_shadows(name: str) -> None:
    """A rule that only two others together cover is found, with both as the reason."""
    (found,) = find(_policy(*UNIONS[name]), "W6002")
    assert found.span is not None
    assert found.span.line == 8
    assert [span.line for span, _ in found.related] == [9, 10]
    assert "2 other rules" in found.message


@pytest.mark.parametrize("name", UNIONS)
def test_a_union_that_leaves_something(name: str) -> None:
    """One value, port or address that is left open, and nothing is said."""
    rules = (*UNIONS[name][:2], NEAR_MISSES[name])
    assert find(_policy(*rules), "W6002", "N6002") == []


def test_twins_are_told_once() -> None:
    """Of two equal rules the later one is idle: both together are not."""
    rule = "- from: [{podSelector: {matchLabels: {t: a}}}]"
    (found,) = find(_policy(rule, rule), "W6002")
    assert found.span is not None
    assert found.span.line == 9


def test_in_the_snapshot_only() -> None:
    """What the pods of now make idle is a note, and one pod more makes it none."""
    policy = _policy(
        "- from: [{podSelector: {matchLabels: {app: web}}}]",
        "- from: [{podSelector: {matchLabels: {tier: front}}}]",
    )
    pods = pod("web", "10.0.0.1", "app: web, tier: front")
    codes = [f.code for f in lint(documents(policy, pods)).findings]
    assert codes.count("N6002") == 1
    assert "W6002" not in codes
    more = documents(
        policy,
        pods,
        pod("one", "10.0.0.2", "app: web"),
        pod("two", "10.0.0.3", "tier: front"),
    )
    assert "N6002" not in [f.code for f in lint(more).findings]


def test_another_namespace_shadows_nothing() -> None:
    """The same rule in another namespace is about other pods."""
    rule = "- from: [{ipBlock: {cidr: 10.0.0.0/8}}]"
    other = _policy(rule).replace("namespace: default", "namespace: other")
    assert find(documents(_policy(rule), other), "W6002") == []


def test_a_host_policy_shadows_no_pods() -> None:
    """Nodes and pods are different subjects, whatever their labels."""
    policy = """
    apiVersion: cilium.io/v2
    kind: CiliumClusterwideNetworkPolicy
    metadata: {{name: {name}}}
    spec: {{{selector}: {{}}, ingress: [{{fromEntities: [cluster]}}]}}
    """
    one = policy.format(name="hosts", selector="nodeSelector")
    two = policy.format(name="pods", selector="endpointSelector")
    assert find(documents(one, two), "W6002") == []
    assert len(find(documents(two, two.replace("pods", "again")), "W6002")) == 1


def test_giving_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many rules overlap, a note says that not all were compared."""
    monkeypatch.setattr("lockgate.lint.coverage.MOST_LOOKS", 1)
    (note,) = find(_policy(*UNIONS["ports"]), "N6016", "W6002")
    assert note.code == "N6016"
    assert note.message.endswith("since too many overlap: 2")
