"""Classic mistakes in the language, each with its cure.

Each is known by what stands before the fault, what was found, and what follows; the first
that fits is told.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lockgate.diagnostics import quote
from lockgate.language.build_labels import SOURCE_CURES

if TYPE_CHECKING:
    from collections.abc import Callable

    Known = tuple[str, str, str]
    """Code, message, cure."""

_SYNONYMS = {
    "accept": "allow",
    "all": "everything",
    "block": "deny",
    "cidrs": "cidr",
    "drop": "deny",
    "egress": "out",
    "endpoint": "pod",
    "except:": "except",
    "ingress": "in",
    "input": "in",
    "ip": "cidr",
    "namespace": "ns",
    "output": "out",
    "permit": "allow",
    "port": "on",
    "ports": "on",
    "reject": "deny",
}
"""Words of other tools for ours."""

_STATEMENTS = ("allow", "deny", "expect", "isolate", "never", "always", "pass")
_SOURCE_BEFORE = re.compile(rf"(?:^|[\s,])({'|'.join(SOURCE_CURES)}):$")
_SET = re.compile(r"(\S+)\s+(not\s+)?in\s+([^{}\n]+)")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+(?:/\d+)?")
_AFTER_KEY = re.compile(r"$|[,&{}#]|(?:on|log|http|dns|tls|authenticate)\b")
_WORD = re.compile(r"[\w./-]+")
_PREFIX = re.compile(r"[\w.-]+:")
_ENDS_STATEMENT = re.compile(rf";+\s*(?:#|\}}|(?:{'|'.join(_STATEMENTS)}|audit)\b)")
_OTHER_QUOTES = ("\u2018", "\u2019", "\u201c", "\u201d", "\u201e", "\u00ab", "\u00bb")
_TERMS = frozenset({"KEY", "AMPERSAND"})


def find_cure(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    """Return code, message and cure of a mistake that is known; None else.

    ``after`` begins with what was ``found``.
    """
    for look in _MISTAKES:
        known = look(before, found, after, expected)
        if known is not None:
            return known
    return None


def _look_for_source(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    match = _SOURCE_BEFORE.search(before)
    if match is None:
        return None
    source = match[1]
    message = f"'{source}:' is a source of labels in Cilium's kinds, not a namespace"
    cure = SOURCE_CURES[source]
    if source == "reserved":
        cure = f"write '@{found}'"
    return "E1801", message, cure


def _look_for_address(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    start = re.search(r"[0-9A-Fa-f:.]*$", before)
    word = _ADDRESS.match((start[0] if start else "") + after)
    if word is None or "PREFIX" in expected:
        return None
    text = word[0]
    try:
        address = ip_address(text.partition("/")[0])
    except ValueError:
        return None
    prefix = text if "/" in text else f"{text}/{address.max_prefixlen}"
    message = f"{quote(text)} is an address, and stands after a word that says so"
    cure = f"write 'cidr {prefix}'; 'address {prefix}' means pods and nodes, too"
    return "E1802", message, cure


def _look_for_glob(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    word = _WORD.search(before[-60:] + "x")  # only whether something stands before
    if "*" not in found or found.startswith(('"', '~"')) or word is None:
        return None
    message = "'*' stands only in quotes"
    if "STRING" in expected and not expected & {"KEY", "VALUE"}:
        return "E1805", message, f'write "{found}"'
    cure = "labels are compared as a whole: list them, 'app in {a, b}', or 'has app'"
    return "E1805", message, cure


def _look_for_arrow(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    cure = "rules say 'allow in from A' or 'allow out to B'; '->' is for tests"
    if after.startswith("=>"):
        if before.lstrip().startswith("test"):
            cure = "write '->'"
        return "E1800", "'=>' acts, in traces only, and is no flow", cure
    if after.startswith("->"):
        if "WHERE" in expected:
            cure = "write '=>'"
        return "E1800", "'->' is only a flow between two ends, in tests", cure
    return None


def _look_for_set(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if found == "{" and "VALUE" in expected and before.rstrip().endswith("="):
        cure = "write 'KEY in {a, b}' or 'KEY not in {a, b}'"
        return "E1800", "a set of values stands behind 'in'", cure
    match = _SET.match(after)
    if match is None or "KEY" not in expected or match[1] in _STATEMENTS:
        return None
    negation = match[2] or ""
    values = re.split(r"[\s,]+(?:on|to|from|for|log)\b|[)\]]", match[3])[0].strip(" ([")
    cure = f"write '{match[1]} {negation}in {{{values}}}'"
    return "E1800", "a set of values stands in braces", cure


def _look_for_equal(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    match = re.match(r"([\w./-]+)\s*(==|=~|~=|:=|~)\s*", after)
    if match is None or "KEY" not in expected:
        return None
    cure = f"write '{match[1]}=VALUE', '{match[1]}!=VALUE' or '{match[1]} in {{a, b}}'"
    return "E1800", f"labels are not compared with '{match[2]}'", cure


def _look_for_bare_key(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if "KEY" not in expected or not re.fullmatch(r"[A-Za-z0-9][-\w./]*", found):
        return None
    rest = after[len(found) :].partition("\n")[0].strip()
    if found in _SYNONYMS or not _AFTER_KEY.match(rest):
        return None
    message = f"{quote(found)} says nothing about a label"
    cure = f"write 'has {found}', '{found}=VALUE' or 'ns {found}'"
    return "E1800", message, cure


def _look_for_subject(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if found == "{" and "FOR" in expected:
        cure = "write 'for pods' for all pods of the namespace, or 'for app=web'"
        return "E1800", "a policy says whom it is for", cure
    if found in ("all", "any", "everything", "everyone") and "ENDPOINTS" in expected:
        cure = "write 'pods'; those of every namespace: 'cluster policy NAME for pods'"
        return "E1800", f"{quote(found)} is no subject of a policy", cure
    namespace = re.search(r"([\w.-]+):\s*$", before)
    if namespace is not None and "KEY" in expected and _PREFIX.match(after):
        message = "a namespace stands before the labels, and no second ':'"
        return "E1800", message, f"write '{namespace[1]}:KEY=VALUE'"
    if namespace is not None and "KEY" in expected and "=" not in found:
        message = f"nothing stands behind '{namespace[1]}:'"
        return "E1800", message, f"for all of its pods, write 'ns {namespace[1]}'"
    return None


def _look_for_separator(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if found == ";" and _ENDS_STATEMENT.match(after):
        return "E1800", "nothing stands between two rules", "take ';' away"
    if found == "," and expected == {"LBRACE"}:
        cure = "labels are joined by '&'; whom two selectors mean takes two policies"
        return "E1800", "a policy has one subject", cure
    if "COMMA" not in expected:
        return None
    if found == ";" or re.match(
        r"(?:tcp|udp|sctp|icmp|icmpv6|any|proto)(?:/|\b)", found
    ):
        return "E1800", "what is listed is separated by commas", "write ','"
    return None


def _look_for_colon(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    protocol = re.search(r"\b(tcp|udp|sctp|any|icmp|icmpv6)$", before)
    port = re.match(r"\s*[:=]?\s*([\w-]+)", after)
    if protocol is None or port is None or not after.startswith((":", "=")):
        return None
    return "E1806", "a port stands behind '/'", f"write '{protocol[1]}/{port[1]}'"


def _look_for_logic(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if "AMPERSAND" in expected and after.startswith(("and ", "&&")):
        return "E1800", f"labels are joined by '&', not {quote(found)}", "write '&'"
    if found == "&" and before.rstrip().endswith("&"):
        return "E1800", "labels are joined by one '&'", "take one away"
    if after.startswith(("or ", "||", "|")) and "AMPERSAND" in expected:
        cure = "write 'tier in {a, b}', or several ends: 'app=a, app=b'"
        return "E1800", f"{quote(found)} does not join labels", cure
    if after.startswith("!") and "NOT" in expected:
        return "E1800", "'!' stands only before '='", "write 'not KEY'"
    return None


def _look_for_direction(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if found in ("from", "to") and {"IN", "OUT"} <= expected:
        word = "in" if found == "from" else "out"
        return "E1800", "a rule has a direction", f"write '{word} {found}'"
    if found in ("from", "to") and expected & {"FROM", "TO"}:
        word = "in from" if found == "from" else "out to"
        cure = f"'in' goes with 'from', 'out' with 'to': write '{word}'"
        return "E1800", f"{quote(found)} does not go with this direction", cure
    if found in ("all", "any", "both", "everything") and {"IN", "OUT"} <= expected:
        last = re.search(r"(\w+)\s*$", before)
        said = last[1] if last else "deny"
        cure = f"write '{said} in from everything' or '{said} out to everything'"
        if said == "isolate":
            cure = "write 'isolate in, out'"
        return "E1800", "a direction is missing", cure
    if found in ("pod", "node") and "PODS" in expected:
        cure = "write its labels: 'shop:app=web', 'nodes kubernetes.io/hostname=node-1'"
        return "E1800", f"a {found} is named in tests; policies choose by labels", cure
    if found in ("on", "log", "http") and expected & {"FROM", "TO"}:
        word = "from" if "FROM" in expected else "to"
        message = "a rule says whom it is about"
        return "E1800", message, f"for everyone, write '{word} everything'"
    return None


def _look_for_synonym(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    word = _SYNONYMS.get(found.lower().rstrip(":"))
    if word is None:
        return None
    terminals = {"allow": "ACTION", "deny": "ACTION", "pod": "PODS"}
    if terminals.get(word, word.upper()) not in expected:
        return None
    return "E1800", f"{quote(found)} is not a word of the language", f"write '{word}'"


def _look_for_quote(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if found.startswith(('"', '~"')) and not re.fullmatch(
        r'~?"(?:[^"\\\n]|\\[^\n])*"', found
    ):
        cure = "a text begins and ends with '\"', in one line"
        return "E1805", "this text has no end", cure
    if found.startswith(("'", *_OTHER_QUOTES)):
        return "E1805", "a text stands in double quotes", 'write "..."'
    if "STRING" in expected and not expected & {"KEY", "NAME", "VALUE", "KEY_ALONE"}:
        match = re.match(r"[^\s\"{},]+", after)
        if match and not after.startswith(("{", "}", ",")) and len(expected) <= 2:
            return "E1805", "a text stands in quotes", f'write "{match[0]}"'
    return None


def _look_for_odd_name(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    """Look for a name, key or value that goes on with what it cannot have."""
    start = re.search(r"[\w./-]*$", before)
    rest = re.match(r"[\w./-]+", after)
    if start is None or rest is None or (start[0] and before[-1:].isspace()):
        return None
    word = start[0] + rest[0]
    if not start[0] and not found.startswith(("-", "_", ".")):
        return None
    if word in ("-", ".", "/") or expected == {"FLOWS"}:
        return None
    message = f"{quote(word)} is not a name, key or value"
    cure = (
        "they have letters a to z, digits, '-', '_' and '.', and begin and end with a letter "
        "or digit; only keys have one '/'"
    )
    return "E1817", message, cure


def _look_for_block(
    before: str, found: str, after: str, expected: frozenset[str]
) -> Known | None:
    if before.strip():
        return None
    if "TEST" in expected and "POLICY" not in expected and found in _BLOCKS:
        message = "a file of tests holds no policies"
        cure = "call the file *.gate, where both may stand; or move this block to one"
        return "E1808", message, cure
    if found in ("apiVersion", "kind", "metadata", "spec", "---", "-", "{"):
        message = "this is YAML or JSON, not the native language"
        return "E1800", message, "name the file *.yaml, or convert it: lockgate convert"
    return None


_BLOCKS = (
    "admin",
    "baseline",
    "cluster",
    "group",
    "host",
    "policy",
    "service",
    "trace",
)

if TYPE_CHECKING:
    Look = Callable[[str, str, str, frozenset[str]], Known | None]

_MISTAKES: tuple[Look, ...] = (
    _look_for_block,
    _look_for_source,
    _look_for_address,
    _look_for_glob,
    _look_for_quote,
    _look_for_arrow,
    _look_for_set,
    _look_for_equal,
    _look_for_direction,
    _look_for_colon,
    _look_for_separator,
    _look_for_subject,
    _look_for_logic,
    _look_for_synonym,
    _look_for_bare_key,
    _look_for_odd_name,
)
