"""The invariants of ``lockgate.ir.verify`` after every pass, in whatever test runs it."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lockgate import driver
from lockgate.ir.verify import (
    verify_atoms,
    verify_classes,
    verify_prefixes,
    verify_resolution,
    verify_tables,
)
from lockgate.passes import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Check: TypeAlias = Callable[..., None]


def _after_partition(result: Any, _size: int, sets: Any, used: Any) -> None:  # noqa: ANN401
    verify_classes(result[0], [sets[number] for number in set(used)])


def _after_all(result: Any, *arguments: Any) -> None:  # noqa: ANN401
    diagnostics = arguments[-1]
    if diagnostics.ok:  # else the tables are worthless
        verify_tables(result.tables)


CHECKS: dict[str, Check] = {
    "collect_peers": lambda space, *_: verify_prefixes(space.tree),
    "split_ports": lambda atoms, *_: verify_atoms(atoms),
    "resolve_rules": lambda resolution, *_: verify_resolution(resolution),
    "partition_identities": _after_partition,
    "run_passes": _after_all,
}
"""What is checked, by the pass; a check gets the result and the arguments."""


@contextmanager
def verified_passes(checks: dict[str, Check] = CHECKS) -> Iterator[None]:
    """Check the result of every pass as long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, check in checks.items():
            verified = _checked(getattr(pipeline, name), check)
            for module in (pipeline, driver):  # whoever calls it by a name of its own
                if hasattr(module, name):
                    patch.setattr(module, name, verified)
        yield


def _checked(run: Callable[..., Any], check: Check) -> Callable[..., Any]:
    @functools.wraps(run)
    def verified(*arguments: Any) -> Any:  # noqa: ANN401
        result = run(*arguments)
        check(result, *arguments)
        return result

    return verified
