"""CIDR prefixes as policies write them, strictly: ``address/length`` and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from lockgate.diagnostics import Diagnostics, quote
from lockgate.ir.policy import Scope
from lockgate.options import Semantics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockgate.options import Options
    from lockgate.source import Span

Network = IPv4Network | IPv6Network

_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_MAPPED = IPv6Network("::ffff:0:0/96")


def parse_prefix(text: str, span: Span, diagnostics: Diagnostics) -> Network | None:
    """Return the prefix; bits beyond its length are dropped, with a warning.

    Kubernetes' API server drops them too (``net.ParseCIDR``).  A bare address is refused
    as Cilium 1.20 does (earlier versions took it for a /32 in some fields only).
    """
    network, fault, cure = _read(text)
    if network is None:
        message = f"{quote(text)} is not a prefix: {fault}"
        diagnostics.error("E1040", message, span, help=cure)
    elif fault:
        message = f"{quote(text)} has bits beyond its length: taken as {network}"
        diagnostics.warning("W1040", message, span, help=cure)
    return network


def unmap_prefix(text: str) -> str | None:
    """Return the IPv4 prefix of one that is mapped into IPv6 (RFC 4291, 2.5.5.2), else None.

    Who reads YAML does not ask for it: Kubernetes refuses such prefixes (KEP-4858), and to
    Cilium, by Go's ``netip``, they are IPv6 prefixes that hold no IPv4 address.  Either way a
    deny of them would deny nothing.
    """
    address, _, length = text.partition("/")
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if not isinstance(parsed, IPv6Address) or "%" in address:
        return None
    if parsed.ipv4_mapped is None or not _LENGTH.fullmatch(length):
        return None
    rest = int(length) - _MAPPED.prefixlen
    return f"{parsed.ipv4_mapped}/{rest}" if 0 <= rest <= 32 else None


def parse_prefixes(
    texts: Iterable[tuple[str, Span]], diagnostics: Diagnostics
) -> tuple[Network, ...]:
    """Return several prefixes; mistaken ones are left out, each with an error."""
    found = (parse_prefix(text, span, diagnostics) for text, span in texts)
    return tuple(network for network in found if network is not None)


def parse_excepts(
    network: Network | None,
    texts: Iterable[tuple[str, Span]],
    diagnostics: Diagnostics,
    *,
    is_strict: bool = False,
) -> tuple[Network, ...]:
    """Return the exceptions of ``network``, which must contain each of them.

    ``network`` is None where exceptions narrow a group, whose prefixes are elsewhere.
    ``is_strict``: an exception must leave something (Kubernetes' ValidateIPBlock).
    """
    found = []
    for text, span in texts:
        inner = parse_prefix(text, span, diagnostics)
        if inner is None:
            continue
        found.append(inner)
        if network is not None and not _contains(network, inner):
            message = f"the exception {inner} is not inside {network}"
            cure = (
                "an exception only narrows its own prefix; to deny, write a deny rule"
            )
            diagnostics.error("E1041", message, span, help=cure)
        elif is_strict and inner == network:
            message = f"the exception {inner} leaves nothing of its prefix"
            diagnostics.error("E1041", message, span, help="take the whole block away")
    return tuple(found)


def address_scope(options: Options) -> Scope:
    """Return whom a prefix of a Kubernetes kind selects: by address alone, or as Cilium."""
    is_cilium = options.semantics is Semantics.CILIUM
    return Scope.WORLD if is_cilium else Scope.EVERY


def _contains(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


@lru_cache(maxsize=65536)
def _read(text: str) -> tuple[Network | None, str, str | None]:
    """Return the network, what is wrong with the text, and how to mend it."""
    address, slash, length = text.partition("/")
    try:
        parsed = ip_address(address)
    except ValueError:
        return (
            None,
            f"{quote(address)} is no IP address",
            "such as 10.0.0.0/8 or fd00::/8",
        )
    if not slash:
        whole = f"{text}/{parsed.max_prefixlen}"
        cure = f"write {unmap_prefix(whole) or whole} for this one address"
        return None, "it has no length", cure
    if not _LENGTH.fullmatch(length) or int(length) > parsed.max_prefixlen:
        fault = f"its length must be a number from 0 to {parsed.max_prefixlen}"
        return None, fault, f"such as {address}/{parsed.max_prefixlen}"
    if "%" in address:
        return (
            None,
            "a prefix has no zone",
            f"write {address.partition('%')[0]}/{length}",
        )
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        fault = "packets never carry IPv4 addresses that are mapped into IPv6"
        return None, fault, f"write {unmap_prefix(text)}"
    is_canonical = network.network_address == parsed
    return network, "" if is_canonical else "host bits", f"write {network}"
