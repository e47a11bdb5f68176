"""``.lockgate-lint.yaml``: severities with reasons and dates, budgets, what must stay reachable.

::

    findings:
    - finding: shadowed-rule         # a name or a code, as findings print them
      severity: off                  # error, warning, note or off
      paths: ["legacy/*"]            # optional; * also matches /
      reason: goes away with the old cluster
      until: 2027-01-31              # optional: the first day on which it does not hold
    budgets: {map-entries: 100000, map-bytes: 4000000, identity-classes: 500}
    protected:                       # must stay reachable, else lock-out is an error
    - {name: ssh from the office, from: 203.0.113.0/24, to: nodes, port: tcp/22}
    exposed: ["shop/ingress*"]       # workloads that the world may reach

Mistakes are diagnostics at their line, as those of policies are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, NamedTuple

from lockgate.codes import CODES
from lockgate.diagnostics import did_you_mean, quote
from lockgate.findings import Level
from lockgate.frontend.schema import Fields, read_integer
from lockgate.frontend.yaml_reader import read_yaml
from lockgate.ir.policy import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.nodes import Node
    from lockgate.source import Source, Span

FILE = ".lockgate-lint.yaml"
"""The name under which a configuration is found in the current folder."""

OFF = "off"
BUDGETS = (
    "identity-classes",
    "map-bytes",
    "map-entries",
    "port-ranges",
    "verdict-tables",
)
"""What can have a ceiling; see ``checks/budget.py``."""

_FIELDS = ("budgets", "exposed", "findings", "protected")
_SEVERITIES = {level.value: level for level in Level if level is not Level.UNSUPPORTED}
_PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "sctp": Protocol.SCTP}
_PORT = re.compile(r"(tcp|udp|sctp)/([0-9]{1,5})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Setting(NamedTuple):
    """The severity of some findings, perhaps below some paths only, perhaps for a time."""

    codes: frozenset[str]
    finding: str
    severity: Level | None
    paths: tuple[str, ...]
    until: date | None
    reason: str | None
    span: Span

    def concerns(self, code: str, span: Span | None) -> bool:
        """Whether it speaks of a finding with this code at this place."""
        if code not in self.codes:
            return False
        if not self.paths:
            return True
        names = () if span is None else (span.source.name, span.source.alias)
        return any(fnmatchcase(name, path) for name in names for path in self.paths)


class End(NamedTuple):
    """One end of a protected connection: a network, ``nodes``, ``world``, or pods."""

    text: str
    network: IPv4Network | IPv6Network | None


class Protected(NamedTuple):
    """A connection that no policy may cut."""

    name: str
    source: End
    destination: End
    protocol: Protocol
    port: int
    span: Span


@dataclass(frozen=True, slots=True)
class Config:
    """All of the file; without one, nothing is changed.

    ``exposed`` is None where the file does not say who may be reached from the world.
    """

    settings: tuple[Setting, ...] = ()
    budgets: Mapping[str, tuple[int, Span]] = field(default_factory=dict)
    protected: tuple[Protected, ...] = ()
    exposed: tuple[tuple[str, Span], ...] | None = None


def read_config(source: Source, diagnostics: Diagnostics) -> Config:
    """Return what a configuration says; worthless if ``diagnostics`` has errors."""
    nodes = read_yaml(source, diagnostics)
    if not nodes:
        return Config()
    fields = Fields(nodes[0], "the configuration", diagnostics, known=_FIELDS)
    settings = [_read_setting(n, diagnostics) for n in fields.items("findings")]
    protected = [_read_protected(n, diagnostics) for n in fields.items("protected")]
    return Config(
        tuple(setting for setting in settings if setting is not None),
        _read_budgets(fields, diagnostics),
        tuple(item for item in protected if item is not None),
        fields.strings("exposed") if fields.has("exposed") else None,
    )


def read_date(text: str) -> date | None:
    """Return a day written as 2027-01-31; None where it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def find_codes(word: str) -> frozenset[str]:
    """Return the codes that a name or a code means."""
    return frozenset(code for code, page in CODES.items() if word in (code, page.name))


def may_change(code: str) -> bool:
    """Whether a finding's severity is the user's to choose: compile refuses other errors."""
    return code[0] != "E" or code.startswith(("E30", "E60"))


# ---------------------------------------------------------------- parts


