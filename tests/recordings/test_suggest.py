"""What is suggested allows what was recorded, and nothing else.

``LOCKGATE_EXAMPLES`` is how many random clusters are drawn (30).
"""

from __future__ import annotations

import json
import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lockgate.cli.main import main
from lockgate.diagnostics import Diagnostics
from lockgate.flows import parse_flow
from lockgate.proof.reference.evaluator import Evaluator
from lockgate.recordings.reader import Reading, read_records
from lockgate.recordings.replay import Change, Replay
from lockgate.recordings.suggestion import Suggester, Suggestion
from lockgate.recordings.suggestion_gate import print_gate
from lockgate.recordings.suggestion_yaml import print_yaml
from tests.conformance.compiling import (
    compile_objects,
    make_options,
    parse_objects,
)
from tests.language.convert import compile_beside
from tests.properties.clusters import SERVICES
from tests.properties.generate import generate
from tests.recordings.lines import SHOP, hubble, text
from tests.recordings.recorder import SNAPSHOT, Recorder, address_of, known_flows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.properties.draw import Object

EXAMPLES = int(os.environ.get("LOCKGATE_EXAMPLES", "30"))


def suggest(
    objects: list[Object], content: bytes, most_addresses: int = 50
) -> Suggestion:
    """Suggest policies, for silent workloads, too."""
    diagnostics = Diagnostics()
    cluster, _ = parse_objects(objects, make_options(), diagnostics)
    suggester = Suggester(cluster, most_addresses)
    suggester.add(read_records("f", BytesIO(content), Reading(), diagnostics))
    assert diagnostics.ok
    return suggester.suggest(isolate_silent=True)


