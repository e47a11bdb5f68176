"""The schema of Endpoint; ``frontend/endpoint.py`` reads it."""

from __future__ import annotations

from lockgate.frontend.endpoint import INTERFACE
from lockgate.frontend.metadata import LABEL, METADATA_FIELDS, SUBDOMAIN
from lockgate.frontend.snapshot import PROTOCOLS
from lockgate.schemas.build import (
    JsonSchema,
    constant,
    document,
    integer,
    mapping,
    sequence,
    string,
    strings_by,
)


def endpoint_schema() -> JsonSchema:
    """Return the schema."""
    body = mapping(
        "Something with addresses on a host without Kubernetes: a device or a cgroup.",
        {
            "apiVersion": constant("lockgate.dev/v1"),
            "kind": constant("Endpoint"),
            "metadata": _metadata(),
            "spec": _spec(),
        },
        required=("apiVersion", "kind", "metadata", "spec"),
    )
    return document("Endpoint", "Lockgate Endpoint", body)


def _metadata() -> JsonSchema:
    text = string("A string; numbers need quotes.")
    ours: JsonSchema = {
        "name": string("Its name within the namespace.", pattern=SUBDOMAIN),
        "namespace": string("Its namespace (default: default).", pattern=LABEL),
        "labels": strings_by("What selectors see.", None, text),
        "annotations": strings_by("Notes that no selector sees.", None, text),
    }
    others: JsonSchema = {name: {} for name in METADATA_FIELDS - ours.keys()}
    return mapping("Who it is.", ours | others, required=["name"])


def _spec() -> JsonSchema:
    port = mapping(
        "A port that policies may call by its name.",
        {
            "name": string("The name, such as http."),
            "port": integer("The number.", 1, 65535),
            "protocol": string("Default: TCP.", among=PROTOCOLS),
        },
        required=("name", "port"),
    )
    schema = mapping(
        "Where it is.",
        {
            "addresses": sequence(
                "Its IP addresses, of both families, without prefix lengths.",
                string("An address such as 10.0.0.7 or fd00::7."),
            ),
            "interface": string(
                "The device on the host that leads to it; or 'cgroup'.",
                pattern=INTERFACE,
            ),
            "cgroup": string(
                "The cgroup that it is, as a path below the cgroup2 mount; or 'interface'."
            ),
            "node": string("The name of the host that it runs on."),
            "serviceAccount": string("Its service account (default: default)."),
            "ports": sequence("Its named ports.", port),
        },
        required=["addresses"],
    )
    # One attachment or none; a field that is null is absent.
    both = {name: {"type": "string"} for name in ("interface", "cgroup")}
    return schema | {"not": {"required": sorted(both), "properties": both}}
