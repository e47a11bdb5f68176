"""``lockgate explain``: why a flow is allowed or denied, or what a code means."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from lockgate.cli.judged import Judged, RefusedError, add_judged, read_judged
from lockgate.cli.messages import UNJUDGED
from lockgate.faults import Fault

if TYPE_CHECKING:
    import argparse

    from lockgate.explanation import Explainer, Loser, SideExplanation
    from lockgate.simulation import Answer
    from lockgate_runtime.tables import Rule

EXAMPLES = """
  lockgate explain a/client a/web 80/TCP -f policies/ -f cluster.yaml
  lockgate explain 192.0.2.7 a/web 443/TCP bundle/
  lockgate explain a/client @host 8/ICMP bundle/ -o json
  lockgate explain 192.0.2.7 @host 22/TCP bundle/ --node worker-3
  lockgate explain E1004
  lockgate explain shadowed-rule
  lockgate explain gate           the language of policies on one page; gatetest: of tests
"""

_CODE = re.compile(r"[EWN]\d{4}", re.IGNORECASE)
_LANGUAGES = ("eventfilter", "filter", "gate", "gatetest")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_PORT = re.compile(r"(?:(\d+)/([A-Za-z0-9]+)|([A-Za-z0-9]+)/(\d+))")
MOST_LOSERS = 10
"""So many rules that did not decide are printed as text; JSON has all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.usage = (
        "lockgate explain SRC DST PORT/PROTOCOL (-f PATH ... | BUNDLE) [--node NAME] "
        "[-o json]\n"
        "       lockgate explain CODE\n"
        "       lockgate explain gate | gatetest | filter"
    )
    parser.description = (
        "Say for both ends of a flow which rule decided, where it stands, on which way "
        "through the tiers, and which rules lost.  SRC and DST are namespace/pod, an "
        "address, @host (the node of the other end, or --node) or @remote-node; the port of "
        "ICMP is its type.  With one word, "
        "a diagnostic's code: what it means and how to mend it; or a language of ours on "
        "one page.  Exit code: 0 explained, 2 could not."
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="SRC DST PORT/PROTOCOL",
        help="the flow, or one code",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    add_judged(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain."""
    words = arguments.words
    if len(words) == 1 and _CODE.fullmatch(words[0]):
        return _explain_code(words[0])
    if len(words) == 1 and words[0] in _LANGUAGES:
        return _explain_language(words[0])
    if len(words) == 1 and _NAME.fullmatch(words[0]):
        return _explain_name(words[0])
    flow, bundle = _read_words(words)
    try:
        judged = read_judged(arguments, bundle)
    except RefusedError:
        return UNJUDGED
    return _explain_flow(flow, judged, arguments)


def _explain_code(code: str) -> int:
    from lockgate.codes import explain_code

    try:
        print(explain_code(code), end="")
    except KeyError as error:
        print(f"lockgate: there is no code {code}: {error.args[0]}", file=sys.stderr)
        return 2
    return 0


def _explain_name(name: str) -> int:
    """Print the pages of all codes with a name: a refusal and its warning share one."""
    from lockgate.codes import CODES, explain_code
    from lockgate.diagnostics import did_you_mean

    codes = sorted(e.code for e in CODES.values() if e.name == name)
    if not codes:
        near = did_you_mean(name, {e.name for e in CODES.values()}) or "give its code"
        print(f"lockgate: no finding is called {name}: {near}", file=sys.stderr)
        return 2
    print("\n".join(map(explain_code, codes)), end="")
    return 0


def _explain_language(language: str) -> int:
    from lockgate.language.page import read_page

    print(read_page(language), end="")
    return 0


def _read_words(words: list[str]) -> tuple[dict[str, Any], str | None]:
    """Return the flow and the bundle, if one is named."""
    if len(words) not in (3, 4):
        raise Fault(
            "E2203",
            f"explain takes a flow of three words (or one code), not {len(words)} words",
            "write `lockgate explain SRC DST PORT/PROTOCOL` and -f PATH or BUNDLE",
        )
    match = _PORT.fullmatch(words[2])
    if match is None:
        raise Fault(
            "E2203",
            f"'{words[2]}' is no PORT/PROTOCOL",
            "write it like 80/TCP or 8/ICMP",
        )
    port, protocol = match[1] or match[4], match[2] or match[3]
    flow = {"src": words[0], "dst": words[1], "protocol": protocol, "port": int(port)}
    return flow, words[3] if len(words) == 4 else None  # see above


def _explain_flow(
    flow: dict[str, Any], judged: Judged, arguments: argparse.Namespace
) -> int:
    from lockgate.excerpt import printable
    from lockgate.explanation import Explainer
    from lockgate.flows import FlowError, parse_flow
    from lockgate.simulation import Simulation, TableJudge

    tables, hosts = judged.tables, judged.tables.hosts
    node = judged.node or (hosts[0].node if len(hosts) == 1 else None)
    simulation = Simulation(
        tables, TableJudge(tables), judged.host_pods, judged.requests, node
    )
    try:
        parsed = parse_flow(flow)
        if simulation.is_host_unclear(parsed):
            raise _unclear([host.node for host in hosts if host.is_enforced])
        answer = simulation.answer(parsed)
    except FlowError as error:
        print(f"lockgate: {printable(str(error))}", file=sys.stderr)
        return UNJUDGED
    explainer = Explainer(simulation, judged.middle)
    sides = explainer.explain(answer)
    if arguments.output == "json":
        from lockgate.results import print_results

        row = _row(answer, sides)
        print(print_results([row], {"verdict": row["verdict"]}), end="")
    else:
        print(_text(answer, sides, explainer))
    return 0


def _unclear(nodes: list[str]) -> Fault:
    names = ", ".join(nodes[:8]) + (" and others" if len(nodes) > 8 else "")
    return Fault(
        "E2203",
        "the other end is on no node, so @host could be any; host policies select "
        + names,
        f"name the node that is meant: --node {nodes[0]}",
    )


# ---------------------------------------------------------------- JSON


def _row(answer: Answer, sides: tuple[SideExplanation, ...]) -> dict[str, Any]:
    row = {**answer.flow.question, "verdict": answer.verdict}
    for side in sides:
        row[side.direction] = {
            "outcome": side.outcome,
            "subject": side.subject,
            "chain": [
                {"tier": step.tier, "step": step.verb, **_rule_row(step.rule)}
                for step in side.chain
            ],
            "because": [_rule_row(rule) for rule in side.rules],
            "lost": [
                {
                    "rule": loser.name,
                    "place": loser.place,
                    "why": loser.why,
                    "matched": loser.has_matched,
                }
                for loser in side.losers
            ],
        }
    return row


def _rule_row(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "effect": rule.effect,
        "policies": list(rule.policies),
        "places": list(rule.places),
    }


# ---------------------------------------------------------------- text


def _text(
    answer: Answer, sides: tuple[SideExplanation, ...], explainer: Explainer
) -> str:
    flow = answer.flow.question
    lines = [
        f"{flow['src']} → {flow['dst']}, {flow['protocol']} {flow['port']}: "
        f"{answer.verdict}"
    ]
    for side in sides:
        lines += ["", *_side_text(side, explainer)]
    return "\n".join(lines)


def _side_text(side: SideExplanation, explainer: Explainer) -> list[str]:
    if not side.subject:
        return [f"{side.direction}: none (this end is not enforced)"]
    steps = " → ".join(f"[{step.tier}] {step.verb}" for step in side.chain)
    lines = [f"{side.direction} at {side.subject}: {side.outcome}", f"  {steps}"]
    for step in side.chain[:-1]:
        lines += _rule_text(step.rule, explainer)
    for rule in side.rules:
        lines += _rule_text(rule, explainer)
    shown = side.losers[:MOST_LOSERS]
    if shown:
        lines.append("  did not decide:")
    lines += [_loser_text(loser) for loser in shown]
    if len(side.losers) > len(shown):
        lines.append(f"    ... and {len(side.losers) - len(shown)} more (-o json)")
    return lines


def _rule_text(rule: Rule, explainer: Explainer) -> list[str]:
    from lockgate.explanation import BUILT_IN

    if rule.name in BUILT_IN:
        return [f"  {rule.name}: {BUILT_IN[rule.name]}"]
    if rule.effect == "default-deny":
        lines = ["  default deny, because these policies select it:"]
    else:
        lines = [f"  {rule.effect}: {rule.name}"]
    for number, place in enumerate(rule.places):
        named = rule.policies[number] if rule.effect == "default-deny" else ""
        lines.append(f"    {place}" + (f"  {named}" if named else ""))
        quoted = explainer.quote(place)
        if quoted is not None:
            text, marks = quoted
            lines += [f"      | {text}", f"      | {marks}"]
    return lines


def _loser_text(loser: Loser) -> str:
    return f"    {loser.place}  {loser.name}: {loser.why}"
