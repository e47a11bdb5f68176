"""What a target cannot do for a hook."""

from __future__ import annotations


class RefusalError(Exception):
    """A hook that this target cannot have: code, reason, the nearest thing that works."""

    def __init__(self, code: str, reason: str, suggestion: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.suggestion = suggestion
