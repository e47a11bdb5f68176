"""Proofs of policies in the native language: a second reading of what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.cli.main import main
from lockgate.codegen.pack import pack_tables
from lockgate.diagnostics import Diagnostics
from lockgate.driver import Settings, compile_policies, compile_tables, write_outputs
from lockgate.ir import policy as ir
from lockgate.ir.labels import Operator
from lockgate.language import documents, to_ir
from lockgate.language.conversion import Target
from lockgate.proof.compare import Comparison
from lockgate.proof.sources import make_evaluator, read_sources
from lockgate.source import Span
from lockgate_runtime.tables import PackedTables
from tests.conformance.compiling import make_options
from tests.language.convert import convert_texts, errors, texts_of
from tests.proof.cluster import CACHE, OPTIONS, SNAPSHOT, node, pod
from tests.properties.generate import generate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lockgate.options import Options
    from lockgate.proof.differences import TableProof

    Object = dict[str, Any]
    Change = Callable[[ir.Policy], ir.Policy]

OTHERS = [
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "ops", "labels": {"env": "prod"}},
    },
    {
        "apiVersion": "lockgate.dev/v1",
        "kind": "Endpoint",
        "metadata": {"name": "probe", "namespace": "ops", "labels": {"app": "web"}},
        "spec": {"interface": "probe0", "addresses": ["10.2.0.1", "fd00::1"]},
    },
    pod("old", "10.1.0.4", "node-a", app="web", legacy="yes"),
    node("node-c", "fd00::c"),
]
EVERYTHING = """\
policy db in shop for app=db {
  isolate in, out
  allow in from app=web & not legacy, ops:app=web on tcp/5432, udp/53-60, icmp, any/http
  allow in from ns.env=prod & app in {a, web}, has app on tcp/6
  allow in from ns ops on tcp/7
  allow in from ns in {shop, x} & app!=api on sctp/7
  deny in from shop:has legacy on icmp/8, icmpv6/EchoRequest
  allow out to cidr 10.0.0.0/8 except {10.66.0.0/16, 10.67.0.0/16} on tcp/5432
  allow out to address 10.1.0.0/24 except 10.1.0.2/32 on proto/gre, sctp
  deny out to cidr ::ffff:169.254.169.254/128 log "imds"
  allow out to fqdn "*.stripe.com" on tcp/443
  allow out to service api, any service api on tcp/8080
  allow out to services ops:tier=x, group g, groups team=a except 192.0.2.4/32 on tcp/81
  allow out to nodes zone=b, remote nodes on tcp/9
}
policy api in shop for app=api & tier!=x {
  allow in from app=web on tcp/9000 http { GET "/v1/*" }
  allow in from @cluster, @kube-apiserver on tcp/9001 authenticate
  allow in from labels "reserved:world" & "cidr:198.51.100.0/24" on tcp/1
  allow out to everything on udp/53 dns { "a.example" }
}
cluster policy cc for endpoints { allow in from pods & not legacy, app=web on tcp/77 }
cluster policy ce for ns.env=prod & not legacy {
  audit
  isolate in
  deny in from @world on tcp/4
  allow in from everything on udp
}
host policy hh for nodes zone=a {
  isolate in
  allow in from everything on tcp/22, icmp
  allow in from @host, @remote-node
}
admin policy aa priority 3 for ns.env!=prod {
  pass in from shop:app=web on tcp/1
  deny in from ns ops on tcp/2
  allow out to address 10.1.0.0/16 on any/1-3
  allow out to nodes on tcp/10250
}
baseline policy bb priority 3 for pods { deny in from pods on tcp/79 }
group g { 203.0.113.0/28 }
group h with team=a { 192.0.2.0/28, 2001:db8::/32 }
test "x" { never @world -> shop:app=db }
"""


def _write(folder: Path, text: str, objects: Sequence[Object]) -> list[str]:
    (folder / "p.gate").write_text(text)
    snapshot = "".join(json.dumps(one, indent=1) + "\n" for one in objects)
    (folder / "snapshot.json").write_text(snapshot)
    return [str(folder / "snapshot.json"), str(folder / "p.gate")]


def _prove(
    folder: Path,
    text: str = EVERYTHING,
    objects: Sequence[Object] = (*SNAPSHOT, *OTHERS),
    options: Options = OPTIONS,
) -> TableProof:
    """Compile to tables, and compare them with the reference's reading of the files."""
    files = _write(folder, text, objects)
    compilation = compile_tables(files, options)
    assert compilation.tables is not None, compilation.diagnostics.found
    packed = PackedTables(pack_tables(compilation.tables))
    diagnostics = Diagnostics()
    sources = read_sources(files, diagnostics)
    assert diagnostics.ok
    assert sources.is_native
    recorded = {
        "semantics": options.semantics.value,
        "enforcement_mode": options.enforcement_mode.value,
        "audit": " ".join(sorted(options.audit)),
        "cluster_name": options.cluster_name,
    }
    return Comparison(packed, make_evaluator(sources, recorded)).run()


