"""Recorded flows against the shop's policies: what breaks, what passes, and by which line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.cli.main import main
from lockgate.recordings.ports import merge_ports
from lockgate.recordings.replay import Change
from tests.recordings.lines import SHOP, end, hubble, replayed, text

if TYPE_CHECKING:
    from pathlib import Path


def test_what_got_through_and_is_denied_now_breaks() -> None:
    """The row says who with whom, how often, when last, and which lines deny it."""
    line = hubble("prometheus", "db", 5432, direction="INGRESS")
    later = hubble("prometheus", "db", 5432, direction="INGRESS")
    later["flow"]["time"] = "2026-11-21T09:00:00Z"
    outcome, _, _ = replayed(line, line, later)
    (row,) = outcome.rows
    assert row.change is Change.LOST
    assert (row.source, row.destination) == ("monitoring/prometheus", "shop/db")
    assert (row.records, row.ports, row.directions) == (
        3,
        ((5432, 5432),),
        ("ingress",),
    )
    assert row.first.startswith("2026-11-20")
    assert row.last.startswith("2026-11-21")
    places = [(item["file"], item["line"], item["effect"]) for item in row.because]
    assert ("policies.yaml", 42, "default-deny") in places


def test_what_was_denied_and_passes_now() -> None:
    """Both sides allow it now, and both rules are named."""
    outcome, _, _ = replayed(hubble("web", "api", 9125, "UDP", verdict="DROPPED"))
    (row,) = outcome.rows
    assert (row.change, row.records) == (Change.GAINED, 1)
    assert {item["direction"] for item in row.because} == {"egress", "ingress"}


def test_what_stays_is_counted() -> None:
    """Allowed then and now, denied then and now."""
    outcome, reading, _ = replayed(
        hubble("web", "api", 8080),
        hubble("web", "api", 8080, direction="INGRESS"),
        hubble("api", "web", 1, verdict="DROPPED"),
        hubble("api", "web", 40_000, is_reply=True),
    )
    assert not outcome.rows
    assert outcome.same == 3
    assert reading.set_aside.total() == 1


def test_two_sides_of_one_flow_are_one_flow() -> None:
    """A flow that left and was dropped on arrival did not get through: nothing breaks."""
    left = hubble("api", "web", 9999, direction="EGRESS")
    dropped = hubble("api", "web", 9999, direction="INGRESS", verdict="DROPPED")
    outcome, _, _ = replayed(left, left, dropped)
    assert not outcome.rows
    assert outcome.same == 3
    outcome, _, _ = replayed(left, left)
    assert [row.change for row in outcome.rows] == [Change.LOST]
    assert outcome.rows[0].records == 2


def test_what_got_through_at_times_got_through() -> None:
    """Where policy changed while it was recorded, both happened; some would break."""
    passed = hubble("api", "web", 9999, direction="INGRESS")
    denied = hubble("api", "web", 9999, direction="INGRESS", verdict="DROPPED")
    outcome, _, _ = replayed(passed, denied, denied)
    assert [(row.change, row.records) for row in outcome.rows] == [(Change.LOST, 1)]


def test_audit_mode_is_told() -> None:
    """What passes only because nothing is enforced would break, and says so."""
    outcome, _, _ = replayed(hubble("api", "web", 9999, verdict="AUDIT", is_reply=None))
    assert (outcome.rows[0].records, outcome.rows[0].audited) == (1, 1)


def test_a_pod_that_is_gone_is_judged_by_its_labels() -> None:
    """Another pod with the same labels stands for it; nobody does for unknown ones."""
    line = hubble("prometheus", "db", 5432)
    line["flow"]["source"]["pod_name"] = "prometheus-0"
    line["flow"]["source"]["labels"].append("k8s:pod-template-hash=7d9f")
    outcome, _, _ = replayed(line)
    assert [row.source for row in outcome.rows] == ["monitoring/prometheus"]
    line["flow"]["source"]["labels"].append("k8s:tier=new")
    outcome, _, _ = replayed(line)
    assert outcome.not_judged == {
        "pod monitoring/prometheus-0 is not in the snapshot, "
        "and no pod has its labels": 1
    }


@pytest.mark.parametrize(
    ("source", "address", "reason"),
    [
        ({"labels": ["reserved:health"]}, "10.77.0.99", "reserved:health is nobody"),
        (end("203.0.113.7"), "10.77.0.2", "was outside the cluster and is api"),
        ({}, None, "without name, labels and address"),
        ({}, "fish", "whose address is none"),
        ({"namespace": "shop", "pod_name": "x"}, "10.77.0.1", "labels are not known"),
        (
            end("web") | {"labels": ["k8s:io.cilium.k8s.policy.cluster=other"]},
            "10.9.9.9",
            "shop/web is one of the cluster 'other'",
        ),
    ],
)
def test_unknown_ends_are_not_guessed(
    source: dict[str, Any], address: str | None, reason: str
) -> None:
    """An end that is nobody in the snapshot is counted with the reason."""
    line = hubble("web", "api", 8080, source=source)
    line["flow"]["IP"]["source"] = address
    outcome, _, _ = replayed(line)
    assert outcome.same == 0
    ((told, count),) = outcome.not_judged.items()
    assert (reason in told, count) == (True, 1)


def test_a_cluster_of_another_name_is_the_one_that_was_recorded() -> None:
    """Names of clusters matter only beside each other: who recorded is at home."""
    home = ["k8s:io.cilium.k8s.policy.cluster=kind"]
    line = hubble("web", "api", 8080, source=end("web") | {"labels": home})
    line["flow"]["node_name"] = "kind/node-1"
    outcome, _, _ = replayed(line)
    assert (outcome.same, outcome.not_judged) == (1, {})
    line["flow"]["node_name"] = "other/node-1"
    outcome, _, _ = replayed(line)
    assert outcome.same == 0


def test_nodes_are_found_by_role_and_address() -> None:
    """A node reaches its own pods whatever policies say; another node does not."""
    host = {"identity": 1, "labels": ["reserved:host"]}
    line = hubble("198.51.100.1", "db", 1, source=host, direction="INGRESS")
    outcome, _, _ = replayed(line)
    assert (outcome.rows, outcome.same) == ([], 1)
    line["flow"]["source"] = {"identity": 2, "labels": ["reserved:world"]}
    line["flow"]["IP"]["source"] = "198.51.100.9"
    outcome, _, _ = replayed(line)
    assert [row.source for row in outcome.rows] == ["world-ipv4"]


def test_addresses_outside_are_counted_together() -> None:
    """A thousand clients that no rule tells apart are one entry."""
    lines = [hubble(f"203.0.113.{n % 250}", "db", 5432) for n in range(1000)]
    outcome, _, _ = replayed(*lines)
    (row,) = outcome.rows
    assert (row.source, row.records, len(row.flows)) == ("world-ipv4", 1000, 1)


def test_the_same_recording_gives_the_same_rows_in_any_order() -> None:
    """Rows do not depend on the order of the lines."""
    lines = [
        hubble("prometheus", "db", port, direction=direction)
        for port in (5432, 5433, 80)
        for direction in ("INGRESS", "EGRESS")
    ] + [hubble("api", "web", 9), hubble("web", "api", 9125, "UDP", verdict="DROPPED")]
    one, _, _ = replayed(*lines)
    two, _, _ = replayed(*reversed(lines))
    assert [r.to_json(is_complete=True) for r in one.rows] == [
        r.to_json(is_complete=True) for r in two.rows
    ]
    assert one.rows[0].ports == ((80, 80), (5432, 5433))


def test_ports_are_merged() -> None:
    """Neighbours become ranges."""
    assert merge_ports([5, 3, 4, 9, 4]) == ((3, 5), (9, 9))


L7_POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: items, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: api}}]
      toPorts:
        - ports: [{port: "80", protocol: TCP}]
          rules: {http: [{method: GET, path: "/v1/.*"}]}
"""


