"""What every verb that judges prints with ``-o json``: the form that the runtime's verbs have.

See :mod:`lockgate_runtime.results`, which is part of the contract between the two.
"""

from __future__ import annotations

from lockgate_runtime.results import (
    RESULTS_VERSION,
    placeless,
    print_result_line,
    print_results,
)

__all__ = ["RESULTS_VERSION", "placeless", "print_result_line", "print_results"]
