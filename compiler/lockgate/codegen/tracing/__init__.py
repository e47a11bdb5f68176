"""Programs of tracing policies for one target: what the generator gives to the driver.

The driver calls ``build(policies, target, diagnostics, cluster)`` of the module ``build`` for each
target, compiles what it says and puts all of it below ``tracing/TARGET/`` of the bundle.  What
cannot be done is an error in ``diagnostics``, and the build is then of no use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.tracing import TracingPolicy
    from lockgate.targets.target import Target


@dataclass(frozen=True, slots=True)
class TracingBuild:
    """What the policies become on one target.

    ``sources``: file name to text, without folders; each ``.c`` becomes an object of that name
    (``site_0.c``, ``classify.c`` with the programs ``classify`` and ``classify_all``), each ``.h``
    is what they include.  ``tables``: file name to packed content of maps, or to text for review
    (``.txt``).  ``sites``: ``sites.json`` as plain values, whose ``tables`` have a row
    ``{"object", "map", "file", "keys", "records"}`` for each map that is filled: ``file`` has the
    values joined, ``keys`` names the file of keys (null for an array), ``object`` is the object
    without ``.o``, empty for a map that all objects of the generation share.

    Where programs ask for workloads, ``tables`` has ``workloads.json`` too: the classes of pods,
    containers and hosts (:mod:`lockgate_runtime.tracing.workloads`), which the runtime puts into
    ``cgroups[id].workload[place]``.
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
        cluster: Cluster | None = None,
    ) -> TracingBuild:
        """Return the programs; errors are in ``diagnostics``."""
