"""JSON Schemas of the documents that are ours, for editors: what completes and underlines.

They are draft 7, which editors know best.  A reader of the front end decides; a schema says the
same as far as JSON Schema can, and ``tests/schemas`` holds the two against each other with
documents that are almost right.
"""

from __future__ import annotations

from lockgate.schemas.build import JsonSchema
from lockgate.schemas.endpoint import endpoint_schema
from lockgate.schemas.golden_config import golden_config_schema
from lockgate.schemas.lint_config import lint_config_schema

__all__ = ["SCHEMAS", "JsonSchema"]

SCHEMAS = {
    "Endpoint": endpoint_schema,
    "golden": golden_config_schema,
    "lint": lint_config_schema,
}
"""What has a schema: a kind by its name, a configuration file by its verb's."""
