"""``python -m lockgate.cli``."""

import sys

from lockgate.cli.main import main

sys.exit(main())
