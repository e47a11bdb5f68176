"""How long an address is: the parameter behind it says so, and no policy names it.

``security_socket_connect(sock, address, addrlen)``: what stands behind that many bytes is left
over from something else, and no part of a unix socket's name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.ir.tracing_arguments import ArgumentType

if TYPE_CHECKING:
    from lockgate.ir.tracing import Hook
    from lockgate.ir.tracing_arguments import Argument
    from lockgate.targets.target import Prototype


def with_lengths(hook: Hook, prototype: Prototype | None) -> Hook:
    """Return a hook whose addresses of unix sockets name the parameter with their length."""
    if prototype is None:
        return hook
    names = [parameter.name for parameter in prototype.type.parameters]

    def measured(argument: Argument) -> Argument:
        behind = argument.index + 1
        is_address = argument.type is ArgumentType.SOCKADDR_UN and not argument.resolve
        if is_address and behind < len(names) and "len" in names[behind]:
            return replace(argument, size_index=behind)
        return argument

    return replace(hook, arguments=tuple(measured(a) for a in hook.arguments))
