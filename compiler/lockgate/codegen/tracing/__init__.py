"""Programs of tracing policies for one target: what the generator gives to the driver.

The driver calls ``build(policies, target, diagnostics)`` of :mod:`lockgate.codegen.tracing.build`
for each target, compiles what it says and puts all of it below ``tracing/TARGET/`` of the bundle.
What cannot be done is an error in ``diagnostics``, and the build is then of no use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.targets.target import Target


@dataclass(frozen=True, slots=True)
class TracingBuild:
    """What the policies become on one target.

    ``sources``: file name to text, without folders; each ``.c`` becomes an object of that name
    (``site_0.c``, ``classify.c`` with the programs ``classify`` and ``classify_all``), each ``.h``
    is what they include.  ``tables``: ``NAME.bin`` with the packed content of a map, ``NAME.txt``
    for review.  ``sites``: ``sites.json`` as plain values, whose ``tables`` have a row
    ``{"map", "file", "records", "key_bytes", "value_bytes"}`` for each ``.bin``: records of key and
    value, of an array (``key_bytes`` 0) of values alone.
    """

    sources: Mapping[str, str]
    sites: Mapping[str, Any]
    tables: Mapping[str, bytes] = field(default_factory=dict)


class TracingBuilder(Protocol):
    """The form of ``build``."""

    def __call__(
        self,
        policies: Sequence[TracingPolicy],
        target: Target,
        diagnostics: Diagnostics,
    ) -> TracingBuild:
        """Return the programs; errors are in ``diagnostics``."""
