"""Whether one selector provably matches whatever another does.

A proof goes filter by filter: every filter of the wider selector must follow from one of the
narrower.  Where this finds no proof, nothing is said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lockgate.ir.tracing_meaning import meaning_of_filters
from lockgate.ir.tracing_selectors import (
    FILTERS,
    BinaryMatch,
    CapabilityMatch,
    Comparison,
    HookSelector,
    NamespaceChangeMatch,
    NamespaceMatch,
    PidMatch,
    ValueMatch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network


def matches_more(wider: HookSelector, narrower: HookSelector) -> bool:
    """Whether ``wider`` matches each hit that ``narrower`` does, by a proof."""
    if wider.workloads != narrower.workloads and not wider.workloads.is_everything:
        return False
    return all(
        any(_follows(known, wanted) for known in getattr(narrower, section))
        for section in FILTERS
        for wanted in getattr(wider, section)
    )


def _follows(known: Any, wanted: Any) -> bool:  # noqa: ANN401  # filters of one section
    """Whether ``wanted`` holds wherever ``known`` does."""
    span = wanted.span
    if _form(replace(known, span=span)) == _form(wanted):
        return True
    if known.is_negated != wanted.is_negated:
        return False
    # What is not among many is not among few of them, and the other way round.
    less, more = (wanted, known) if known.is_negated else (known, wanted)
    match known:
        case ValueMatch() if known.arguments == wanted.arguments:
            return _values_within(less, more)
        case BinaryMatch() if known.follows_children == wanted.follows_children:
            return _texts_within(
                less.values, less.comparison, more.values, more.comparison
            )
        case PidMatch():
            alike = replace(known, pids=(), span=span) == replace(wanted, pids=())
            return alike and set(less.pids) <= set(more.pids)
        case NamespaceMatch():
            alike = known.namespace is wanted.namespace
            is_host = more.is_host or not less.is_host
            return alike and is_host and set(less.inodes) <= set(more.inodes)
        case NamespaceChangeMatch():
            return set(less.namespaces) <= set(more.namespaces)
        case CapabilityMatch():
            alike = (known.set, known.is_namespaced) == (
                wanted.set,
                wanted.is_namespaced,
            )
            return alike and not less.capabilities & ~more.capabilities
    return False


def _form(match: Any) -> object:  # noqa: ANN401  # any filter
    """Return a filter as it compares, without places in the text."""
    empty = HookSelector(match.span)
    return meaning_of_filters(replace(empty, arguments=(match,)))


def _values_within(less: ValueMatch, more: ValueMatch) -> bool:
    if (
        less.lists
        or more.lists
        or Comparison.EXPRESSION
        in (
            less.comparison,
            more.comparison,
        )
    ):
        return False
    if less.texts and more.texts and not (less.ranges or more.ranges):
        return _texts_within(less.texts, less.comparison, more.texts, more.comparison)
    if less.networks and more.networks:
        return less.comparison is more.comparison and all(
            any(_network_within(a, b) for b in more.networks) for a in less.networks
        )
    return _numbers_within(less, more)


def _network_within(a: IPv4Network | IPv6Network, b: IPv4Network | IPv6Network) -> bool:
    if a.version != b.version or a.prefixlen < b.prefixlen:
        return False
    return int(a.network_address) & int(b.netmask) == int(b.network_address)


def _numbers_within(less: ValueMatch, more: ValueMatch) -> bool:
    if less.texts or more.texts or not less.ranges or not more.ranges:
        return False
    exact = {Comparison.EQUAL, Comparison.IN_MAP, Comparison.IN_RANGE}
    same = less.comparison is more.comparison
    if same and less.comparison is Comparison.GREATER:
        return min(r.first for r in less.ranges) >= min(r.first for r in more.ranges)
    if same and less.comparison is Comparison.LESS:
        return max(r.first for r in less.ranges) <= max(r.first for r in more.ranges)
    if same and less.comparison is Comparison.MASK:
        return set(less.ranges) <= set(more.ranges)
    if not same and not {less.comparison, more.comparison} <= exact:
        return False
    return all(
        any(b.first <= a.first and a.last <= b.last for b in more.ranges)
        for a in less.ranges
    )


def _texts_within(
    less: Iterable[str],
    how: Comparison,
    more: Iterable[str],
    how_more: Comparison,
) -> bool:
    listed = list(more)
    return all(any(_text_within(a, how, b, how_more) for b in listed) for a in less)


def _text_within(a: str, how: Comparison, b: str, how_more: Comparison) -> bool:
    """Whether each text that compares with ``a`` compares with ``b``, too."""
    if how is how_more and a == b:
        return True
    exact = how is Comparison.EQUAL
    match how_more:
        case Comparison.PREFIX:
            return (exact or how is Comparison.PREFIX) and a.startswith(b)
        case Comparison.POSTFIX:
            return (exact or how is Comparison.POSTFIX) and a.endswith(b)
        case Comparison.SUBSTRING:
            wide = (Comparison.PREFIX, Comparison.POSTFIX, Comparison.SUBSTRING)
            return (exact or how in wide) and b in a
    return False
