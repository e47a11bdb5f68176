"""Filters of flows in JSON: what `lockgate observe --filter` compiles an expression to.

::

    {"version": 1, "flow": {"all": [{"end": "source", "is": {"label": "app", "in": ["web"]}},
                                    {"field": "verdict", "in": ["denied"]},
                                    {"protocols": ["TCP"], "ports": [5432, 5432]}]}}

``all``, ``any`` and ``not`` join; ``end`` (source, destination, either) asks of an end: ``label``
(any value, or one of ``in``), ``name``, ``network``, ``reserved``.  ``ports`` are those of the
destination, ``type`` is that of ICMP.  What is not known is refused, never ignored.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate_runtime.observe.flows import End, Flow

    Holds = Callable[[Any], bool]
    Leaf = Callable[[dict[str, Any]], Holds]

VERSION = 1
FIELDS = ("verdict", "direction", "event", "effect", "endpoint", "hook", "reason")


def read_predicate(value: object) -> Callable[[Flow], bool]:
    """Return the test that a predicate describes; ValueError where it is none of ours."""
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise ValueError(f"this is no predicate of version {VERSION}")
    if value.keys() != {"version", "flow"}:
        raise ValueError("a predicate has the fields 'version' and 'flow'")
    holds = _read(value["flow"], _flow_leaf)

    def matches(flow: Flow) -> bool:
        # What was lost is always shown: nobody knows what it was.
        return flow.event == "lost" or holds(flow)

    return matches


def _read(value: object, leaf: Leaf) -> Holds:
    if not isinstance(value, dict):
        raise ValueError("a condition is an object")
    if value.keys() == {"all"}:
        every = [_read(item, leaf) for item in _list(value["all"])]
        return lambda thing: all(holds(thing) for holds in every)
    if value.keys() == {"any"}:
        some = [_read(item, leaf) for item in _list(value["any"])]
        return lambda thing: any(holds(thing) for holds in some)
    if value.keys() == {"not"}:
        inner = _read(value["not"], leaf)
        return lambda thing: not inner(thing)
    return leaf(value)


def _flow_leaf(value: dict[str, Any]) -> Holds:
    if value.keys() == {"end", "is"}:
        return _read_side(value["end"], _read(value["is"], _end_leaf))
    if value.keys() == {"field", "in"}:
        return _read_field(value["field"], frozenset(_list(value["in"])))
    if "protocols" in value and value.keys() <= {"protocols", "ports", "type"}:
        return _read_traffic(value)
    raise ValueError(f"unknown condition on a flow: {', '.join(sorted(value))}")


def _read_side(side: object, holds: Holds) -> Holds:
    if side == "source":
        return lambda flow: holds(flow.source)
    if side == "destination":
        return lambda flow: holds(flow.destination)
    if side == "either":
        return lambda flow: holds(flow.source) or holds(flow.destination)
    raise ValueError(f"unknown end: {side}")


def _read_field(name: object, wanted: frozenset[str]) -> Holds:
    if name == "policy":
        return lambda flow: not wanted.isdisjoint(flow.policies)
    if name not in FIELDS:
        raise ValueError(f"unknown field: {name}")
    return lambda flow: getattr(flow, str(name)) in wanted


def _read_traffic(value: dict[str, Any]) -> Holds:
    protocols = frozenset(str(word).upper() for word in _list(value["protocols"]))
    ports, number = value.get("ports"), value.get("type")
    first, last = (0, 65535) if ports is None else _list(ports)

    def holds(flow: Flow) -> bool:
        if (flow.protocol or "").upper() not in protocols:
            return False
        if number is not None:
            return bool(flow.icmp_type == number)
        port = flow.destination.port
        return ports is None or (port is not None and first <= port <= last)

    return holds


def _end_leaf(value: dict[str, Any]) -> Holds:
    if value.keys() == {"name"}:
        return lambda end: end.name == value["name"]
    if value.keys() == {"network"}:
        network = ip_network(value["network"])
        return lambda end: (
            end.address is not None and ip_address(end.address) in network
        )
    if value.keys() == {"reserved"}:
        label = f"reserved:{value['reserved']}"
        return lambda end: label in end.labels
    if "label" in value and value.keys() <= {"label", "in"}:
        wanted = frozenset(_list(value["in"])) if "in" in value else None
        return _read_label(str(value["label"]), wanted)
    raise ValueError(f"unknown condition on an end: {', '.join(sorted(value))}")


def _read_label(key: str, wanted: frozenset[str] | None) -> Holds:
    """Ask for a label of a pod, whatever its source."""

    def holds(end: End) -> bool:
        for label in end.labels:
            name, _, text = label.partition(":")[2].partition("=")
            if name == key and (wanted is None or text in wanted):
                return True
        return False

    return holds


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    return value
