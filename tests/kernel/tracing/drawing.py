"""Random tracing policies, and operations that come close to what they ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.kernel.tracing.obvious import WIDTHS, Binaries, Match, Policy, Selector

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

NAMES = ("a", "ab", "abc", "Ab", "b.txt", "key", "a-longer-name", ".key", "x" * 40)
TEXT_OPERATORS = (
    "Equal",
    "NotEqual",
    "Prefix",
    "NotPrefix",
    "Postfix",
    "NotPostfix",
    "SubString",
    "SubStringIgnCase",
)
NUMBER_OPERATORS = (
    "Equal",
    "NotEqual",
    "GreaterThan",
    "LessThan",
    "Mask",
    "InRange",
    "NotInRange",
    "InMap",
    "NotInMap",
)
BINARY_OPERATORS = ("In", "NotIn", "Prefix", "NotPrefix", "Postfix", "NotPostfix")
MOST_SELECTORS = 64
"""So many selectors of a site does an event name."""


def draw_paths(random: Random, tops: tuple[str, ...], count: int) -> list[str]:
    """Return paths of files, none of which is a directory of another."""
    paths: set[str] = set()
    while len(paths) < count:
        depth = random.randint(0, 4)
        names = [random.choice(NAMES) for _ in range(depth)]
        leaf = random.choice(NAMES) + f"-{random.randint(0, 9)}"
        paths.add("/".join((random.choice(tops), *names, leaf)))
    return sorted(paths)


def draw_text(random: Random, operator: str, near: list[str]) -> str:
    """Return a value for an operator that some of the texts have, or nearly."""
    text = random.choice(near)
    place = random.randint(1, len(text))
    if operator.endswith("Prefix"):
        text = text[:place] + random.choice(("", "", "", "/", "z"))
    elif operator.endswith("Postfix"):
        text = random.choice(("", "", "", "/", "z")) + text[place - 1 :]
    elif "SubString" in operator:
        text = text[place - 1 : place - 1 + random.randint(1, 12)]
        if operator.endswith("Case"):
            text = text.swapcase()
    else:
        text += random.choice(("", "", "", "z", "/"))
    return text


def draw_numbers(random: Random, operator: str, kind: str) -> list[str]:
    """Return values for an operator on a number."""
    bits, is_signed = WIDTHS[kind]
    least = -(1 << (bits - 1)) if is_signed else 0
    most = least + (1 << bits) - 1
    choices = [n for n in (*near_numbers(), least, most) if least <= n <= most]

    def one() -> str:
        if operator == "Mask":
            return hex(1 << random.randrange(min(bits, 31)) | random.choice((0, 2)))
        first, last = sorted(random.choice(choices) for _ in range(2))
        is_some = operator.endswith("Map") and random.random() < 0.3
        is_range = operator.endswith("Range") or is_some
        return f"{first}:{last}" if is_range else str(first)

    if operator in ("GreaterThan", "LessThan"):
        return [str(random.choice(choices))]
    return [one() for _ in range(random.randint(1, 3))]


def near_numbers() -> list[int]:
    """Return numbers that stand at the edges of types, and small ones."""
    edges = [1 << bits for bits in (0, 7, 8, 15, 16, 31, 32, 63)]
    found = {n + d for n in edges for d in (-1, 0, 1)}
    return sorted({*found, *(-n for n in found), 5, 100, -7, -100} - {1 << 63})


def draw_match(random: Random, index: int, kind: str, near: list[str]) -> Match:
    """Return a row of matchArgs."""
    if kind == "file":
        operator = random.choice(TEXT_OPERATORS)
        count = random.randint(1, 3)
        texts = {draw_text(random, operator, near) for _ in range(count)}
        return Match(index, operator, tuple(sorted(texts)))
    operator = random.choice(NUMBER_OPERATORS)
    return Match(index, operator, tuple(draw_numbers(random, operator, kind)))


def draw_binaries(random: Random, programs: list[str]) -> Binaries:
    """Return a row of matchBinaries or matchParentBinaries."""
    operator = random.choice(BINARY_OPERATORS)
    is_parent = random.random() < 0.25
    count = random.randint(1, 3)
    values = {draw_text(random, operator, programs) for _ in range(count)}
    follows = not is_parent and random.random() < 0.3
    return Binaries(operator, tuple(sorted(values)), is_parent, follows)


def draw_policies(
    random: Random,
    count: int,
    types: Sequence[tuple[str, ...]],
    near: list[str],
    programs: list[str],
) -> list[Policy]:
    """Return policies with at most MOST_SELECTORS selectors together."""
    policies: list[Policy] = []
    left = MOST_SELECTORS
    for number in range(count):
        kinds = random.choice(types)
        selectors = []
        for _ in range(min(random.choice((1, 1, 2, 3)), left)):
            indexes = [
                index
                for index in range(len(kinds))
                if random.random() < (0.8 if index == 0 else 0.4)
            ]
            matches = tuple(draw_match(random, i, kinds[i], near) for i in indexes)
            binaries = (
                (draw_binaries(random, programs),)
                if programs and random.random() < 0.4
                else ()
            )
            selectors.append(Selector(matches, binaries, random.random() < 0.15))
        left -= len(selectors)
        if selectors:
            policies.append(Policy(f"drawn-{number}", kinds, tuple(selectors)))
    return policies


def write_policy(policy: Policy, place: str, first: int = 0) -> str:
    """Return a policy's text; ``first`` is the index of its first argument."""
    selectors = [
        {
            "matchArgs": [
                {
                    "index": first + match.index,
                    "operator": match.operator,
                    "values": list(match.values),
                }
                for match in selector.matches
            ],
            **{
                "matchParentBinaries" if row.is_parent else "matchBinaries": [
                    {
                        "operator": row.operator,
                        "values": list(row.values),
                        **({"followChildren": True} if row.follows else {}),
                    }
                ]
                for row in selector.binaries
            },
            "matchActions": [{"action": "NoPost" if selector.is_silent else "Post"}],
        }
        for selector in policy.selectors
    ]
    arguments = [
        {"index": first + index, "type": kind}
        for index, kind in enumerate(policy.types)
    ]
    return place.format(
        name=policy.name, args=json.dumps(arguments), selectors=json.dumps(selectors)
    )