def test_everything_is_proved(tmp_path: Path) -> None:
    """Every word of the language has the same meaning in both readings, and a rule a line."""
    proof = _prove(tmp_path)
    assert proof.holds, [*map(str, proof.differences[:3]), *proof.unvisited[:3]]
    assert proof.counts.cells > 300
    assert proof.counts.subjects == 6


# ---------------------------------------------------------------- planted faults


def _rules(change: Callable[[ir.Rule], ir.Rule]) -> Change:
    def of_section(section: ir.Section) -> ir.Section:
        return replace(section, rules=tuple(map(change, section.rules)))

    return lambda policy: replace(
        policy, ingress=of_section(policy.ingress), egress=of_section(policy.egress)
    )


def _peers(change: Callable[[Any], Any]) -> Change:
    """Change each peer; what becomes None is left out."""

    def of_rule(rule: ir.Rule) -> ir.Rule:
        changed = (change(peer) for peer in rule.peers)
        return replace(rule, peers=tuple(peer for peer in changed if peer is not None))

    return _rules(of_rule)


def _labels(change: Callable[[Any], Any]) -> Change:
    """Change each requirement of peers that are chosen by labels."""

    def of_peer(peer: Any) -> Any:  # noqa: ANN401  # any peer
        if not isinstance(peer, ir.LabelPeer):
            return peer
        found = (change(r) for r in peer.selector.requirements)
        requirements = tuple(r for r in found if r is not None)
        return ir.LabelPeer(replace(peer.selector, requirements=requirements))

    return _peers(of_peer)


def _of(kind: type[Any], **fields: Any) -> Change:  # noqa: ANN401  # any value
    return _peers(lambda p: replace(p, **fields) if isinstance(p, kind) else p)


def _ports(rule: ir.Rule) -> ir.Rule:
    def later(match: Any) -> Any:  # noqa: ANN401  # any traffic
        if isinstance(match, ir.PortMatch) and match.ports.last == 60:
            return replace(match, ports=ir.PortRange(53, 61))
        return match

    return (
        rule
        if rule.traffic is None
        else replace(rule, traffic=tuple(map(later, rule.traffic)))
    )


def _without_last_rule(policy: ir.Policy) -> ir.Policy:
    rules = policy.egress.rules[:-1] if policy.name == "db" else policy.egress.rules
    return replace(policy, egress=replace(policy.egress, rules=rules))


def _swapped(policy: ir.Policy) -> ir.Policy:
    if policy.tier is not ir.Tier.ADMIN:
        return policy
    first, second = policy.ingress.rules
    rules = replace(first, peers=second.peers), replace(second, peers=first.peers)
    return replace(policy, ingress=replace(policy.ingress, rules=rules))


def _isolating(policy: ir.Policy) -> ir.Policy:
    return replace(policy, ingress=replace(policy.ingress, isolates=True))


