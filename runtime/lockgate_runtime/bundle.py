"""Read what a node needs of a bundle: the manifest, its endpoints, its host, its rules.

The tables' JSON files are for a whole cluster; rows of other nodes are let go while they
are read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lockgate_runtime import layout, manifest
from lockgate_runtime.errors import NodeError
from lockgate_runtime.tables import Endpoint, Host, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_LOOK = "name the folder that `lockgate compile -o` wrote, as a user who may read it"
_RECOMPILE = "compile it again with this Lockgate, or use the one that compiled it"


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk, whose every file is what its manifest says."""

    directory: Path
    manifest: manifest.Manifest

    @classmethod
    def open(cls, directory: Path) -> Bundle:
        """Read the manifest and check the hash of every file.

        E5011 when nothing is there that can be read, E5010 when it is no whole bundle of ours.
        """
        try:
            return cls(directory, manifest.read_bundle(directory))
        except manifest.NoBundleError as error:
            raise NodeError("E5011", str(error), _LOOK) from None
        except manifest.ManifestError as error:
            raise NodeError("E5010", str(error), _RECOMPILE) from None

    @property
    def tables(self) -> Path:
        """The folder of the packed tables."""
        return self.directory / "tables"

    @cached_property
    def objects(self) -> dict[str, Path]:
        """The network's objects by name: tc, cgroup, stub_tc, stub_cgroup, sweep."""
        names = {program.object for program in self.manifest.programs}
        names = {name for name in names if name.startswith("objects/")}
        paths = [self.directory / name for name in sorted(names)]
        return {path.stem: path for path in paths}

    def object(self, name: str) -> bytes:
        """Return one object's content."""
        return self.objects[name].read_bytes()

    def node(self, name: str, placed: Collection[str] = ()) -> NodeRows:
        """Read the rows of one node; E5013 when the bundle does not know it.

        ``placed``: endpoints (``namespace/name``) that are here whatever the bundle says.
        """
        nodes: set[str] = set()

        def keep(row: dict[str, Any]) -> dict[str, Any] | None:
            if "node" not in row:
                return row  # the outermost object
            if row["node"]:
                nodes.add(row["node"])
            is_ours = row["node"] == name
            if "namespace" not in row:
                return row if is_ours else None
            is_named = row.get("interface") or row.get("cgroup")
            is_here = is_ours or (row["node"] is None and is_named)
            is_placed = f"{row['namespace']}/{row['name']}" in placed
            return row if is_here or is_placed else None

        rows = json.loads(
            (self.tables / "endpoints.json").read_bytes(), object_hook=keep
        )
        if nodes and name not in nodes:
            near = get_close_matches(name, nodes, n=1)
            raise NodeError(
                "E5013",
                f"the bundle does not know the node {name!r}",
                f"did you mean --node {near[0]}?"
                if near
                else "give this node's name in the cluster by --node",
            )
        endpoints = tuple(_endpoint(row) for row in rows["endpoints"] if row)
        missing = set(placed) - {endpoint.key for endpoint in endpoints}
        if missing:
            raise NodeError(
                "E5014",
                f"the bundle has no endpoint {min(missing)!r}",
                "compile again with its Endpoint document among the inputs",
            )
        hosts = [Host.of_row(row) for row in rows["hosts"] if row]
        return NodeRows(name, endpoints, hosts[0] if hosts else _unknown_host(name))

    def rules(self, numbers: Collection[int]) -> list[Rule]:
        """Return the rules with these stable numbers."""

        def keep(row: dict[str, Any]) -> Rule | None:
            if row["number"] not in numbers:
                return None
            return Rule(
                row["number"],
                row["name"],
                row["effect"],
                tuple(row["policies"]),
                tuple(row["places"]),
            )

        text = (self.tables / "rules.json").read_bytes()
        return [rule for rule in json.loads(text, object_hook=keep) if rule]


@dataclass(frozen=True, slots=True)
class NodeRows:
    """What a bundle says of one node."""

    name: str
    endpoints: tuple[Endpoint, ...]
    host: Host


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    from ipaddress import ip_address

    return Endpoint(**{**row, "addresses": tuple(map(ip_address, row["addresses"]))})


def _unknown_host(name: str) -> Host:
    """Return the host where the snapshot has no nodes: nothing selects it."""
    return Host(
        node=name,
        identity=layout.IDENTITY_HOST,
        addresses=(),
        ingress_policy=layout.NO_POLICY_INGRESS,
        egress_policy=layout.NO_POLICY_EGRESS,
        is_api_server=False,
        is_enforced=False,
    )
