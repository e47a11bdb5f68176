"""The schema of ``.lockgate-golden.yaml``; ``review/golden.py`` reads it."""

from __future__ import annotations

from lockgate.options import EnforcementMode, Semantics
from lockgate.schemas.build import JsonSchema, document, mapping, sequence, string


def golden_config_schema() -> JsonSchema:
    """Return the schema."""
    paths = sequence(
        "Files and folders of policies and snapshot, relative to this folder.",
        string("A path such as ../policies."),
    )
    body = mapping(
        "Which policies a folder of golden files is of, and how they are read.",
        {
            "inputs": paths | {"minItems": 1},
            "semantics": string(
                "Each kind by its own specification (kubernetes, the default), or as Cilium "
                "deviates from it.",
                among=[one.value for one in Semantics],
            ),
            "enforcement-mode": string(
                "Deny by default what a policy selects (default), always, or never.",
                among=[one.value for one in EnforcementMode],
            ),
            "audit": sequence(
                "Policies whose denials pass and are reported.",
                string("KIND/NAMESPACE/NAME."),
            ),
            "cluster-name": string("The name of the cluster (default: default)."),
        },
        required=["inputs"],
    )
    return document("golden", "Lockgate golden files", body)
