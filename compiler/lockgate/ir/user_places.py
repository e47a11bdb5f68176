"""Places in programs of user space, each by a name of its own that sites are sorted by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.ir.tracing import UserFunction, UserProbe


class UserPlace(NamedTuple):
    """One place of a uprobe: exactly one of symbol, offset in the file and address is there.

    ``counter`` is where in the file a counter of users stands, 0 for none.
    """

    name: str
    symbol: str = ""
    offset: int | None = None
    address: int | None = None
    counter: int = 0


def user_places(place: UserFunction) -> Iterator[UserPlace]:
    """Yield the places of a uprobe; ``PATH:SYMBOL``, ``PATH:+OFFSET`` and ``PATH:@ADDRESS``."""
    count = len(place.symbols or place.offsets or place.addresses)
    counters = place.reference_counters or (0,) * count
    path = place.path
    for symbol, counter in zip(place.symbols, counters, strict=False):
        yield UserPlace(f"{path}:{symbol}", symbol=symbol, counter=counter)
    for offset, counter in zip(place.offsets, counters, strict=False):
        yield UserPlace(f"{path}:+{offset:#x}", offset=offset, counter=counter)
    for address, counter in zip(place.addresses, counters, strict=False):
        yield UserPlace(f"{path}:@{address:#x}", address=address, counter=counter)


def probe_name(place: UserProbe, arguments: str) -> str:
    """Return the name of those places of a probe whose note says where arguments are.

    One probe may stand at several places of a file, and have its arguments elsewhere at each.
    """
    return f"{place.path}:{place.provider}:{place.name}({arguments})"


def probe_arguments(name: str, place: UserProbe) -> str:
    """Return the note's text of :func:`probe_name`."""
    head = probe_name(place, "").removesuffix(")")
    return name.removeprefix(head).removesuffix(")")