FAULTS: dict[str, Change] = {
    "a selector means every namespace": _labels(
        lambda r: None if r.key == "io.kubernetes.pod.namespace" else r
    ),
    "not in is in": _labels(
        lambda r: (
            replace(r, operator=Operator.IN) if r.operator is Operator.NOT_IN else r
        )
    ),
    "not has is has": _labels(
        lambda r: (
            replace(r, operator=Operator.EXISTS)
            if r.operator is Operator.DOES_NOT_EXIST
            else r
        )
    ),
    "a label of a namespace is one of pods": _labels(
        lambda r: replace(r, key=r.key.rpartition(".")[2]) if ".labels." in r.key else r
    ),
    "the own node is no node": _labels(
        lambda r: replace(r, key="remote-node") if r.key == "host" else r
    ),
    "exceptions are forgotten": _of(ir.NetworkPeer, excepts=()),
    "exceptions of groups are forgotten": _of(ir.CidrGroupPeer, excepts=()),
    "address is cidr": _of(ir.NetworkPeer, scope=ir.Scope.WORLD),
    "cidr is address": _of(ir.NetworkPeer, scope=ir.Scope.EVERY),
    "services of another namespace": _of(ir.ServicePeer, namespace="ops"),
    "another entity": _of(ir.EntityPeer, entity=ir.Entity.HOST),
    "no groups": _peers(lambda p: None if isinstance(p, ir.CidrGroupPeer) else p),
    "deny is allow": _rules(lambda r: replace(r, action=ir.Action.ALLOW)),
    "all traffic": _rules(lambda r: replace(r, traffic=None)),
    "a wrong port edge": _rules(_ports),
    "no parser": _rules(lambda r: replace(r, l7=None)),
    "another place": _rules(
        lambda r: replace(r, span=Span(r.span.source, 0, r.span.end))
    ),
    "another name": _rules(lambda r: replace(r, path=r.path.replace("in", "on"))),
    "a rule is missing": _without_last_rule,
    "the order of a tier": _swapped,
    "isolation that nobody asked for": _isolating,
    "isolation is forgotten": lambda p: replace(
        p, ingress=replace(p.ingress, isolates=False)
    ),
    "admin is baseline": lambda p: replace(
        p, tier=ir.Tier.BASELINE if p.tier is ir.Tier.ADMIN else p.tier
    ),
    "audit is forgotten": lambda p: replace(p, is_audited=False),
    "everybody is audited": lambda p: replace(p, is_audited=True),
    "a subject without its labels": lambda p: replace(
        p,
        subject=replace(
            p.subject,
            requirements=tuple(
                r for r in p.subject.requirements if "namespace" in r.key
            ),
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_compiler_are_caught(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the compiler makes of a policy besides what is written is a difference."""
    lower = to_ir.lower_policy
    monkeypatch.setattr(
        documents, "lower_policy", lambda *given: FAULTS[fault](lower(*given))
    )
    proof = _prove(tmp_path)
    assert proof.differences


@pytest.mark.parametrize("seed", range(12))
def test_random_policies(seed: int, tmp_path: Path) -> None:
    """Random policies of all kinds, put into the language: both readings agree."""
    example = generate(70_000 + seed)
    options = make_options(
        example.semantics, example.enforcement_mode, list(example.audit)
    )
    gate, said = convert_texts(texts_of(example.objects), Target.GATE, options)
    assert errors(said) == []
    snapshot = [
        o
        for o in example.objects
        if not o["kind"].endswith("Policy") and o["kind"] != "CiliumCIDRGroup"
    ]
    plain = replace(options, audit=frozenset())
    proof = _prove(tmp_path, gate, snapshot, plain)
    assert not proof.differences, f"{gate}\n{proof.differences[0]}"
    assert proof.holds or not (proof.counts.subjects and proof.counts.cells)


# ---------------------------------------------------------------- the command


def test_the_command_proves_and_says_what_it_trusts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The parser of the language is outside the claim; a line more, and nothing holds."""
    files = _write(tmp_path, EVERYTHING, [*SNAPSHOT, *OTHERS])
    settings = Settings(cache=CACHE)
    compilation = compile_policies(files, OPTIONS, settings)
    bundle = tmp_path / "bundle"
    assert write_outputs(compilation, bundle, settings)
    words = ["prove", str(bundle), *(w for f in files for w in ("-f", f))]
    assert main([*words, "--packets", "none"]) == 0
    out = capsys.readouterr().out
    assert "native language" in out
    predicate = json.loads((tmp_path / "bundle.proof.json").read_text())["predicate"]
    assert any("native language" in line for line in predicate["outside"])
    (tmp_path / "p.gate").write_text(f"\n{EVERYTHING}")
    assert main([*words, "--packets", "none"]) == 1
    assert "p.gate:32:3" in capsys.readouterr().out
    (tmp_path / "p.gate").write_text(f"{EVERYTHING}\npolicy x {{")
    assert main([*words, "--packets", "none"]) == 2
    assert "E1800" in capsys.readouterr().err
