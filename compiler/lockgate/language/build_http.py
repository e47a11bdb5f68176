"""HTTP in rules and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockgate.language.ast import Header, Text
from lockgate.language.build_ends import as_text

if TYPE_CHECKING:
    from lockgate.language.build import Children, Place, Rules


class Host(NamedTuple):
    """``host "shop"``."""

    text: Text


def _host(children: Children, place: Place) -> Host:
    return Host(as_text(children[-1], place))


def _header(children: Children, place: Place) -> Header:
    line = as_text(children[-1], place)
    if not line.value.partition(":")[0].strip():
        message = "a header has a name"
        place.refuse("E1807", message, line.span, 'such as header "X-Key: 1"')
    return Header(line, place.span)


RULES: Rules = {"http_host": _host, "http_header": _header}
