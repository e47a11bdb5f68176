"""``lockgate schema``: JSON Schemas of our own documents, for editors."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  lockgate schema Endpoint > endpoint.schema.json
  # then, as the first line of a document:
  # yaml-language-server: $schema=endpoint.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from lockgate.schemas import SCHEMAS

    parser.description = (
        "Print the JSON Schema (draft 7) of a kind of ours, or of a configuration file.  Editors "
        "complete and check with it; an editor with yaml-language-server finds it by a comment "
        "in the document."
    )
    parser.add_argument(
        "name", choices=sorted(SCHEMAS), help=f"one of: {', '.join(sorted(SCHEMAS))}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    from lockgate.schemas import SCHEMAS

    schema = SCHEMAS[arguments.name]()
    json.dump(schema, sys.stdout, ensure_ascii=False, indent=2)
    print()
    return 0
