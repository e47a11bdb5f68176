"""Starting up stays fast: who has no file of the language never loads a grammar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CASE = Path(__file__).parent.parent.parent / "golden" / "default_deny"
PROGRAM = """
import sys
from lockgate.cli.main import main
files = [word for path in sys.argv[1:] for word in ("-f", path)]
assert main(["compile", *files, "--no-cache"]) == 0
print("lark" in sys.modules, any("lockgate.language" in name for name in sys.modules))
"""


def test_yaml_needs_no_grammar() -> None:
    """YAML alone is compiled without lark and without the language's modules."""
    files = [str(CASE / name) for name in ("policy.yaml", "cluster.yaml")]
    command = [sys.executable, "-c", PROGRAM, *files]
    done = subprocess.run(  # noqa: S603  # literal commands
        command, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
