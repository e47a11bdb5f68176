"""View what the passes made."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

from lockgate.ir.prefixes import Prefix
from lockgate.ir.tables import Outcome
from lockgate.review.dns_names import read_name_rules
from lockgate.review.requests_text import describe_requests
from lockgate.review.view import REDIRECT, AddressBook, Node, Pod, Reason, Table, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.ir.l7 import L7Rules
    from lockgate.ir.policy import Policy
    from lockgate.ir.tables import Decision, Tables
    from lockgate.passes.pipeline import Middle


def view_of_tables(middle: Middle) -> View:
    """Return the view of the tables, with what explains them."""
    tables = middle.tables
    form = _Form(tables, middle.resolution.policies)
    pods, nodes = tuple(form.pods()), tuple(form.nodes())
    return View(
        pods,
        nodes,
        form.addresses.world((*pods, *nodes)),
        form.addresses.unknown_host,
        tables.atoms.starts,
        [form.verdict(decision) for decision in tables.decisions],
        form.defaults(),
        form.table,
        form.reasons,
        form.addresses.rest,
        read_name_rules(middle),
    )


class _Form:
    def __init__(self, tables: Tables, policies: Iterable[Policy]) -> None:
        self._tables = tables
        self._l7: dict[str, L7Rules] = {
            f"{policy.key}#{rule.path}": rule.l7
            for policy in policies
            for section in (policy.ingress, policy.egress)
            for rule in section.rules
            if rule.l7 is not None
        }
        self.addresses = AddressBook(
            tables.peers,
            [(Prefix(*entry[:3]), entry.peer) for entry in tables.addresses],
        )

    def pods(self) -> Iterator[Pod]:
        labels = {
            identity.number: tuple(map(str, identity.labels))
            for identity in self._tables.identities
        }
        for e in self._tables.endpoints:
            yield Pod(
                e.namespace,
                e.name,
                labels[e.identity],
                e.node,
                e.ingress_table,
                e.egress_table,
                self.addresses.classes(e.addresses),
                e.addresses,
            )

    def nodes(self) -> Iterator[Node]:
        for h in self._tables.hosts:
            yield Node(
                h.node,
                h.ingress_table,
                h.egress_table,
                self.addresses.classes(h.addresses),
                self.addresses.as_host(h.addresses, is_api_server=h.is_api_server),
                h.addresses,
            )

    def verdict(self, decision: Decision) -> str:
        if decision.outcome is not Outcome.REDIRECT:
            return decision.outcome.name.lower()
        rules = self._tables.rules
        l7 = [self._l7.get(rules[index].name) for index in decision.because]
        return f"{REDIRECT} {describe_requests(l7)}"

    def defaults(self) -> frozenset[int]:
        rules = self._tables.rules
        return frozenset(
            number
            for number, decision in enumerate(self._tables.decisions)
            if decision.outcome is Outcome.DENY
            and rules[decision.rule].effect == "default-deny"
        )

    def table(self, number: int) -> Table:
        made = self._tables.tables[number]
        rows = array("H", b"".join(made.rows.pages))
        if sys.byteorder == "big":
            rows.byteswap()
        return Table(rows, made.intervals, made.interval_count, made.cells)

    def reasons(self, number: int) -> tuple[Reason, ...]:
        decision = self._tables.decisions[number]
        found: list[Reason] = []
        for index in decision.because or (decision.rule,):
            rule = self._tables.rules[index]
            if not rule.spans:
                found.append(Reason(rule.name, rule.name, rule.effect, None, None))
            for policy, span in zip(rule.policies, rule.spans, strict=False):
                alias = span.source.alias
                found.append(Reason(policy, rule.name, rule.effect, alias, span.line))
        return tuple(found)
