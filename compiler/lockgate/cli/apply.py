"""``lockgate apply``: the runtime's verb, which also reads Endpoint documents in YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate_runtime.verbs import apply
from lockgate_runtime.verbs.apply import EXAMPLES, configure

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from lockgate_runtime.endpoints import Placement

__all__ = ["EXAMPLES", "configure", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Apply, with the endpoints of a YAML file if one is given."""
    if arguments.endpoints and arguments.endpoints.suffix in (".yaml", ".yml"):
        placements = _read_documents(arguments.endpoints)
        if placements is None:
            return 1
        arguments.placements = placements
    return apply.run(arguments)


def _read_documents(path: Path) -> dict[str, Placement] | None:
    """Return where Endpoint documents place their endpoints; None after their mistakes."""
    from lockgate.cli.messages import print_diagnostics
    from lockgate.diagnostics import Diagnostics
    from lockgate.frontend.documents import parse_documents, read_documents
    from lockgate.options import Options
    from lockgate_runtime.endpoints import Placement

    diagnostics = Diagnostics()
    documents = read_documents([path], None, diagnostics)
    cluster = parse_documents(documents, Options(), diagnostics).cluster
    print_diagnostics(diagnostics, "text")
    if not diagnostics.ok:
        return None
    return {
        endpoint.key: Placement(
            endpoint.attachment.interface, endpoint.attachment.cgroup
        )
        for endpoint in cluster.endpoints
        if endpoint.attachment
    }
