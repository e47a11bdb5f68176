"""What expressions of CEL can call, with the types of what goes in and comes out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate_runtime.tracing.cel.types import compile_regex
from lockgate_runtime.tracing.times import read_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

MACROS = ("all", "exists", "exists_one", "filter", "map")
"""Methods of lists with a variable and an expression of it."""


class Function(NamedTuple):
    """One function: types of its operands (words with spaces are choices), and of its result."""

    operands: tuple[str, ...]
    result: str
    call: Callable[..., Any]


_SIZED = "string bytes list map"


def _address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text)


def _contains(network: Any, inner: object) -> bool:  # noqa: ANN401 - of either version
    found: Any = ip_address(inner) if isinstance(inner, str) else inner
    return bool(found.version == network.version and found in network)


def _contains_network(network: Any, inner: object) -> bool:  # noqa: ANN401 - of either version
    found: Any = ip_network(inner, strict=False) if isinstance(inner, str) else inner
    return bool(found.version == network.version and found.subnet_of(network))


def _is(read: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return holds


def _string(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode() if isinstance(value, bytes) else str(value)


_SCALAR = "int uint double string bytes bool ip cidr"

FUNCTIONS: dict[str, Function] = {
    "size": Function((_SIZED,), "int", len),
    "int": Function(("int uint double string timestamp",), "int", int),
    "uint": Function(("int uint double string",), "uint", int),
    "double": Function(("int uint double string",), "double", float),
    "string": Function((_SCALAR,), "string", _string),
    "timestamp": Function(("string",), "timestamp", read_timestamp),
    "ip": Function(("string",), "ip", _address),
    "cidr": Function(("string",), "cidr", lambda text: ip_network(text, strict=False)),
    "isIP": Function(("string",), "bool", _is(ip_address)),
    "isCIDR": Function(("string",), "bool", _is(lambda t: ip_network(t, strict=False))),
}

METHODS: dict[str, Function] = {
    "size": Function((_SIZED,), "int", len),
    "contains": Function(("string", "string"), "bool", lambda text, part: part in text),
    "startsWith": Function(("string", "string"), "bool", str.startswith),
    "endsWith": Function(("string", "string"), "bool", str.endswith),
    "matches": Function(
        ("string", "string"),
        "bool",
        lambda text, pattern: bool(compile_regex(pattern).search(text)),
    ),
    "containsIP": Function(("cidr", "ip string"), "bool", _contains),
    "containsCIDR": Function(("cidr", "cidr string"), "bool", _contains_network),
    "family": Function(("ip",), "int", lambda address: address.version),
    "isLoopback": Function(("ip",), "bool", lambda address: address.is_loopback),
    "isUnspecified": Function(("ip",), "bool", lambda address: address.is_unspecified),
    "isLinkLocalUnicast": Function(
        ("ip",), "bool", lambda address: address.is_link_local
    ),
    "isGlobalUnicast": Function(
        ("ip",),
        "bool",
        lambda a: (
            not (a.is_unspecified or a.is_loopback or a.is_multicast or a.is_link_local)
        ),
    ),
    "prefixLength": Function(("cidr",), "int", lambda network: network.prefixlen),
}
