"""``lockgate target``: the runtime's verb of that name."""

from __future__ import annotations

from lockgate_runtime.verbs.target import EXAMPLES, configure, run

__all__ = ["EXAMPLES", "configure", "run"]
