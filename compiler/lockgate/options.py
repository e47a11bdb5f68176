"""Options of a compilation: everything besides the documents that changes the result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Semantics(Enum):
    """Whose reading of a kind is followed where implementations and specification differ.

    KUBERNETES: each kind means what its own specification says.  CILIUM follows the
    deviations of Cilium, for people who migrate.
    """

    KUBERNETES = "kubernetes"
    CILIUM = "cilium"


class EnforcementMode(Enum):
    """When an endpoint is denied by default, as Cilium's ``enable-policy``.

    DEFAULT: when a policy selects it; ALWAYS: always; NEVER: no policy is enforced.
    """

    DEFAULT = "default"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    ``audit`` holds policy keys (``Kind/namespace/name``) whose denials only report.
    ``allow_unenforced`` turns the refusal of what nothing enforces yet into a warning.
    """

    semantics: Semantics = Semantics.KUBERNETES
    enforcement_mode: EnforcementMode = EnforcementMode.DEFAULT
    allow_unenforced: bool = False
    audit: frozenset[str] = frozenset()
    cluster_name: str = "default"
