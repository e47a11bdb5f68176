"""Write a large cluster and its policies, as kubectl and people write them.

    python -m tests.bench.generate OUT [--policies N] [--identities N] [--pods N] [--seed N]

writes ``OUT/policies.yaml`` (NetworkPolicy, Cilium kinds and ClusterNetworkPolicy) and
``OUT/snapshot.json`` (a List of namespaces, nodes, pods, services, EndpointSlices, indented
as ``kubectl get -o json`` does).  The same numbers give the same bytes everywhere.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.bench.generate_policies import policy_documents
from tests.bench.generate_snapshot import Size, snapshot_objects


def write_cluster(folder: Path, size: Size) -> tuple[Path, Path]:
    """Write both files; return the paths of the policies and of the snapshot."""
    folder.mkdir(parents=True, exist_ok=True)
    policies, snapshot = folder / "policies.yaml", folder / "snapshot.json"
    with policies.open("w") as file:
        for text in policy_documents(size):
            file.write(f"---\n{text}")
    with snapshot.open("w") as file:
        file.write('{\n    "apiVersion": "v1",\n    "items": [')
        separator = "\n"
        for item in snapshot_objects(size):
            text = json.dumps(item, indent=4).replace("\n", "\n        ")
            file.write(f"{separator}        {text}")
            separator = ",\n"
        file.write('\n    ],\n    "kind": "List",\n    "metadata": {\n')
        file.write('        "resourceVersion": ""\n    }\n}\n')
    return policies, snapshot


def main() -> None:
    """Write the files and say where."""
    parser = argparse.ArgumentParser(description="write a large cluster and policies")
    parser.add_argument("folder", type=Path)
    for name in ("policies", "identities", "pods", "seed"):
        default = getattr(Size(), name)
        parser.add_argument(f"--{name}", type=int, default=default)
    words = vars(parser.parse_args())
    for path in write_cluster(words.pop("folder"), Size(**words)):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
