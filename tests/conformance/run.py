"""Run conformance cases: ``python tests/conformance/run.py CASES.jsonl --engine tables``.

Prints each difference and the totals; exits 1 if there is any difference.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.cases import read_cases
from tests.conformance.engines import ENGINES
from tests.conformance.runner import run_cases


def main() -> int:
    """Run the files given on the command line."""
    parser = argparse.ArgumentParser(description="Run conformance cases.")
    parser.add_argument("cases", type=Path, nargs="+", metavar="CASES.jsonl[.gz]")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="tables")
    parser.add_argument(
        "--semantics", choices=("kubernetes", "cilium"), default="kubernetes"
    )
    arguments = parser.parse_args()
    engine = ENGINES[arguments.engine](arguments.semantics)
    differences = 0
    for path in arguments.cases:
        report = run_cases(read_cases(path), engine, arguments.semantics)
        for difference in report.differences:
            print(difference)
        print(f"{path.name}: {report.summary()}")
        differences += len(report.differences)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
