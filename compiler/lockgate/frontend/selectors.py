"""Label selectors: ``matchLabels`` and ``matchExpressions`` to requirements.

Kubernetes' selectors speak of one object's labels.  Cilium's may put a source before a
key (``k8s:app``, ``reserved:host``, ``$host``); a key without one means any source.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, Severity, did_you_mean, quote
from lockgate.frontend.schema import (
    Fields,
    Mapping,
    Node,
    read_string,
    wrong_type,
)
from lockgate.ir.labels import NAMESPACE, Operator, Requirement, Selector
from lockgate.ir.resolution import RESERVED

if TYPE_CHECKING:
    from lockgate.source import Span

SOURCES = frozenset(
    {
        "any",
        "cidr",
        "cidrgroup",
        "cilium-generated",
        "container",
        "directory",
        "fqdn",
        "ingress",
        "k8s",
        "node",
        "policy",
        "reserved",
        "unspec",
    }
)
"""Label sources of Cilium; see also ``ir/labels.py``."""

NAMESPACE_OF_POD = f"k8s:{NAMESPACE}"
"""How tracing policies name the namespace of a pod in selectors of its labels (pkg/labels of the
reference); no API server lets another kind have a key with a colon."""

_FREE_SOURCES = frozenset({"cidr", "fqdn"})
"""Sources whose keys (prefixes, name patterns) are no Kubernetes label keys."""

OPERATORS = {operator.value: operator for operator in Operator}
_HAVE_VALUES = frozenset({Operator.IN, Operator.NOT_IN})

_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PREFIX = re.compile(
    r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
)
_PREFIX_LENGTH = 253

_KEY_CURE = (
    "a key is [prefix/]name; the name has at most 63 letters, digits, '-', '_', '.', "
    "and begins and ends with a letter or digit"
)
_ALL_CURE = "to match everyone, write 'fromEntities: [all]' or 'toEntities: [all]'"
_VALUE_CURE = (
    "a value has at most 63 letters, digits, '-', '_', '.', "
    "and begins and ends with a letter or digit"
)


def parse_label_selector(
    node: Node,
    diagnostics: Diagnostics,
    *,
    default_source: str = "any",
    key_prefix: str = "",
    what: str = "LabelSelector",
    is_of_fields: bool = False,
) -> Selector | None:
    """Return the selector that a node holds; None where it is mistaken.

    ``default_source`` is the source of keys without a prefix: with ``any`` (Cilium) a key
    may name its own, with another (``k8s``) it may not.  ``key_prefix`` is put before
    every key, such as that of namespace labels.  ``is_of_fields``: what is selected is no label,
    so that any value may be asked for.
    """
    before = diagnostics.count(Severity.ERROR)
    known = ("matchExpressions", "matchLabels")
    fields = Fields(node, what, diagnostics, known=known)
    requirements = set()
    labels = fields.mapping("matchLabels")
    for entry in labels or ():
        source, key = _read_key(
            entry.key.text, entry.key.span, default_source, diagnostics
        )
        name = f"label {quote(entry.key.text)}"
        value = _read_value(entry.value, name, diagnostics, is_free=is_of_fields)
        if value is not None:
            values = (value,)
            requirements.add(Requirement(source, key_prefix + key, Operator.IN, values))
    for item in fields.items("matchExpressions"):
        requirement = _parse_expression(
            item, default_source, key_prefix, diagnostics, is_free=is_of_fields
        )
        if requirement is not None:
            requirements.add(requirement)
    if not isinstance(node, Mapping) or diagnostics.count(Severity.ERROR) > before:
        return None
    return make_selector(requirements)


def make_selector(requirements: set[Requirement]) -> Selector:
    """Return a selector with its requirements in their one order."""
    return Selector(tuple(sorted(requirements, key=_order)))


def is_label_value(text: str) -> bool:
    """Whether Kubernetes allows this as the value of a label."""
    return _VALUE.fullmatch(text) is not None


def is_label_key(text: str) -> bool:
    """Whether Kubernetes allows this as the key of a label."""
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > _PREFIX_LENGTH or not _PREFIX.fullmatch(prefix)):
        return False
    return _NAME.fullmatch(name) is not None


def split_source(key: str) -> tuple[str, str]:
    """Split ``source:key`` as Cilium does; the source is empty where none is given."""
    if key.startswith("$"):
        return "reserved", key[1:]
    source, colon, rest = key.partition(":")
    if colon:
        return source, rest
    if key.startswith("reserved."):
        return "reserved", key.removeprefix("reserved.")
    return "", key


def _order(requirement: Requirement) -> tuple[str, str, str, tuple[str, ...]]:
    return (
        requirement.key,
        requirement.source,
        requirement.operator.value,
        requirement.values,
    )


def _parse_expression(
    item: Node,
    default_source: str,
    key_prefix: str,
    diagnostics: Diagnostics,
    *,
    is_free: bool,
) -> Requirement | None:
    known = ("key", "operator", "values")
    fields = Fields(item, "LabelSelectorRequirement", diagnostics, known=known)
    word = fields.string("operator", enum=OPERATORS, required=True)
    key = fields.string("key", required=True)
    values = _read_values(fields, diagnostics, is_free=is_free)
    if word is None or key is None or values is None:
        return None
    operator = OPERATORS[word]
    if operator in _HAVE_VALUES and not values:
        message = f"operator {word} needs at least one value"
        cure = "Exists and DoesNotExist ask for the key alone"
        diagnostics.error("E1020", message, fields.node.span, help=cure)
    if operator not in _HAVE_VALUES and values:
        message = f"operator {word} takes no values"
        cure = (
            f"use {'In' if operator is Operator.EXISTS else 'NotIn'} to compare values"
        )
        diagnostics.error("E1020", message, fields.span("values"), help=cure)
    source, key = _read_key(key, fields.span("key"), default_source, diagnostics)
    return Requirement(source, key_prefix + key, operator, tuple(sorted(set(values))))


def _read_values(
    fields: Fields, diagnostics: Diagnostics, *, is_free: bool
) -> list[str] | None:
    found = []
    items = fields.items("values")
    for item in items:
        value = _read_value(item, "a value", diagnostics, is_free=is_free)
        if value is not None:
            found.append(value)
    return found if len(found) == len(items) else None


def _read_key(
    text: str, span: Span, default_source: str, diagnostics: Diagnostics
) -> tuple[str, str]:
    if default_source != "any":
        if text == NAMESPACE_OF_POD:
            return default_source, NAMESPACE
        _check_key(text, span, diagnostics)
        return default_source, text
    source, key = split_source(text)
    if source and source not in SOURCES:
        message = f"no label has the source {quote(source)}: this matches nothing"
        cure = did_you_mean(source, SOURCES)
        diagnostics.warning("W1024", message, span, help=cure)
    elif source == "reserved" and key not in RESERVED:
        message = f"nothing has the label {quote(f'reserved:{key}')}"
        cure = _ALL_CURE if key == "all" else did_you_mean(key, RESERVED)
        diagnostics.warning("W1024", message, span, help=cure)
    if source not in _FREE_SOURCES:
        _check_key(key, span, diagnostics)
    return source or default_source, key


def _check_key(key: str, span: Span, diagnostics: Diagnostics) -> None:
    if is_label_key(key):
        return
    source = split_source(key)[0]
    cure = _KEY_CURE
    if source in SOURCES:
        cure = f"the source '{source}:' before a key is for Cilium's kinds only"
    message = f"{quote(key)} is not a label key"
    diagnostics.error("E1018", message, span, help=cure)


def _read_value(
    node: Node, what: str, diagnostics: Diagnostics, *, is_free: bool
) -> str | None:
    if node.is_null:
        cure = 'write "" to match a label without a value'
        wrong_type(node, what, "a string", diagnostics, cure)
        return None
    value = read_string(node, what, diagnostics)
    if value is not None and not is_free and not is_label_value(value):
        message = f"{quote(value)} is not the value of a label"
        diagnostics.error("E1018", message, node.span, help=_VALUE_CURE)
        return None
    return value