def test_both_formats_mean_the_same() -> None:
    """The native language and YAML allow the same flows, recorded or not."""
    judged = 0
    for seed in range(EXAMPLES // 2):
        example = generate(seed, flows=60)
        objects = [o for o in example.objects if o["kind"] in SNAPSHOT]
        recorder = Recorder(objects)
        known = known_flows(recorder, example.flows)
        content = text(*(line for pair in known[::3] for line in recorder.lines(*pair)))
        suggestion = suggest(objects, content, most_addresses=seed % 4)
        policies = list(yaml.safe_load_all(print_yaml(suggestion)))
        one = compile_objects([*objects, *policies], make_options())
        native = print_gate(suggestion)
        other = compile_beside(objects, "suggested.gate", native, make_options())
        for flow, ends in known:
            family = recorder.family(flow, ends)
            asked = parse_flow(
                flow
                | {
                    side: address_of(recorder, flow[side], end, family)
                    for side, end in zip(("src", "dst"), ends, strict=True)
                }
            )
            assert one.answer(asked).verdict == other.answer(asked).verdict, (
                seed,
                flow,
            )
            judged += 1
    assert judged > 20 * EXAMPLES // 2, "the draw is of use"


@pytest.mark.parametrize("part", range(2))
def test_allows_what_was_recorded_and_nothing_else(part: int) -> None:
    """Random clusters: nothing breaks, and what is allowed was recorded of its like.

    The reference evaluator, which shares no code with the compiler, judges each flow.
    """
    allowed = denied = 0
    for seed in range(part, EXAMPLES, 2):
        example = generate(seed, flows=60)
        objects = [o for o in example.objects if o["kind"] in SNAPSHOT]
        recorder = Recorder(objects)
        known = known_flows(recorder, example.flows)
        recorded = [pair for at, pair in enumerate(known) if at % 3 == 0]
        content = text(*(line for pair in recorded for line in recorder.lines(*pair)))
        suggestion = suggest(objects, content)
        policies = list(yaml.safe_load_all(print_yaml(suggestion)))
        with_policies = [*objects, *policies]

        simulation = compile_objects(with_policies, make_options())
        cluster, _ = parse_objects(objects, make_options(), Diagnostics())
        replay = Replay(simulation, cluster)
        replay.add(read_records("f", BytesIO(content), Reading(), Diagnostics()))
        outcome = replay.judge()
        assert outcome.records(Change.LOST) == 0, (seed, outcome.rows)
        assert not outcome.not_judged, (seed, outcome.not_judged)

        evaluator = Evaluator(with_policies, "kubernetes", "default", frozenset())
        likes = {
            _like(recorder, one)
            for pair in recorded
            for one in (pair, *_served(objects, recorder, pair))
        }
        for flow, ends in known:
            if set(ends) & set(SERVICES):
                continue
            family = recorder.family(flow, ends)
            concrete = flow | {
                side: address_of(recorder, flow[side], end, family)
                for side, end in zip(("src", "dst"), ends, strict=True)
            }
            is_own = ends[0] in (f"node {n}" for n in recorder.nodes) and (
                recorder.pods[ends[1]]["spec"]["nodeName"] == ends[0][5:]
            )
            expected = _like(recorder, (flow, ends)) in likes or is_own
            verdict = evaluator.judge(concrete).verdict
            assert verdict == ("allow" if expected else "deny"), (seed, flow, ends)
            allowed, denied = allowed + expected, denied + (not expected)
    assert min(allowed, denied) > 5 * EXAMPLES, "the draw is of use"


def _served(
    objects: list[Object], recorder: Recorder, pair: tuple[Object, tuple[str, str]]
) -> list[tuple[Object, tuple[str, str]]]:
    """Return the flows to the backends of a service that a flow may become."""
    flow, ends = pair
    if flow["dst"] != SERVICES[0]:
        return []
    (piece,) = (o for o in objects if o["metadata"]["name"] == "s-1")
    addresses = [
        endpoint["addresses"][0]
        for endpoint in piece["endpoints"]
        if endpoint["conditions"]["ready"]
    ]
    owners = [recorder.owner.get(address, address) for address in addresses]
    return [(flow | {"port": 8080}, (ends[0], o)) for o in owners if o != ends[0]]


def _like(recorder: Recorder, pair: tuple[Object, tuple[str, str]]) -> object:
    flow, (source, destination) = pair
    groups = (
        recorder.group(source, destination),
        recorder.group(destination, source),
    )
    return groups, flow["protocol"], flow["port"]


# ---------------------------------------------------------------- examples


def shop(capsys: pytest.CaptureFixture[str], file: Path, more: str = "") -> Any:  # noqa: ANN401
    """Suggest for the shop; return exit code, documents by name, text, standard error."""
    cluster = str(SHOP / "cluster.yaml")
    words = ["suggest", "-f", cluster, "--no-cache", str(file), *more.split()]
    code = main(words)
    out, err = capsys.readouterr()
    documents = {d["metadata"]["name"]: d["spec"] for d in yaml.safe_load_all(out) if d}
    return code, documents, out, err


def test_a_policy_for_each_workload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ends get a rule, ports are merged, each rule says how often and when last."""
    file = tmp_path / "flows.jsonl"
    lines = [
        hubble("web", "api", port, direction=direction)
        for port in (8080, 8081, 8083)
        for direction in ("EGRESS", "INGRESS")
    ]
    names = ["api.example.com"]
    lines += [
        hubble("web", f"203.0.113.{n}", 443, destination_names=names) for n in (6, 7)
    ]
    lines += [hubble("web", "dns", 53, "UDP"), hubble("prometheus", "web", 8, "ICMPv4")]
    lines += [hubble("db", "api", 9, verdict="DROPPED")]
    file.write_bytes(text(*lines))
    code, documents, out, err = shop(capsys, file)
    assert code == 0
    api = documents["suggested-api"]
    assert api["egress"] == [{}], "nothing recorded is nothing allowed"
    ports = api["ingress"][0]["toPorts"][0]["ports"]
    assert ports == [
        {"port": "8080", "endPort": 8081, "protocol": "TCP"},
        {"port": "8083", "protocol": "TCP"},
    ]
    web = documents["suggested-web"]
    assert web["egress"][-1]["toCIDR"] == ["203.0.113.6/31"]
    assert web["ingress"][0]["icmps"] == [{"fields": [{"family": "IPv4", "type": 8}]}]
    assert documents["suggested-db"] == {
        "endpointSelector": {"matchLabels": {"app": "db"}},
        "ingress": [{}],
        "egress": [{}],
    }
    assert "# 6 recorded, last 2026-11-20T10:00:00Z\n" in out
    assert "known as api.example.com" in out
    assert err.splitlines() == [
        "not suggested: 1",
        "          1  flows that were denied",
    ]


def test_silent_workloads_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of whom nothing was recorded nothing is suggested, unless it is asked for."""
    file = tmp_path / "flows.jsonl"
    file.write_bytes(text(hubble("web", "api", 8080)))
    code, documents, _, err = shop(capsys, file)
    assert (code, set(documents)) == (0, {"suggested-web", "suggested-api"})
    assert "N6405" in err
    assert "shop/db" in err
    _, documents, _, err = shop(capsys, file, "--isolate-silent")
    assert documents["suggested-db"]["ingress"] == [{}]
    assert "N6405" not in err


def test_too_many_addresses_are_the_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A public port is open to the family; another port still is not."""
    file = tmp_path / "flows.jsonl"
    clients = [hubble(f"203.0.113.{n}", "web", 80) for n in range(0, 40, 2)]
    file.write_bytes(text(*clients, hubble("203.0.113.1", "web", 443)))
    code, documents, out, err = shop(capsys, file, "--most-addresses 19")
    assert code == 0
    rules = documents["suggested-web"]["ingress"]
    assert [rule["fromCIDR"] for rule in rules] == [["0.0.0.0/0"], ["203.0.113.1/32"]]
    assert "W6404" in err
    assert "too many addresses" in out
    _, documents, _, err = shop(capsys, file, "--most-addresses 20")
    assert len(documents["suggested-web"]["ingress"][0]["fromCIDR"]) > 10
    assert "W6404" not in err


POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: a, labels: {labels}}}
spec: {{containers: [{{name: c}}]}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
---
"""


def test_a_selector_means_one_workload() -> None:
    """Labels that others have besides are excluded by what those others have."""
    names = {
        "web": {"app": "web"},
        "canary": {"app": "web", "track": "canary", "pod-template-hash": "1"},
        "old": {"app": "web", "track": "old", "no": "yes"},
        "bare": {},
    }
    docs = "".join(
        POD.format(name=n, labels=json.dumps(labels), address=f"10.0.0.{i}")
        for i, (n, labels) in enumerate(names.items(), 1)
    )
    objects = [d for d in yaml.safe_load_all(docs) if d]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    suggestion = suggest([namespace, *objects], b"")
    selectors = {
        d["metadata"]["name"]: d["spec"]["endpointSelector"]
        for d in yaml.safe_load_all(print_yaml(suggestion))
    }
    absent = [{"key": "track", "operator": "DoesNotExist"}]
    assert selectors["suggested-web"] == {
        "matchLabels": {"app": "web"},
        "matchExpressions": absent,
    }
    assert selectors["suggested-canary"] == {
        "matchLabels": {"app": "web", "track": "canary"}
    }
    assert selectors["suggested-old"]["matchLabels"]["no"] == "yes", "quoted"
    assert selectors["suggested-bare"] == {
        "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]
    }


def test_a_service_is_its_backends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was recorded before its address was translated needs the backends."""
    example = generate(3)
    objects = [o for o in example.objects if o["kind"] in SNAPSHOT]
    recorder = Recorder(objects)
    client = next(iter(recorder.pods))
    flow = {"src": client, "dst": SERVICES[0], "protocol": "TCP", "port": 80}
    lines = recorder.lines(flow, (client, SERVICES[0]))
    suggestion = suggest(objects, text(*lines))
    policies = list(yaml.safe_load_all(print_yaml(suggestion)))
    simulation = compile_objects([*objects, *policies], make_options())
    assert simulation.answer(parse_flow(flow)).verdict == "allow"
    assert simulation.answer(parse_flow(flow | {"port": 81})).verdict == "deny"


def test_nothing_to_draw_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty recording is no reason to deny everything."""
    file = tmp_path / "flows.jsonl"
    file.write_bytes(b"")
    code, documents, _, err = shop(capsys, file)
    assert (code, documents, "E6401" in err) == (2, {}, True)


def test_policies_have_no_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Policies beside the snapshot are passed over, and that is said."""
    file = tmp_path / "flows.jsonl"
    file.write_bytes(text(hubble("web", "api", 8080)))
    assert main(["suggest", "-f", str(SHOP), "--no-cache", str(file)]) == 0
    assert "N6406" in capsys.readouterr().err
