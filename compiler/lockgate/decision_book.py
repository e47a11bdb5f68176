"""The rules and decisions of a compilation, each distinct one entered once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from lockgate.ir.tables import Decision, Outcome, RuleEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockgate.ir.policy import Tier
    from lockgate.ir.resolution import ResolvedRule
    from lockgate.source import Span

_MOST_NAMED = 8
"""So many policies stand in the name of a default deny; a digest stands for the rest."""


class DecisionBook:
    """Entries in order of arrival; an index never changes."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self._decisions: dict[tuple[object, ...], int] = {}
        self._rules: list[tuple[str, tuple[str, ...], tuple[Span, ...], str]] = []
        self._names: dict[str, int] = {}
        self._places: dict[int, int] = {}

    def decide(
        self,
        outcome: Outcome,
        rule: int,
        argument: int,
        because: tuple[int, ...],
        chain: tuple[tuple[Tier, int], ...],
    ) -> int:
        """Return the index of a decision."""
        key = (outcome, rule, argument, because, chain)
        index = self._decisions.get(key)
        if index is None:
            index = self._decisions[key] = len(self.decisions)
            self.decisions.append(Decision(outcome, rule, argument, because, chain))
        return index

    def rule(
        self,
        name: str,
        effect: str,
        policies: tuple[str, ...] = (),
        spans: tuple[Span, ...] = (),
    ) -> int:
        """Return the index of a rule by its name."""
        index = self._names.get(name)
        if index is None:
            index = self._names[name] = len(self._rules)
            self._rules.append((name, policies, spans, effect))
        return index

    def rule_of(self, resolved: ResolvedRule) -> int:
        """Return the index of a rule of a policy."""
        index = self._places.get(resolved.place)
        if index is None:
            name = resolved.name
            key = name[: name.index("#")]
            span = resolved.rule.span
            index = self.rule(name, resolved.effect, (key,), (span,))
            self._places[resolved.place] = index
        return index

    def default_deny(self, direction: str, policies: Sequence[tuple[str, Span]]) -> int:
        """Return the index of the default deny that specs cause (names and places).

        A name is the policy's key, with ``#`` and the spec's path where it has several.
        """
        by_name = dict(policies)
        names = sorted(by_name)
        named = names[:_MOST_NAMED]
        if len(names) > _MOST_NAMED:
            digest = blake2b("\n".join(names).encode(), digest_size=8).hexdigest()
            named.append(f"{len(names) - _MOST_NAMED} more ({digest})")
        name = f"default-deny/{direction}#{','.join(named)}"
        keys = tuple(name.partition("#")[0] for name in names)
        return self.rule(name, "default-deny", keys, tuple(by_name[n] for n in names))

    def rules(self) -> tuple[RuleEntry, ...]:
        """Return all rules; each number is a hash of the name, the next free if taken."""
        numbers = _number(name for name, *_ in self._rules)
        return tuple(
            RuleEntry(numbers[name], name, policies, spans, effect)
            for name, policies, spans, effect in self._rules
        )


def _number(names: Iterable[str]) -> dict[str, int]:
    numbers = {name: _first_choice(name) for name in names}
    taken: set[int] = {0}
    if len(taken.union(numbers.values())) > len(numbers):
        return numbers  # all differ, so their order does not matter
    for name, number in sorted(numbers.items()):
        while number in taken:
            number = (number + 1) & 0xFFFF_FFFF
        taken.add(number)
        numbers[name] = number
    return numbers


def _first_choice(name: str) -> int:
    digest = blake2b(name.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")
