"""Documents as text in tests: read as the driver reads them."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

from lockgate.diagnostics import Diagnostics
from lockgate.frontend.documents import documents_from_text, parse_documents
from lockgate.options import Options

if TYPE_CHECKING:
    from lockgate.ir.cluster import Cluster
    from lockgate.ir.policy import Policy


class Read(NamedTuple):
    """What came of some documents."""

    cluster: Cluster
    policies: tuple[Policy, ...]
    diagnostics: Diagnostics

    @property
    def codes(self) -> list[str]:
        """The codes of everything that was said, in order."""
        return [d.code for d in self.diagnostics.found]

    @property
    def places(self) -> list[str]:
        """Where it was said."""
        return [str(d.span) for d in self.diagnostics.found]


def read(text: str, name: str = "input.yaml") -> Read:
    """Read one file."""
    return read_files({name: dedent(text)})


def read_files(texts: dict[str, str]) -> Read:
    """Read files."""
    diagnostics = Diagnostics()
    found = parse_documents(documents_from_text(texts), Options(), diagnostics)
    return Read(found.cluster, found.policies, diagnostics)