def _read_setting(node: Node, diagnostics: Diagnostics) -> Setting | None:
    known = ("finding", "paths", "reason", "severity", "until")
    fields = Fields(node, "a finding's setting", diagnostics, known=known)
    word = fields.string("finding", required=True)
    severity = _read_severity(fields, diagnostics)
    paths = tuple(text for text, _ in fields.strings("paths"))
    reason = fields.string("reason")
    until = _read_until(fields, diagnostics)
    if word is None or severity is None:
        return None
    codes = find_codes(word)
    if not codes:
        names = {page.name for page in CODES.values()} | set(CODES)
        cure = did_you_mean(word, names) or "`lockgate lint` prints code and name"
        message = f"no finding is called {quote(word)}"
        diagnostics.error("E6030", message, fields.span("finding"), help=cure)
        return None
    changeable = frozenset(code for code in codes if may_change(code))
    if not changeable:
        message = f"{word} is an error of the compiler: its severity is not a choice"
        cure = "mend what it says, since `lockgate compile` refuses it, too"
        diagnostics.error("E6032", message, fields.span("finding"), help=cure)
        return None
    if severity == OFF and not (reason or "").strip():
        message = f"{word} is switched off without a reason"
        cure = "add 'reason', for whoever asks in a year; perhaps 'until'"
        diagnostics.error("E1006", message, node.span, help=cure)
    level = _SEVERITIES.get(severity)
    return Setting(changeable, word, level, paths, until, reason, node.span)


def _read_severity(fields: Fields, diagnostics: Diagnostics) -> str | None:
    return fields.string("severity", enum={*_SEVERITIES, OFF}, required=True)


def _read_until(fields: Fields, diagnostics: Diagnostics) -> date | None:
    text = fields.string("until")
    if text is None:
        return None
    found = read_date(text)
    if found is None:
        message = f"{quote(text)} is not a date"
        cure = "write year-month-day, such as 2027-01-31"
        diagnostics.error("E6031", message, fields.span("until"), help=cure)
    return found


def _read_budgets(
    fields: Fields, diagnostics: Diagnostics
) -> dict[str, tuple[int, Span]]:
    budgets = fields.fields("budgets", "budgets", known=BUDGETS)
    found = {}
    for name, entry in budgets.entries() if budgets else ():
        if name in BUDGETS and not entry.value.is_null:
            ceiling = read_integer(entry.value, f"'{name}'", diagnostics, minimum=0)
            if ceiling is not None:
                found[name] = ceiling, entry.key.span
    return found


def _read_protected(node: Node, diagnostics: Diagnostics) -> Protected | None:
    known = ("from", "name", "port", "to")
    fields = Fields(node, "a protected connection", diagnostics, known=known)
    name = fields.string("name", required=True)
    port = fields.string("port", required=True)
    ends = [_read_end(fields, word, diagnostics) for word in ("from", "to")]
    match = None if port is None else _PORT.fullmatch(port)
    number = int(match[2]) if match else 0
    if port is not None and not 0 < number < 1 << 16:
        message = f"{quote(port)} is no port"
        cure = "write protocol and number, such as tcp/22"
        diagnostics.error("E6034", message, fields.span("port"), help=cure)
        return None
    source, destination = ends
    if name is None or match is None or source is None or destination is None:
        return None
    protocol = _PROTOCOLS[match[1]]
    return Protected(name, source, destination, protocol, number, node.span)


def _read_end(fields: Fields, name: str, diagnostics: Diagnostics) -> End | None:
    text = fields.string(name, required=True)
    if text is None:
        return None
    if text in ("nodes", "world") or text.startswith("node/"):
        return End(text, None)
    network = _read_network(text)
    if network is not None and str(network) != text and "/" in text:
        message = f"{quote(text)} has bits beyond its length"
        diagnostics.error("E6034", message, fields.span(name), help=f"write {network}")
        return None
    if network is not None:
        return End(text, network)
    if re.fullmatch(r"[-a-z0-9.*?]+/[-a-z0-9.*?]+", text):
        return End(text, None)
    message = f"{quote(text)} names nobody"
    cure = (
        "write a prefix, 'world', 'nodes', 'node/NAME', or 'namespace/pod' with * and ?"
    )
    diagnostics.error("E6034", message, fields.span(name), help=cure)
    return None


def _read_network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
