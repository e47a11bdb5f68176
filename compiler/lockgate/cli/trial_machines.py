"""Boot kernels for ``lockgate test``: each applies the tracing policies and tries operations."""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.cli.judged import RefusedError
from lockgate.cli.kernel_trials import choose_kernels
from lockgate.cli.messages import print_diagnostics
from lockgate.faults import Fault
from lockgate.vm import Kernel, Machine, MachineError
from lockgate.vm.recordings import record_kernel

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from lockgate.diagnostics import Diagnostics
    from lockgate.driver import Compilation
    from lockgate.expectations.told import Told
    from lockgate.targets.target import Target
    from lockgate.trials.planning import PlannedTrial

_SECONDS = 10.0
"""How long one operation may take."""


def try_in_machines(
    arguments: argparse.Namespace,
    trials: Sequence[PlannedTrial],
    diagnostics: Diagnostics,
) -> list[Told]:
    """Return what each trial comes to on each kernel of ``--kernel``.

    Raises RefusedError where the policies cannot be compiled for one of them, Fault where a
    machine cannot be booted or refuses the policies.
    """
    from lockgate.cli.terminal import progress
    from lockgate.trials.telling import remarks_of, tell_trials

    with progress() as tell:
        kernels = _kernels(arguments, tell)
        told: list[Told] = []
        with tempfile.TemporaryDirectory(prefix="lockgate-trial-") as folder:
            compilation = _write(arguments, kernels, trials, Path(folder), tell)
            tell(f"trying {len(trials)} operations")
            with ThreadPoolExecutor(len(kernels)) as workers:
                results = workers.map(
                    lambda kernel: _boot(kernel, Path(folder), arguments.timeout),
                    kernels,
                )
                for result in results:
                    told += tell_trials(trials, result, compilation.tracing_policies)
    remarks_of(told, diagnostics)
    return told


def _kernels(
    arguments: argparse.Namespace, tell: Callable[[str], None]
) -> list[Kernel]:
    words = (each.strip() for each in arguments.kernel.split(","))
    series = list(dict.fromkeys(filter(None, words)))
    if not series:
        raise Fault("E2203", "--kernel names no kernel", "such as --kernel 6.1,6.12")
    found = []
    for _, kernel in choose_kernels(series, arguments.kernels, tell):
        if isinstance(kernel, Fault):
            raise kernel
        found.append(kernel)
    return found


def _write(
    arguments: argparse.Namespace,
    kernels: Sequence[Kernel],
    trials: Sequence[PlannedTrial],
    folder: Path,
    tell: Callable[[str], None],
) -> Compilation:
    """Write what the machines need: bundle, plan, and the program that does operations."""
    from lockgate.artifact import write_bundle
    from lockgate.toolchain.program import compile_program

    compilation = _compile(arguments, kernels, tell)
    if compilation.bundle is None or not compilation.ok:
        print_diagnostics(compilation.diagnostics)
        raise RefusedError
    write_bundle(compilation.bundle, folder / "bundle")
    source = files("lockgate") / "templates" / "trial" / "workload.c"
    (folder / "workload").write_bytes(compile_program(source.read_text()))
    plan = {"seconds": _SECONDS, "trials": [trial.row for trial in trials]}
    (folder / "plan.json").write_text(json.dumps(plan))
    return compilation


def _compile(
    arguments: argparse.Namespace,
    kernels: Sequence[Kernel],
    tell: Callable[[str], None],
) -> Compilation:
    from lockgate.cli.inputs import cache_folder, read_options
    from lockgate.driver import Settings, compile_traces
    from lockgate.targets.target import load_target

    def targets() -> list[Target]:
        found = []
        for kernel in kernels:
            tell(f"recording Linux {kernel.release}")
            found.append(load_target(kernel.release, record_kernel(kernel)))
        return found

    settings = Settings(cache=cache_folder(arguments), targets=targets, progress=tell)
    return compile_traces(arguments.files, read_options(arguments), settings)


def _boot(kernel: Kernel, folder: Path, seconds: float) -> dict[str, Any]:
    """Return what the trials came to on one kernel."""
    with tempfile.TemporaryDirectory(prefix="lockgate-trial-") as shared:
        own = Path(shared)
        for name in ("bundle", "workload", "plan.json"):
            # The machine sees all files of this one; what it writes it has to itself.
            (own / name).symlink_to(folder / name)
        command = [sys.executable, "-m", "lockgate_runtime.trial", shared]
        machine = Machine(kernel, shared=own)
        done = machine.run(command, timeout=seconds, folder=own)
        try:
            result: dict[str, Any] = json.loads((own / "result.json").read_text())
        except (OSError, ValueError):
            raise MachineError(
                "E6553",
                f"the machine gave no answer\n{done.output}",
                "the lines above are what it said instead",
            ) from None
    if "error" in result:
        error = result["error"]
        message = f"Linux {kernel.release} refuses the policies: {error['message']}"
        raise Fault(error["code"], message, error["help"])
    return result
