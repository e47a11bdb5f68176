"""Filters in CEL, the expression language of the reference's ``cel_expression``: the common part.

``syntax`` reads an expression, ``types`` knows what values are and how they look in JSON,
``functions`` has what can be called, ``compiler`` makes a test of events from it.  What is not
known is refused with its place, never passed over.
"""

from lockgate_runtime.tracing.cel.compiler import compile_filter
from lockgate_runtime.tracing.cel.syntax import CelError

__all__ = ["CelError", "compile_filter"]
