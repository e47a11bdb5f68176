"""``lockgate completion``: what a shell needs to complete verbs and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

EXAMPLES = """
  source <(lockgate completion bash)
  lockgate completion zsh > ~/.zfunc/_lockgate
  lockgate completion fish > ~/.config/fish/completions/lockgate.fish
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from lockgate.cli.main import build_parser

    print(shtab.complete(build_parser(), shell=arguments.shell))
    return 0
