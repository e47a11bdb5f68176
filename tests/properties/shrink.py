"""Make a failing case small: leave out whatever it fails without."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Object = dict[str, Any]
Path = tuple[str | int, ...]

_NEEDED = {"apiVersion", "kind", "metadata", "name", "namespace"}


def shrink(
    objects: list[Object], fails: Callable[[list[Object]], bool], tries: int = 3000
) -> list[Object]:
    """Remove objects, then fields and list elements, as long as ``fails`` stays true."""
    best = objects
    again = True
    while again and tries > 0:
        again = False
        for path in list(_removable(best)):
            smaller = _without(best, path)
            if smaller is None:
                continue
            tries -= 1
            if fails(smaller):
                best, again = smaller, True
            if tries <= 0:
                break
    return best


def _removable(objects: list[Object]) -> Iterator[Path]:
    """Yield what may go, the large before the small, the last before the first."""
    for index in reversed(range(len(objects))):
        yield (index,)
    for index in reversed(range(len(objects))):
        yield from _inside(objects[index], (index,))


def _inside(value: Any, path: Path) -> Iterator[Path]:  # noqa: ANN401  # any JSON
    if isinstance(value, dict):
        for key in value:
            if key not in _NEEDED:
                yield (*path, key)
            yield from _inside(value[key], (*path, key))
    elif isinstance(value, list):
        for index in reversed(range(len(value))):
            yield (*path, index)
            yield from _inside(value[index], (*path, index))


def _without(objects: list[Object], path: Path) -> list[Object] | None:
    """Return a copy without one place; None if an earlier removal took it along."""
    copy: Any = deepcopy(objects)
    place: Any = copy
    try:
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
    except (IndexError, KeyError, TypeError):
        return None
    return list(copy)
