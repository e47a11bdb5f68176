"""``python -m lockgate.vm 6.1 -- COMMAND``: run a command under another kernel."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from lockgate.faults import Fault
from lockgate.vm.kernels import SERIES
from lockgate.vm.machine import Machine


def main() -> int:
    """Run the command; return its exit code, 2 if the machine could not run it."""
    parser = argparse.ArgumentParser(
        prog="python -m lockgate.vm", description="Run a command under another kernel."
    )
    parser.add_argument("kernel", help=f"series: {', '.join(SERIES)}")
    parser.add_argument("--timeout", type=float, default=300, help="seconds (300)")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--append", action="append", default=[], help="for the kernel")
    parser.add_argument(
        "--count-instructions",
        action="store_true",
        help="let the guest's clock be the instructions that it executes, one CPU",
    )
    parser.add_argument("--shared", type=Path, help="a folder that the guest may write")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        machine = Machine(
            options.kernel,
            cpus=options.cpus,
            shared=options.shared,
            append=options.append,
            counts_instructions=options.count_instructions,
        )
        done = machine.run(
            options.command, timeout=options.timeout, echo=sys.stdout.buffer
        )
    except Fault as error:
        print(error.render(), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(
        f"vm: {machine.kernel.release}: exit code {done.exit_code}, {done.seconds:.1f} s",
        file=sys.stderr,
    )
    return done.exit_code


if __name__ == "__main__":
    sys.exit(main())
