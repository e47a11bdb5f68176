"""``lockgate set-mode``: the runtime's verb of that name."""

from __future__ import annotations

from lockgate_runtime.verbs.set_mode import EXAMPLES, configure, run

__all__ = ["EXAMPLES", "configure", "run"]
