"""Compile objects or texts of a test as one side of a comparison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text
from lockgate.options import Options
from lockgate.renderers import render_text
from lockgate.review.policy_set import PolicySet, SourceReader, compile_parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

Object = dict[str, Any]


def compile_texts(texts: dict[str, str], options: Options | None = None) -> PolicySet:
    """Compile documents under the names of files; they must be without errors."""
    options = options or Options(allow_unenforced=True)
    diagnostics = Diagnostics()
    reader = SourceReader(options, None, diagnostics)
    files = documents_from_text(texts).files
    parsed = reader.read(files, ())
    assert diagnostics.ok, render_text(diagnostics)
    made = compile_parsed("test", parsed, options, diagnostics, files)
    assert made is not None, render_text(diagnostics)
    return made


def compile_objects(
    objects: Sequence[Object], options: Options | None = None
) -> PolicySet:
    """Compile objects, each one a document of its own."""
    texts = {
        f"{o['kind']}-{o['metadata'].get('namespace')}-{o['metadata']['name']}.json": (
            json.dumps(o, indent=1)
        )
        for o in objects
    }
    return compile_texts(texts, options)