def test_recorded_requests_are_judged_by_l7_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request decides; a flow of which no request was recorded is not judged."""

    def request(path: str) -> dict[str, Any]:
        http = {"method": "GET", "url": f"http://db{path}"}
        l7 = {"type": "REQUEST", "http": http}
        return hubble("api", "db", 80, Type="L7", l7=l7, direction="INGRESS")

    policy, flows = tmp_path / "policy.yaml", tmp_path / "flows.jsonl"
    policy.write_text(L7_POLICY)
    flows.write_bytes(
        text(
            *[request("/v1/a")] * 2,
            *[request("/v2/b")] * 3,
            hubble("api", "db", 80, direction="INGRESS"),
        )
    )
    files = ["-f", str(policy), "-f", str(SHOP / "cluster.yaml"), "--no-cache"]
    arguments = ["replay", *files, str(flows), "-o", "json"]
    assert main(arguments) == 1
    whole = json.loads(capsys.readouterr().out)
    assert [row["records"] for row in whole["results"]] == [3]
    assert whole["results"][0]["because"][0]["line"] == 7
    assert whole["summary"]["unchanged"] == 2
    assert list(whole["summary"]["not_judged"].values()) == [1]


def replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *lines: object, more: str = ""
) -> tuple[int, str, str]:
    """Run the verb; return exit code, standard output, standard error."""
    file = tmp_path / "flows.jsonl"
    file.write_bytes(text(*lines))  # type: ignore[arg-type]  # lines or texts
    words = ["replay", "-f", str(SHOP), "--no-cache", str(file), *more.split()]
    code = main(words)
    return code, *capsys.readouterr()


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 nothing breaks, 1 something does, 2 not all could be read or nothing judged."""
    fine, breaks = hubble("web", "api", 8080), hubble("api", "web", 9)
    assert replay(tmp_path, capsys, fine)[0] == 0
    assert replay(tmp_path, capsys, fine, breaks, "no")[0] == 1
    assert replay(tmp_path, capsys, fine, "no")[0] == 2
    code, _, err = replay(tmp_path, capsys, hubble("a", "b", 1, is_reply=True))
    assert (code, "E6401" in err) == (2, True)
    assert main(["replay", "-f", "-", "-"]) == 2


