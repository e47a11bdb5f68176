"""Processes that die when they are told to: forked from one that has imported the runtime.

A new Python costs seconds in an emulated machine, and killing ``apply`` at every step takes
many.  The stage is started once, in the host's namespace; each command is a child of its own,
which kills itself at a step of ``apply`` or at a call of bpf(2), or lets that call fail.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from tests.kernel.e2e.network import Network

NO_MEMORY = 12


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``calls``: how often it called bpf(2), where it came to an end."""

    returncode: int
    stdout: str
    stderr: str
    calls: int


@dataclass(frozen=True)
class Running:
    """A command at work."""

    stage: Stage
    number: int
    folder: Path

    def wait(self) -> Ended:
        """Wait for its end."""
        status = self.stage.ask(wait=self.number)
        return Ended(
            os.waitstatus_to_exitcode(status),
            self.said("stdout"),
            self.said("stderr"),
            int(self.said("calls") or 0),
        )

    def said(self, what: str) -> str:
        """Return what it has said so far."""
        return (self.folder / what).read_text()


class Stage:
    """The process whose children the commands are, as a context manager."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network = network
        self._folder = folder
        self._numbers = itertools.count()

    def __enter__(self) -> Stage:
        command = (
            *("nsenter", f"--net=/run/netns/{self._network.host}"),
            *(sys.executable, str(Path(__file__)), os.pathsep.join(sys.path)),
        )
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)  # noqa: S603  # ours
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with self._process as process:  # closes the pipes: it ends, and is waited for
            assert process.stdin is not None
            process.stdin.close()

    def start(
        self, *words: str, die_at: str = "", fail_at: int = 0, error: int = NO_MEMORY
    ) -> Running:
        """Begin a verb; ``die_at`` is a step of apply, or the number of a call of bpf(2)."""
        folder = self._folder / f"command{next(self._numbers)}"
        folder.mkdir()
        for name in ("stdout", "stderr", "calls"):
            (folder / name).touch()
        network = self._network
        place = ["--root", str(network.root), "--state", str(network.state)]
        number = self.ask(
            words=[*words, *place],
            folder=str(folder),
            die_at=die_at,
            fail_at=fail_at,
            error=error,
        )
        return Running(self, number, folder)

    def run(
        self, *words: str, die_at: str = "", fail_at: int = 0, error: int = NO_MEMORY
    ) -> Ended:
        """Run a verb to its end."""
        return self.start(*words, die_at=die_at, fail_at=fail_at, error=error).wait()

    def ask(self, **question: Any) -> int:  # noqa: ANN401  # JSON
        """Send a question to the process, and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


# ------------------------------------------------------------ in the other process


def serve() -> None:
    """Fork a child for each command, and tell how children ended."""
    import lockgate_runtime.apply  # all that is imported here, no child imports again
    import lockgate_runtime.libbpf
    from lockgate_runtime.netlink import Netlink

    with Netlink():
        pass
    lockgate_runtime.libbpf.load_libbpf()
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            answer = os.waitpid(question["wait"], 0)[1]
        else:
            answer = os.fork()
            if not answer:
                _perform(question)
        print(answer, flush=True)


def _perform(question: dict[str, Any]) -> None:
    """Be the command: never returns."""
    code = 2
    folder = Path(question["folder"])
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            with (folder / name).open("wb") as file:
                os.dup2(file.fileno(), number)
        code = _run(question, folder)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(question: dict[str, Any], folder: Path) -> int:
    from lockgate_runtime import __main__ as runtime
    from lockgate_runtime import bpf, libbpf
    from lockgate_runtime.errors import BpfError
    from lockgate_runtime.verbs import apply

    wanted, failing = question["die_at"], question["fail_at"]
    original, calls = libbpf.bpf, 0

    def counting(*arguments: Any) -> Any:  # noqa: ANN401  # as bpf() has them
        nonlocal calls
        calls += 1
        if str(calls) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        if calls == failing:
            raise BpfError(question["error"], "fill a map")
        return original(*arguments)

    def die_at_step(step: str) -> None:
        if step == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(bpf, "bpf", counting)  # noqa: B010  # mypy knows that they are no variables
    setattr(apply, "_silent", die_at_step)  # noqa: B010
    code = runtime.main(question["words"])
    (folder / "calls").write_text(str(calls))
    return code


if __name__ == "__main__":
    sys.path[:] = sys.argv[1].split(os.pathsep)
    serve()
