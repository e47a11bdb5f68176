"""The sources as the reference reads them: the files once more, from their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.diagnostics import quote
from lockgate.frontend.inputs import open_inputs
from lockgate.proof.reference.evaluator import Evaluator
from lockgate.proof.reference.located import read_objects
from lockgate.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockgate.diagnostics import Diagnostics


@dataclass(frozen=True)
class Sources:
    """Objects, those of YAML and JSON first; ``digests``: alias and SHA-256 of each file.

    ``is_native``: some of the files are of the native language.
    """

    objects: list[dict[str, Any]]
    digests: tuple[tuple[str, str], ...]
    is_native: bool = False


def read_sources(paths: Sequence[str | Path], diagnostics: Diagnostics) -> Sources:
    """Read files and directories; what is wrong with them goes to ``diagnostics``."""
    sources, digests, native = [], [], []
    for file in open_inputs([str(path) for path in paths], diagnostics):
        data = bytes(file.data)
        digests.append((file.alias, hashlib.sha256(data).hexdigest()))
        if file.is_native:
            native.append(file)
            continue
        place = Span(Source(file.name, ""), 0, 0)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            diagnostics.error("E1002", f"{quote(file.name)} is not UTF-8", place)
            continue
        sources.append(Source(file.name, text, alias=file.alias))
    objects = read_objects(sources, diagnostics)
    if native:
        from lockgate.proof.native import read_native

        objects += [o for file in native for o in read_native(file, diagnostics)]
    return Sources(objects, tuple(digests), bool(native))


def make_evaluator(sources: Sources, options: Mapping[str, str]) -> Evaluator:
    """Return the reference under the options that a bundle's manifest records."""
    return Evaluator(
        sources.objects,
        semantics=options["semantics"],
        enforcement_mode=options["enforcement_mode"],
        audit=frozenset(options["audit"].split()),
        cluster_name=options["cluster_name"],
    )
