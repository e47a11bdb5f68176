"""Labels, and the selections that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import quote
from lockgate.frontend.selectors import is_label_key, is_label_value, split_source
from lockgate.ir.labels import Operator, Requirement
from lockgate.language.ast import ExactSelection, Name, Selection, Subject, Term
from lockgate.language.build import Children, Place, first, of_type, only, token
from lockgate.language.texts import is_namespace, is_object_name, unquote

if TYPE_CHECKING:
    from lockgate.language.build import Rule, Rules
    from lockgate.language.grammar import Token
    from lockgate.source import Span

SOURCE_CURES = {
    "any": "leave it out: a label has no source here",
    "cidr": "write 'cidr 10.0.0.0/8'",
    "cidrgroup": "write 'group NAME'",
    "container": "leave it out: no label of a pod has this source",
    "fqdn": "write 'fqdn \"example.com\"'",
    "k8s": "leave it out: a label has no source here",
    "node": "write 'nodes role=worker'",
    "reserved": "write an entity, such as '@host' or '@world'",
}
"""Sources of labels in Cilium's kinds, and what is written here in their place."""

NAME_CURE = (
    "lower-case letters, digits and '-' (and '.' in names of objects), beginning and "
    "ending with a letter or digit"
)
_VALUE_CURE = (
    "a value has at most 63 letters, digits, '-', '_', '.', and begins and ends with a "
    "letter or digit"
)
_KEY_CURE = (
    "a key is [prefix/]name; the name has at most 63 letters, digits, '-', '_', '.', and "
    "begins and ends with a letter or digit"
)
_FREE_SOURCES = ("cidr", "fqdn")


class _Key(NamedTuple):
    """What a term speaks of; ``source`` only where it was written (``labels``)."""

    subject: Subject
    key: str
    source: str | None = None


class _Value(NamedTuple):
    """One value of a label, and where it stands."""

    text: str
    span: Span


class Terms(tuple[Term, ...]):
    """Terms that ``&`` joins."""

    __slots__ = ()


class Label(NamedTuple):
    """A label of a group."""

    key: str
    value: str


class Namespace(NamedTuple):
    """``in shop``, of a block."""

    name: Name


def _subject(children: Children, place: Place) -> _Key:
    word: Token = children[0]
    if word.type == "NS":
        return _Key(Subject.NAMESPACE, "")
    is_of_namespace = word.type in ("NS_KEY", "NS_KEY_ALONE")
    text = unquote(word.removeprefix("ns.") if is_of_namespace else word)
    _check_key(text, place)
    subject = Subject.NAMESPACE_LABEL if is_of_namespace else Subject.LABEL
    return _Key(subject, text)


def _exact_key(children: Children, place: Place) -> _Key:
    source, key = split_source(unquote(children[0]))
    if source not in _FREE_SOURCES:
        _check_key(key, place)
    return _Key(Subject.LABEL, key, source or "any")


def _check_key(key: str, place: Place) -> None:
    if not is_label_key(key):
        message = f"{quote(key)} is not a label key"
        place.refuse("E1817", message, place.span, _KEY_CURE)


def _value(children: Children, place: Place) -> _Value:
    text = unquote(children[0])
    if not is_label_value(text):
        message = f"{quote(text)} is not the value of a label"
        place.refuse("E1817", message, place.span, _VALUE_CURE)
    return _Value(text, place.span)


def _value_set(children: Children, place: Place) -> tuple[_Value, ...]:
    return tuple(of_type(children, _Value))


def _term(operator: Operator) -> Rule:
    def make(children: Children, place: Place) -> Term | Requirement:
        key: _Key = first(children, _Key)
        values: list[_Value] = of_type(children, _Value)
        for listed in children:
            if type(listed) is tuple:
                values += listed
        if key.subject is Subject.NAMESPACE:
            for value in values:
                check_namespace(Name(value.text, value.span), place)
        texts = tuple(sorted({value.text for value in values}))
        if key.source is not None:
            return Requirement(key.source, key.key, operator, texts)
        return Term(key.subject, key.key, operator, texts, place.span)

    return make


def check_namespace(name: Name, place: Place) -> Name:
    """Refuse what no namespace can be called."""
    if not is_namespace(name.text):
        message = f"{quote(name.text)} is not the name of a namespace"
        place.refuse("E1817", message, name.span, NAME_CURE)
    return name


def check_name(name: Name, place: Place) -> Name:
    """Refuse what no object can be called."""
    if not is_object_name(name.text):
        message = f"{quote(name.text)} is not a name that Kubernetes allows"
        place.refuse("E1817", message, name.span, NAME_CURE)
    return name


def read_prefix(children: Children, place: Place) -> Name | None:
    """Return the namespace before a colon; a source of labels there is a mistake."""
    prefix = token(children, "NS_PREFIX")
    if prefix is None:
        return None
    text, span = str(prefix).removesuffix(":"), place.span_of(prefix)
    if text in SOURCE_CURES:
        message = f"'{text}:' is a source of labels in Cilium's kinds, not a namespace"
        cure = f'{SOURCE_CURES[text]} (a namespace of that name: "{text}":)'
        place.refuse("E1801", message, span, cure)
    return check_namespace(Name(unquote(text), span), place)


def _selection(children: Children, place: Place) -> Selection:
    return Selection(read_prefix(children, place), all_terms(children), place.span)


def _namespace_selection(children: Children, place: Place) -> Selection:
    namespace = check_namespace(first(children, Name), place)
    return Selection(namespace, all_terms(children), place.span)


def all_terms(children: Children) -> tuple[Term, ...]:
    """Return the terms of a rule, whether joined before or not."""
    terms = []
    for child in children:
        if isinstance(child, Term):
            terms.append(child)
        elif isinstance(child, Terms):
            terms += child
    return tuple(terms)


def _exact(children: Children, place: Place) -> ExactSelection:
    return ExactSelection(tuple(of_type(children, Requirement)), place.span)


def _label(children: Children, place: Place) -> Label:
    key, value = first(children, _Key), first(children, _Value)
    if key.subject is not Subject.LABEL:
        cure = 'a group has no namespace; a label of that name stands in quotes: "ns"'
        place.refuse("E1808", "a label of a group is no namespace", place.span, cure)
    return Label(key.key, value.text)


def _namespace(children: Children, place: Place) -> Namespace:
    return Namespace(check_namespace(first(children, Name), place))


def _name(children: Children, place: Place) -> Name:
    return place.name(children[0])


RULES: Rules = {
    "subject": _subject,
    "subject_alone": _subject,
    "exact_key": _exact_key,
    "value": _value,
    "value_set": _value_set,
    "is": _term(Operator.IN),
    "is_in": _term(Operator.IN),
    "is_not": _term(Operator.NOT_IN),
    "is_not_in": _term(Operator.NOT_IN),
    "has": _term(Operator.EXISTS),
    "has_not": _term(Operator.DOES_NOT_EXIST),
    "term": only,
    "terms": lambda children, place: Terms(of_type(children, Term)),
    "selection": _selection,
    "namespace_selection": _namespace_selection,
    "exact": _exact,
    "label": _label,
    "name": _name,
    "namespace": _namespace,
}
