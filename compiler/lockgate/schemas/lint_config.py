"""The schema of ``.lockgate-lint.yaml``; ``lint/config.py`` reads it."""

from __future__ import annotations

from lockgate.codes import CODES
from lockgate.lint.config import BUDGETS, may_change
from lockgate.schemas.build import (
    JsonSchema,
    document,
    integer,
    mapping,
    sequence,
    string,
)

_SEVERITIES = ("error", "note", "off", "warning")


def lint_config_schema() -> JsonSchema:
    """Return the schema."""
    body = mapping(
        "Severities with reasons and dates, budgets, what must stay reachable.",
        {
            "findings": sequence(
                "Severities that differ from the built-in ones.", _setting()
            ),
            "budgets": mapping(
                "Ceilings; what is above is a finding.",
                {name: integer(f"At most so many {name}.", 0) for name in BUDGETS},
            ),
            "protected": sequence("Connections that no policy may cut.", _protected()),
            "exposed": sequence(
                "Workloads that the world may reach: namespace/name, with * and ?.",
                string("A pattern such as shop/ingress*."),
            ),
        },
    )
    return document("lint", "Lockgate lint configuration", body)


def _setting() -> JsonSchema:
    changeable = {code for code in CODES if may_change(code)}
    names = changeable | {CODES[code].name for code in changeable}
    setting = mapping(
        "A finding's severity.",
        {
            "finding": string("Its name or code, as findings print them.", among=names),
            "severity": string("'off' needs a reason.", among=_SEVERITIES),
            "paths": sequence(
                "Only in these files.", string("A path; * also matches /.")
            ),
            "reason": string("Why, for whoever asks in a year."),
            "until": string("The first day on which it does not hold: 2027-01-31.")
            | {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        },
        required=("finding", "severity"),
    )
    is_off = {"properties": {"severity": {"const": "off"}}, "required": ["severity"]}
    has_reason = {
        "required": ["reason"],
        "properties": {"reason": {"type": "string", "pattern": r"\S"}},
    }
    return setting | {"if": is_off, "then": has_reason}


def _protected() -> JsonSchema:
    end = string("A prefix, world, nodes, node/NAME, or namespace/pod with * and ?.")
    return mapping(
        "A connection that must stay possible; cutting it is the error lock-out.",
        {
            "name": string("What findings call it."),
            "from": end,
            "to": end,
            "port": string("Protocol and number, such as tcp/22.")
            | {"pattern": "^(tcp|udp|sctp)/[0-9]{1,5}$"},
        },
        required=("name", "from", "to", "port"),
    )
