"""What is read and checked but not enforced yet: said once for each rule that asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.ir.l7 import Parser
from lockgate.ir.policy import NamePeer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.policy import Policy, Rule
    from lockgate.options import Options
    from lockgate.source import Span

_PARSERS = {
    Parser.HTTP: ("3001", "HTTP rules"),
    Parser.DNS: ("3002", "DNS rules"),
    Parser.TLS: ("3003", "TLS rules"),
    Parser.KAFKA: ("3004", "Kafka rules"),
    Parser.CUSTOM: ("3005", "'l7proto' rules"),
    Parser.LISTENER: ("3006", "listeners"),
    Parser.AUTHENTICATION: ("3007", "mutual authentication"),
}
_NAMES = ("3008", "DNS names as peers")
_REFUSED = "compile with --allow-unenforced to deny what they concern until they are"
_ALLOWED = {
    False: "packets that match are denied, for want of someone to judge further",
    True: "the names select no address: nothing is allowed by them",
}


def report_unenforced(
    policies: Iterable[Policy], options: Options, diagnostics: Diagnostics
) -> None:
    """Refuse each rule that asks for what nothing enforces; only warn of it if allowed.

    The driver calls this after reading, before the passes.  With
    ``options.allow_unenforced`` nothing is widened: such a rule redirects, and the
    program denies what is redirected to nobody.
    """
    said = set()
    for policy in policies:
        for rule in (*policy.ingress.rules, *policy.egress.rules):
            for number, what, span in _unenforced(rule):
                if (number, span) not in said:
                    said.add((number, span))
                    _report(number, what, span, options, diagnostics)


def _unenforced(rule: Rule) -> Iterator[tuple[str, str, Span]]:
    if rule.l7 is not None:
        yield (*_PARSERS[rule.l7.parser], rule.l7.span)
    for peer in rule.peers:
        if isinstance(peer, NamePeer):
            yield (*_NAMES, peer.span or rule.span)


def _report(
    number: str, what: str, span: Span, options: Options, diagnostics: Diagnostics
) -> None:
    message = f"{what} are not enforced yet"
    if options.allow_unenforced:
        cure = _ALLOWED[number == _NAMES[0]]
        diagnostics.warning(f"W{number}", message, span, help=cure)
    else:
        diagnostics.error(f"E{number}", message, span, help=_REFUSED)
