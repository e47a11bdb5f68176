"""``python -m lockgate_runtime.trial FOLDER``: carry out ``plan.json``, write ``result.json``.

``FOLDER/bundle`` is applied after every trial ran once without it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lockgate_runtime.errors import NodeError
from lockgate_runtime.trial.plan import read_plan
from lockgate_runtime.trial.under_policy import run_all


def main() -> None:
    """Run; an error of the node is a result as well."""
    folder = Path(sys.argv[1])
    plan = read_plan(json.loads((folder / "plan.json").read_text()))
    result: dict[str, Any]
    try:
        result = run_all(plan, folder / "bundle", folder / "workload")
    except NodeError as error:
        result = {
            "error": {"code": error.code, "message": error.message, "help": error.cure}
        }
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
