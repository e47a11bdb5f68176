"""``lockgate metrics``: the runtime's verb of that name."""

from __future__ import annotations

from lockgate_runtime.verbs.metrics import EXAMPLES, configure, run

__all__ = ["EXAMPLES", "configure", "run"]
