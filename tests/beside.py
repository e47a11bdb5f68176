"""What tests read beside this tree, ``../shared`` from its root, since others wrote it.

Where something is not there, the tests that need it are reported as not run, and say what
it is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parent.parent.parent / "shared"
CILIUM = SHARED / "corpus/cilium"
TETRAGON = SHARED / "corpus/tetragon"
CONFORMANCE = SHARED / "conformance"


def _needs(folder: Path, what: str) -> pytest.MarkDecorator:
    place = f"../{folder.relative_to(SHARED.parent)}"
    return pytest.mark.skipif(not folder.is_dir(), reason=f"needs {place}: {what}")


needs_cilium = _needs(CILIUM, "policies of examples/policies in cilium/cilium")
needs_tetragon = _needs(
    TETRAGON, "policies of examples/tracingpolicy in cilium/tetragon"
)
needs_cases = _needs(
    CONFORMANCE, "cases with verdicts, as tests/conformance/cases.py reads"
)
