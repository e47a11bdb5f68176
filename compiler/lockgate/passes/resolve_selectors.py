"""Resolve selectors and entities to sets of points, through an inverted index.

Before: the peer space, and the keys that selectors name.
After:  a resolver; each distinct requirement and selector is worked out once.

A key without a source (``any``) sees labels of every source.  NotIn and DoesNotExist hold
where the key is absent.  What the world has for labels are ``reserved:world``, its family,
``cidr:P`` for each prefix that covers it, those of its CIDR groups
(``cidrgroup:io.cilium.policy.cidrgroupname/NAME``, and the group's own), and
``reserved:kube-apiserver`` where the API server is outside of the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.bitset import from_members, from_ranges
from lockgate.ir.labels import Label, Operator
from lockgate.ir.policy import Entity
from lockgate.ir.prefixes import Prefix
from lockgate.ir.resolution import reserved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.bitset import Bits
    from lockgate.ir.cluster import CidrGroup
    from lockgate.ir.labels import Requirement, Selector
    from lockgate.ir.resolution import PeerSpace

GROUP_NAME = "io.cilium.policy.cidrgroupname/"
_ANY = "any"


class SelectorResolver:
    """Answers which points a selector or an entity means."""

    def __init__(
        self, space: PeerSpace, keys: Iterable[str], groups: Sequence[CidrGroup]
    ) -> None:
        self._space = space
        self._everything = space.everything
        self._index = _Index(space, keys, groups)
        self._requirements: dict[Requirement, Bits] = {}
        self._selectors: dict[Selector, Bits] = {}
        self._entities: dict[Entity, Bits] = {}

    def resolve(self, selector: Selector) -> Bits:
        """Return the points whose labels meet all requirements."""
        bits = self._selectors.get(selector)
        if bits is None:
            bits = self._everything
            for requirement in selector.requirements:
                bits &= self._require(requirement)
            self._selectors[selector] = bits
        return bits

    def resolve_entity(self, entity: Entity) -> Bits:
        """Return the points of one of Cilium's entities."""
        bits = self._entities.get(entity)
        if bits is None:
            bits = self._entities[entity] = self._entity(entity)
        return bits

    def _require(self, requirement: Requirement) -> Bits:
        bits = self._requirements.get(requirement)
        if bits is None:
            bits = self._requirements[requirement] = self._look_up(requirement)
        return bits

    def _look_up(self, requirement: Requirement) -> Bits:
        bits = 0
        values = self._index.values(requirement.source, requirement.key)
        if requirement.operator in (Operator.IN, Operator.NOT_IN):
            for value in requirement.values:
                bits |= values.get(value, 0)
        else:
            for some in values.values():
                bits |= some
        if requirement.operator in (Operator.NOT_IN, Operator.DOES_NOT_EXIST):
            return self._everything ^ bits
        return bits

    def _entity(self, entity: Entity) -> Bits:
        world = self._everything >> self._space.first_prefix << self._space.first_prefix
        match entity:
            case Entity.ALL:
                return self._everything
            case Entity.NONE:
                return 0
            case Entity.WORLD:
                return world
            case Entity.CLUSTER | Entity.CLUSTER_MESH:
                # An API server outside is of the cluster, too (pkg/policy/api/entity.go).
                api_server = self.resolve_entity(Entity.KUBE_APISERVER)
                return self._everything ^ world | api_server
            case _:
                label = reserved(entity.value)
                return self._index.values(label.source, label.key).get("", 0)


class _Index:
    """For each key that a selector names: source → value → points."""

    def __init__(
        self, space: PeerSpace, keys: Iterable[str], groups: Sequence[CidrGroup]
    ) -> None:
        self._space = space
        self._size = space.size
        entities = (entity.value for entity in Entity)
        self._points: dict[str, dict[tuple[str, str], list[int]]] = {
            key: {} for key in (*keys, *entities)
        }
        self._ranges: dict[Label, list[tuple[int, int]]] = {}
        self._found: dict[tuple[str, str], dict[str, Bits]] = {}
        for number, point in enumerate(space.points):
            for source, key, value in point.labels:
                pairs = self._points.get(key)
                if pairs is not None:
                    pairs.setdefault((source, value), []).append(number)
        self._add_world(groups)

    def values(self, source: str, key: str) -> dict[str, Bits]:
        """Return the points with each value of a key."""
        found = self._found.get((source, key))
        if found is None:
            found = self._found[source, key] = {}
            for (has, value), points in self._points.get(key, {}).items():
                if source in (_ANY, has):
                    bits = from_members(points, self._size)
                    found[value] = found.get(value, 0) | bits
            for label, ranges in self._ranges.items():
                if label.key == key and source in (_ANY, label.source):
                    bits = from_ranges(ranges, self._size)
                    found[label.value] = found.get(label.value, 0) | bits
        return found

    def _add_world(self, groups: Sequence[CidrGroup]) -> None:
        space, first = self._space, self._space.first_prefix
        prefixes = space.tree.prefixes
        six = next(n for n, prefix in enumerate(prefixes) if prefix.version == 6)
        self._add_range("reserved", "world", "", first, self._size)
        self._add_range("reserved", "world-ipv4", "", first, first + six)
        self._add_range("reserved", "world-ipv6", "", first + six, self._size)
        for number in space.external_api_servers:
            end = first + space.tree.ends[number]
            self._add_range("reserved", "kube-apiserver", "", first + number, end)
        for key in list(self._points):
            named = Prefix.of_label_key(key)
            known = None if named is None else space.tree.numbers.get(named)
            if known is not None:
                end = first + space.tree.ends[known]
                self._add_range("cidr", key, "", first + known, end)
        for group in groups:
            for network in group.networks:
                known = space.tree.numbers.get(Prefix.of(network))
                if known is None:
                    continue
                start, end = first + known, first + space.tree.ends[known]
                self._add_range("cidrgroup", GROUP_NAME + group.name, "", start, end)
                for label in group.labels:
                    self._add_range("cidrgroup", label.key, label.value, start, end)

    def _add_range(
        self, source: str, key: str, value: str, start: int, end: int
    ) -> None:
        if key in self._points:
            label = Label(source, key, value)
            self._ranges.setdefault(label, []).append((start, end))
