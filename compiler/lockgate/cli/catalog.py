"""``lockgate catalog``: tracing policies that are ready to use, or to begin with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

EXAMPLES = """
  lockgate catalog                          # what there is
  lockgate catalog network > network.yaml   # to be changed and committed
  lockgate catalog files | lockgate attach-report -f - --target worker=targets/worker
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Print a tracing policy that is ready to use.  Each only reports: it denies nothing and "
        "kills nobody.  Keep it in a file of your own, narrow it, and review it as any other."
    )
    parser.add_argument(
        "name", nargs="?", help="the policy to print; without it the list of all"
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="of the list"
    )


def policies() -> Mapping[str, str]:
    """Return the text of every policy by its name, in order."""
    from lockgate.codegen.render import TEMPLATES

    files = (TEMPLATES / "policies").iterdir()
    found = {file.name.removesuffix(".yaml"): file.read_text() for file in files}
    return dict(sorted(found.items()))


def run(arguments: argparse.Namespace) -> int:
    """Print one policy, or the list; 2 where there is none of that name."""
    from lockgate.diagnostics import did_you_mean
    from lockgate.results import print_results

    found = policies()
    if arguments.name is None:
        if arguments.output == "json":
            results = [{"name": n, "about": _about(t)} for n, t in found.items()]
            sys.stdout.write(print_results(results, {"policies": len(found)}))
        else:
            width = max(map(len, found))
            for name, text in found.items():
                print(f"{name:{width}}  {_about(text)}")
        return 0
    if arguments.name not in found:
        cure = did_you_mean(arguments.name, list(found)) or f"one of {', '.join(found)}"
        print(
            f"error: the catalog has no policy '{arguments.name}'\nhelp: {cure}",
            file=sys.stderr,
        )
        return 2
    sys.stdout.write(found[arguments.name])
    return 0


def _about(text: str) -> str:
    """Return the first sentence of the comment that a policy begins with."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines).partition(". ")[0].rstrip(".")
