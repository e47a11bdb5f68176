"""``lock-out``: policies that cut what a cluster cannot live without.

By the verdict tables, in both directions where both ends are enforced: the name service of
pods that may talk to others, of nodes under host policies SSH, the kubelet, the API server
and etcd; and whatever the configuration protects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.lint.lock_out_of_hosts import find_of_hosts
from lockgate.lint.lock_out_of_names import find_of_names
from lockgate.lint.lock_out_of_protected import find_of_protected
from lockgate.lint.lock_out_unseen import find_without_snapshot
from lockgate.lint.scene import Check, Needs, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.findings import Finding


def _find(scene: Scene) -> Iterator[Finding]:
    yield from find_of_names(scene)
    yield from find_of_hosts(scene)
    yield from find_of_protected(scene)


CHECK = Check("lock-out", Needs.SNAPSHOT, _find, find_without_snapshot)
