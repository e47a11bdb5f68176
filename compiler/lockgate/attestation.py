"""What was found out about a bundle, written beside it as an in-toto statement.

An attestation names its bundle by the SHA-256 of ``manifest.json``, which has the hash of every
other file: it cannot be taken for that of another bundle.  It lies beside the bundle's folder
(``bundle.verify-6.1.0-56-amd64.json``), so that the bundle stays what it was.  It says nothing of
times, hosts or people: the same findings give the same bytes.  Tools that sign in-toto statements
can sign it (https://github.com/in-toto/attestation, Statement v1).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lockgate
from lockgate_runtime.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate_runtime.manifest import Manifest

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://lockgate.dev/attestations/{kind}/v1"


def attestation_path(bundle: Path, name: str) -> Path:
    """Return where an attestation about a bundle's folder lies, as the bundle was named."""
    if bundle.name in ("", ".."):
        bundle = Path(os.path.abspath(bundle))  # noqa: PTH100  # resolve() follows links
    return bundle.with_name(f"{bundle.name}.{name}.json")


def print_attestation(
    manifest: Manifest, kind: str, findings: Mapping[str, Any]
) -> str:
    """Return the statement as text; ``kind`` (``verify``, ``prove``) says what was done."""
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": MANIFEST, "digest": {"sha256": manifest.digest}}],
        "predicateType": _PREDICATE.format(kind=kind),
        "predicate": {"lockgate": lockgate.__version__, **findings},
    }
    return json.dumps(statement, ensure_ascii=False, indent=2) + "\n"


def write_attestation(bundle: Path, name: str, text: str) -> Path:
    """Write an attestation beside a bundle, whole or not at all; return where it is."""
    path = attestation_path(bundle, name)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(unfinished).chmod(0o644)
        Path(unfinished).rename(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return path
