"""``python -m lockgate.cli``."""

from lockgate.cli.main import run

run()
