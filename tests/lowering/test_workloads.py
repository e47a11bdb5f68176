"""Workloads collapse to classes, and what is not known of one is neither yes nor no."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.lowering.sites import lower_policies
from lockgate.options import Options
from lockgate.tracing_deeds import describe_deeds
from tests.lowering.test_places import EVERY_HOOK, FUNCTIONS, small_types
from tests.lowering.types import write_target
from tests.tracing.cases.snapshot import MAIN, SIDE, SNAPSHOT, WEB

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.ir.site import Generation
    from lockgate.targets.target import Target

HOOK = "kprobes: [{call: security_file_open, syscall: false%s}]"
DENY = ", selectors: [{matchActions: [{action: Override, argError: -1}]}]"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Give a little kernel that has every hook."""
    folder: Path = tmp_path_factory.mktemp("target")
    return write_target(folder, small_types(), FUNCTIONS, hooks=EVERY_HOOK)


def policy(spec: str, name: str = "p", more: str = "", metadata: str = "") -> str:
    """Return a policy with this in its spec."""
    kind = "TracingPolicyNamespaced" if "namespace:" in metadata else "TracingPolicy"
    return (
        f"apiVersion: cilium.io/v1alpha1\nkind: {kind}\n"
        f"metadata: {{name: {name}{metadata}}}\nspec: {{{spec}, {HOOK % more}}}\n"
    )


def lower(
    target: Target, *policies: str, snapshot: str = SNAPSHOT
) -> tuple[Generation, Diagnostics]:
    """Lower policies over a snapshot."""
    diagnostics = Diagnostics()
    texts = {f"{n}.yaml": text for n, text in enumerate(policies)}
    if snapshot:
        texts["snapshot.yaml"] = snapshot
    parsed = parse_documents(documents_from_text(texts), Options(), diagnostics)
    generation = lower_policies(
        parsed.tracing_policies, target, diagnostics, parsed.cluster
    )
    return generation, diagnostics


def codes(diagnostics: Diagnostics) -> list[str]:
    """Return what was said of tracing."""
    return [d.code for d in diagnostics.found if d.code not in ("W1031", "N1032")]


def answers(target: Target, spec: str, **more: str) -> dict[str, bool | None]:
    """Return what one policy says of hosts and pods; None where it is not known."""
    generation, _ = lower(target, policy(spec, **more))
    classes = generation.workloads
    assert classes is not None
    (test,) = {
        test.workload
        for site in generation.sites
        for dimension in site.dimensions
        for test in dimension.tests
    }

    def answer(number: int) -> bool | None:
        found = classes.known[number]
        assert test is not None
        return None if test in found.undecided else test in found.holding

    said = {"nothing": answer(0)}
    said |= {f"host {node}".strip(): answer(n) for node, n in classes.hosts.items()}
    said |= {f"pod on {n}".strip(): answer(c) for n, c in classes.unknown_pods.items()}
    for one in classes.pods:
        said[one.pod.name] = answer(one.other)
        for id_, number in one.containers.items():
            (name,) = (c.name for c in one.pod.containers if c.id == id_)
            said[f"{one.pod.name} {name}"] = answer(number)
    return said


def test_what_is_known_in_part(target: Target) -> None:
    """A pod's own cgroup may hold either container; a pod that nobody knows may be any."""
    selector = (
        "podSelector: {matchLabels: {app: web}}, "
        "containerSelector: {matchLabels: {name: main}}"
    )
    said = answers(target, selector)
    assert said == {
        "nothing": None,
        "host": False,
        "host node-1": False,
        "host node-2": False,
        "pod on": None,
        "pod on node-1": None,
        "pod on node-2": None,
        "web-1": None,
        "web-1 main": True,
        "web-1 side": False,
        "web-2": True,  # of its containers all are such
        "web-2 main": True,
        "db-1": False,
        "db-1 main": False,
        "api": False,
        "api main": False,
    }


@pytest.mark.parametrize(
    ("spec", "host", "stranger"),
    [
        ("podSelector: {}", False, True),
        ("hostSelector: {}", True, False),
        ("podSelector: {matchLabels: {app: web}}, hostSelector: {}", True, None),
        ("containerSelector: {matchLabels: {name: main}}", False, None),
        ("podSelector: {}, hostSelector: {}, nodeSelector: {}", True, True),
    ],
)
def test_hosts_and_strangers(
    target: Target, spec: str, host: bool | None, stranger: bool | None
) -> None:
    """The host is no pod, and a stranger no host."""
    said = answers(target, spec)
    assert (said["host"], said["pod on"]) == (host, stranger)


