"""Run the groups of :mod:`tests.tracing.program_cases`.

``python -m tests.tracing.program_guest FOLDER``: in a machine, or on the running kernel as root.
Prints one JSON object as the other guest does.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from lockgate_runtime.pins import Pins, remove_tree
from lockgate_runtime.tracing.sensor import start_sensor, stop_sensor
from tests.tracing.guest import run_group
from tests.tracing.program_cases import GROUPS, filled
from tests.tracing.reader import Reader


def main() -> None:
    """Go over all groups that were compiled, each a generation."""
    folder = Path(sys.argv[1])
    pins = Pins(Path(f"/sys/fs/bpf/lockgate-programs-{os.getpid()}"))
    pins.create()
    found: dict[str, Any] = {}
    try:
        start_sensor(pins, (folder / "process.o").read_bytes())
        for number, (group, cases) in enumerate(GROUPS.items(), start=1):
            if not (folder / group).exists():
                continue
            try:
                reader = Reader(pins, folder / group)
                found[group] = run_group(
                    reader,
                    pins,
                    number,
                    folder / group,
                    filled(cases, folder / "program"),
                )
            except Exception as error:  # the next group may do
                found[group] = {"error": f"{error}\n{traceback.format_exc()}"}
        stop_sensor(pins)
    finally:
        remove_tree(pins.root if hasattr(pins, "root") else pins.top)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
