"""Put JSON Schemas together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Mapping

JsonSchema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
URL = "https://lockgate.dev/schemas/{name}.json"
"""The name of a schema (``$id``); editors load the file, not this."""


def document(name: str, title: str, body: JsonSchema) -> JsonSchema:
    """Return the schema of a whole document."""
    return {"$schema": DRAFT, "$id": URL.format(name=name), "title": title, **body}


def mapping(
    meaning: str,
    fields: Mapping[str, JsonSchema],
    *,
    required: Collection[str] = (),
) -> JsonSchema:
    """Return the schema of a mapping with these fields and no others.

    A field that is not required may also be null, which is the same as absent.
    """
    return {
        "description": meaning,
        "type": "object",
        "properties": {
            name: field if name in required else or_null(field)
            for name, field in fields.items()
        },
        "required": sorted(required),
        "additionalProperties": False,
    }


def strings_by(
    meaning: str, key: re.Pattern[str] | None, value: JsonSchema
) -> JsonSchema:
    """Return the schema of a mapping whose keys are the user's."""
    names = {} if key is None else {"propertyNames": {"pattern": whole(key)}}
    return {
        "description": meaning,
        "type": "object",
        "additionalProperties": or_null(value),
        **names,
    }


def sequence(meaning: str, item: JsonSchema) -> JsonSchema:
    """Return the schema of a list."""
    return {"description": meaning, "type": "array", "items": item}


def string(
    meaning: str,
    *,
    pattern: re.Pattern[str] | None = None,
    among: Collection[str] = (),
) -> JsonSchema:
    """Return the schema of a string, of a form or among some."""
    schema: JsonSchema = {"description": meaning, "type": "string"}
    if pattern is not None:
        schema["pattern"] = whole(pattern)
    if among:
        schema["enum"] = sorted(among)
    return schema


def integer(meaning: str, minimum: int, maximum: int | None = None) -> JsonSchema:
    """Return the schema of a whole number."""
    schema: JsonSchema = {"description": meaning, "type": "integer", "minimum": minimum}
    return schema if maximum is None else schema | {"maximum": maximum}


def constant(value: str) -> JsonSchema:
    """Return the schema of one string."""
    return {"type": "string", "const": value}


def or_null(schema: JsonSchema) -> JsonSchema:
    """Let a value also be null."""
    result = dict(schema)
    if isinstance(schema.get("type"), str):
        result["type"] = [schema["type"], "null"]
    if "enum" in schema:
        result["enum"] = [*schema["enum"], None]
    return result


def whole(pattern: re.Pattern[str]) -> str:
    """Return a pattern that the whole of a text must match, as ``fullmatch`` does."""
    return f"^(?:{pattern.pattern})$"