def test_nodes(target: Target) -> None:
    """What is for some nodes is for their hosts and pods; a node that nobody knows may be one."""
    spec = "nodeSelector: {matchLabels: {role: worker}}"
    said = answers(target, spec)
    assert said["host node-1"] is said["pod on node-1"] is said["web-1"] is True
    assert said["host node-2"] is said["pod on node-2"] is False
    assert said["host"] is said["pod on"] is None


def test_namespaced(target: Target) -> None:
    """A policy of a namespace is for its pods, and never for the host."""
    said = answers(target, "options: []", metadata=", namespace: shop")
    assert [said[name] for name in ("web-1", "web-2", "host")] == [True, False, False]
    assert said["pod on"] is None


def test_alike_are_one_class(target: Target) -> None:
    """As many classes as answers, and not as pods."""
    generation, _ = lower(target, policy("podSelector: {matchLabels: {app: web}}"))
    classes = generation.workloads
    assert classes is not None
    assert [one.name for one in classes.known] == [
        "unknown",
        "host",
        "unknown pod",
        "pod ops/web-2, container main",
    ]
    (web,) = (one for one in classes.pods if one.pod.uid == WEB)
    assert set(web.containers) == {MAIN, SIDE}
    assert {web.other, *web.containers.values()} == {3}


def test_the_fallback_is_stated(target: Target) -> None:
    """An enforcing policy says once what it does with strangers, and can leave them out."""
    selector = "podSelector: {matchLabels: {app: web}}"
    _, said = lower(target, policy(selector, more=DENY))
    assert codes(said) == ["N3135"]
    assert "unknown-workloads: left-out" in (said.found[-1].help or "")
    out = ", annotations: {lockgate.dev/unknown-workloads: left-out}"
    _, said = lower(target, policy(selector, more=DENY, metadata=out))
    assert codes(said) == []
    _, said = lower(target, policy(selector))
    assert codes(said) == [], "it only watches"
    _, said = lower(target, policy("podSelector: {}", more=DENY))
    assert codes(said) == [], "all pods are meant, whoever they are"


def test_nobody_is_meant(target: Target) -> None:
    """A selector that nothing of the snapshot meets is told of, with its place."""
    _, said = lower(target, policy("podSelector: {matchLabels: {app: wbe}}"))
    assert codes(said) == ["W3136"]
    _, said = lower(target, policy("podSelector: {}"), snapshot="")
    assert codes(said) == []
    nameless = SNAPSHOT.replace(f"uid: {WEB}, ", "")
    _, said = lower(target, policy("podSelector: {}"), snapshot=nameless)
    assert codes(said) == ["W3137"]


@pytest.mark.parametrize(
    "annotation",
    [
        "lockgate.dev/unknown-workloads: ignored",
        "lockgate.dev/unknown-workload: selected",
        'lockgate.dev/audit: "true"',
    ],
)
def test_mistaken_annotations(target: Target, annotation: str) -> None:
    """Annotations of ours are never passed over."""
    metadata = f", annotations: {{{annotation}}}"
    _, said = lower(target, policy("podSelector: {}", metadata=metadata))
    assert codes(said) == ["E1061"]


def test_labels_as_a_plain_reading_has_them(target: Target) -> None:
    """Every operator on every pod, beside what a person would say."""
    pods = {"web-1": "web", "web-2": "web", "db-1": "db", "api": "api"}
    plain = {
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
        "Exists": lambda value, values: value is not None,
        "DoesNotExist": lambda value, values: value is None,
    }
    for operator, key in product(plain, ("app", "tier")):
        values = "values: [web, db]" if operator.endswith("In") else "values: []"
        row = f"{{key: {key}, operator: {operator}, {values}}}"
        spec = f"podSelector: {{matchExpressions: [{row}]}}"
        said = answers(target, spec)
        for name, app in pods.items():
            value = app if key == "app" else None
            assert said[name] == plain[operator](value, ("web", "db")), (row, name)


def test_no_policy_asks(target: Target) -> None:
    """Without such policies there are no classes."""
    generation, _ = lower(target, policy("options: []"))
    assert generation.workloads is None


def test_the_guard_knows_nodes() -> None:
    """A policy for some nodes spares the others, as far as the snapshot knows them."""
    texts = {
        "p.yaml": policy("nodeSelector: {matchLabels: {role: worker}}", more=DENY),
        "snapshot.yaml": SNAPSHOT,
    }
    parsed = parse_documents(documents_from_text(texts), Options(), Diagnostics())
    (deed,) = describe_deeds(parsed.tracing_policies, parsed.cluster)
    assert deed["spared_nodes"] == ["node-2"]
