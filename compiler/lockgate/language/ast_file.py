"""What a whole file says: blocks of every kind."""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.language.ast import CidrGroup, Policy
from lockgate.language.ast_tests import Test
from lockgate.language.ast_traces import Service, Trace

Block = Policy | CidrGroup | Test | Trace | Service


@dataclass(frozen=True, slots=True)
class File:
    """The blocks of a file, in their order."""

    blocks: tuple[Block, ...]

    @property
    def tests(self) -> tuple[Test, ...]:
        """The test blocks."""
        return tuple(block for block in self.blocks if isinstance(block, Test))

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies."""
        return tuple(block for block in self.blocks if isinstance(block, Policy))
