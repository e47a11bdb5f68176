"""Services: read, and not enforced yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.frontend.cidr import parse_prefix
from lockgate.language.ast import Name, Traffic
from lockgate.language.ast_traces import Backends, Listen, Service
from lockgate.language.build import Children, Place, first, of_type
from lockgate.language.build_ends import Prefix
from lockgate.language.build_labels import Namespace, check_name
from lockgate.language.grammar import Token

if TYPE_CHECKING:
    from lockgate.language.build import Rules


def _listen(children: Children, place: Place) -> Listen | None:
    prefix = first(children, Prefix)
    network = parse_prefix(prefix.text, prefix.span, place.diagnostics)
    traffic = next((child for child in children if type(child) is tuple), ())
    return None if network is None else Listen(network, traffic, place.span)


def _backends(children: Children, place: Place) -> Backends | None:
    traffic = first(children, Traffic)
    ends = [c for c in children if not isinstance(c, Token | Traffic)]
    if traffic is None or not ends:
        return None
    return Backends(ends[0], traffic, place.span)


def _service_block(children: Children, place: Place) -> Service:
    name = check_name(first(children, Name), place)
    return Service(
        name,
        first(children, Namespace).name,
        tuple(of_type(children, Listen)),
        tuple(of_type(children, Backends)),
        place.span,
    )


RULES: Rules = {
    "listen": _listen,
    "backends": _backends,
    "service_block": _service_block,
}