def test_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person reads who, what, how often, since when, by which line."""
    line = hubble("prometheus", "db", 5432, direction="INGRESS")
    _, out, _ = replay(tmp_path, capsys, line, more="--complete")
    assert out.splitlines()[:2] == [
        "would break: 1 recorded",
        "  monitoring/prometheus → shop/db  TCP 5432: 1 recorded, "
        "last 2026-11-20T10:00:00Z",
    ]
    assert "policies.yaml:42 NetworkPolicy/shop/db" in out


def test_rows_as_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``-o jsonl`` prints the results alone."""
    lines = hubble("api", "web", 9), hubble("api", "web", 11)
    _, out, _ = replay(tmp_path, capsys, *lines, more="-o jsonl")
    (row,) = map(json.loads, out.splitlines())
    assert (row["change"], row["ports"]) == ("lost", [[9, 9], [11, 11]])


def test_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A comment has the counts, a table of each kind, and no mark-up of others."""
    line = hubble("prometheus", "db", 5432, direction="INGRESS")
    gained = hubble("web", "api", 9125, "UDP", verdict="DROPPED")
    _, out, _ = replay(tmp_path, capsys, line, gained, more="-o markdown")
    lines = out.splitlines()
    assert lines[0] == (
        "**Recorded flows**: 1 would break, 1 would newly pass, 0 unchanged, 0 not judged."
    )
    assert lines[6].startswith(
        "| monitoring/prometheus | shop/db | tcp/5432 | 1 | 2026-"
    )
    assert "policies.yaml:42 NetworkPolicy/shop/db" in lines[6]
    assert "**Would newly pass**" in lines


def test_lost_events_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody saw cannot be judged, and that is said."""
    lost = {"lost_events": {"num_events_lost": "12"}, "node_name": "n"}
    code, _, err = replay(tmp_path, capsys, hubble("web", "api", 8080), lost)
    assert (code, "W6403" in err, "12 events" in err) == (0, True, True)


def test_an_answer_about_few_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where most ends are unknown, it is said how little was judged."""
    unknown = hubble("web", "api", 8080, source={})
    unknown["flow"]["IP"]["source"] = None
    fine = hubble("web", "api", 8080)
    code, _, err = replay(tmp_path, capsys, fine, unknown)
    assert (code, "W6407" in err) == (0, False)
    code, _, err = replay(tmp_path, capsys, fine, unknown, unknown)
    assert (code, "W6407" in err) == (0, True)
