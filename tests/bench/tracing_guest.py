"""The parts of the benchmark of tracing that run in the machine: sites on files, memory.

A generation is loaded and armed by the runtime itself, and files are read with and without it.
"""

from __future__ import annotations

import gc
import io
import json
import os
import re
import statistics
import struct
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, redirect_stdout
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate_runtime.__main__ import main
from lockgate_runtime.bpf import Map, MapType, Program
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.libbpf import bpf
from lockgate_runtime.pins import Pins
from lockgate_runtime.tracing import generation
from lockgate_runtime.tracing.probes import attach_traced
from lockgate_runtime.tracing.sensor import sensor_folder, start_sensor
from lockgate_runtime.tracing.sites import read_sites
from lockgate_runtime.tracing.workloads import fill_workloads, read_workloads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EMPTY_HOOK = 136
READS, ROUNDS = 400, 7
FILES = {
    "": "/srv/one/file",
    "_deep": "/srv/1/2/3/4/5/6/7/file",
    "_mount": "/srv/mount/one/file",
    "_long": "/srv/name-of-some-length/and-another-one/file",
}
"""Two directories deep, eight deep, two deep below a mount, below directories of long names."""
USUAL = ("", "_deep", "_mount")
_RUNS = 300
_STATISTICS = Path("/proc/sys/kernel/bpf_stats_enabled")


def begin(folder: Path) -> tuple[Pins, dict[str, float]]:
    """Make the files and the mount, start the sensor; give what reading costs without more."""
    mount = Path("/srv/mount")
    mount.mkdir(parents=True)
    if os.system(f"mount -t tmpfs none {mount}"):  # noqa: S605  # our own words
        raise SystemExit("no tmpfs")
    for name in FILES.values():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"content")
    return sense(folder), bare()


def sense(folder: Path) -> Pins:
    """Start the sensor; return where things are pinned."""
    pins = Pins(Path("/sys/fs/bpf/lockgate-bench"))
    pins.create()
    start_sensor(pins, (folder / "process.o").read_bytes())
    return pins


def generations(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield a number and the folder of each generation."""
    for number, sites in enumerate(sorted(folder.glob("*/sites.json")), start=1):
        yield number, sites.parent


@contextmanager
def armed(pins: Pins, number: int, folder: Path) -> Iterator[list[Path]]:
    """Put a generation in force; give the pins of its programs."""
    sites = read_sites(folder / "sites.json")
    generation.load(pins, number, 0, sites, folder)
    if workloads := read_workloads(folder):
        fill_workloads(pins, 0, workloads)
    generation.arm(pins, number, 0, sites, folder)
    programs = generation.tracing_folder(pins, number) / "programs"
    try:
        yield sorted(programs.glob("site_*"))
    finally:
        generation.remove(pins, number)


def read_often(path: str) -> float:
    """Read a byte of a file many times; return instructions for one."""
    descriptor = os.open(path, os.O_RDONLY)
    pread = os.pread
    times = range(READS)
    try:
        start = time.monotonic_ns()
        for _ in times:
            pread(descriptor, 1, 0)
        return (time.monotonic_ns() - start) / READS
    finally:
        os.close(descriptor)


def bare() -> dict[str, float]:
    """Return what reading each file costs without any program."""
    gc.disable()
    for path in FILES.values():
        read_often(path)
    return {
        name: statistics.median(read_often(path) for _ in range(ROUNDS))
        for name, path in FILES.items()
    }


def per_hit(
    pins: Pins, number: int, folder: Path, without: dict[str, float]
) -> dict[str, float]:
    """Return what a generation adds to each hit, the empty hook's cost included."""
    found = {}
    with armed(pins, number, folder) as programs:
        for name in files_of(folder):
            path = FILES[name]
            read_often(path)
            hits = hits_of(programs, path)
            if not hits:
                raise SystemExit(f"{folder.name}: {path} hits nothing")
            cost = statistics.median(read_often(path) for _ in range(ROUNDS))
            found[name] = (cost - without[name]) / hits
    return found


def files_of(folder: Path) -> tuple[str, ...]:
    """Return which files are read: one where the folder says so."""
    only = folder / "file"
    return (only.read_text(),) if only.exists() else USUAL


def hits_of(programs: list[Path], path: str) -> int:
    """Return how often one read hits the programs."""
    _STATISTICS.write_text("1")
    before = _runs(programs)
    read_often(path)
    after = _runs(programs)
    _STATISTICS.write_text("0")
    return round((after - before) / READS)


def _runs(programs: list[Path]) -> int:
    total = 0
    for path in programs:
        with Program.pinned(path) as program:
            # struct bpf_prog_info: run_time_ns, run_cnt.
            total += struct.unpack_from("=Q", program.information(232), 200)[0]
    return total


def sites(folder: Path) -> dict[str, float]:
    """Measure every generation of the folder, each alone."""
    pins, without = begin(folder)
    found = {}
    for number, made in generations(folder):
        name, is_named = made.name, (made / "file").exists()
        for place, cost in per_hit(pins, number, made, without).items():
            found[name if is_named else f"{name}{place}"] = cost
    return found


# ---------------------------------------------------------------- memory

TASKS = 1000


def memory(folder: Path) -> dict[str, float]:
    """Return the bytes of all programs and maps but the ring: of one policy, of many more.

    What the kernel says of itself in fdinfo; the rooms of processes are filled first.
    """
    pins = sense(folder)
    with Map.pinned(pins.map("processes")) as processes:
        for number in range(TASKS):
            key = struct.pack("=Q", (1 << 22) + number)
            processes.set(key, bytes(processes.info.value_size))
    found = {}
    for number, name in enumerate(("first", "first_binary", "many"), start=1):
        with armed(pins, number, folder / name):
            found[name] = float(sum(locked().values()))
    return found


def locked() -> dict[tuple[str, int], int]:
    """Return bytes by kind and number of every program and map that there is."""
    found = {}
    for kind, number, descriptor in _everything():
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
        os.close(descriptor)
        size = re.search(r"^memlock:\s+(\d+)", text, re.M)
        is_ring = re.search(rf"^map_type:\s+{MapType.RINGBUF}$", text, re.M)
        if size and not is_ring:
            found[kind, number] = int(size[1])
    return found


class _Command(IntEnum):
    """Enum bpf_cmd: PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID."""

    PROGRAM = 13
    MAP = 14


def _everything() -> Iterator[tuple[str, int, int]]:
    """Yield kind, number and descriptor of every program and map of the machine."""
    for command in _Command:
        for number in range(1, 1 << 13):
            attributes = bytearray(struct.pack("=III", number, 0, 0))
            try:
                yield command.name, number, bpf(command, attributes, "open")
            except BpfError:
                continue


# ---------------------------------------------------------------- scale


def scale(folder: Path) -> dict[str, float]:
    """Load every generation of the folder: how long, how much memory, what a miss costs.

    ``_load`` is in millions of instructions, waiting left out; what the kernel refuses has
    ``_refused`` instead.
    """
    pins, without = begin(folder)
    found = {}
    for number, made in generations(folder):
        name = made.name
        before = sum(locked().values())
        start = time.process_time_ns()
        try:
            with armed(pins, number, made) as programs:
                found[f"{name}_load"] = (time.process_time_ns() - start) / 1e6
                found[f"{name}_bytes"] = sum(locked().values()) - before
                found[f"{name}_miss"] = miss_of(programs, without[""])
        except NodeError as error:
            print(name, error)
            found[f"{name}_refused"] = 1
            generation.remove(pins, number)
    return found


def miss_of(programs: list[Path], without: float) -> float:
    """Return what one hit costs of a file that nobody asks for."""
    path = FILES[""]
    read_often(path)
    hits = hits_of(programs, path)
    cost = statistics.median(read_often(path) for _ in range(ROUNDS))
    return (cost - without) / hits if hits else 0


# ---------------------------------------------------------------- the sensor

# An ELF file that ends at once: exit(0), by hand, so that exec itself costs little.
_CODE = bytes.fromhex("31ffb83c0000000f05")


def write_program(path: Path) -> None:
    """Write a program that does nothing."""
    base, start = 0x400000, 64 + 56
    head = (b"\x7fELF\2\1\1", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    size = start + len(_CODE)
    segment = (1, 5, 0, base, base, size, size, 0x1000)
    path.parent.mkdir(parents=True)
    path.write_bytes(
        struct.pack("<16sHHIQQQIHHHHHH", *head)
        + struct.pack("<IIQQQQQQ", *segment)
        + _CODE
    )
    path.chmod(0o755)


def spawn(program: Path, times: int) -> float:
    """Run a program so often; return nanoseconds for one."""
    words = [str(program), "first", "second", "third"]
    start = time.monotonic_ns()
    for _ in range(times):
        os.waitpid(os.posix_spawn(words[0], words, {}), 0)
    return (time.monotonic_ns() - start) / times


def run_time(program: Program) -> tuple[int, int]:
    """Return nanoseconds and runs, as the kernel counts them (struct bpf_prog_info)."""
    time_spent, runs = struct.unpack_from("=QQ", program.information(232), 192)
    return time_spent, runs


def run_times(programs: Mapping[str, Program], program: Path) -> dict[str, list[int]]:
    """Return what programs take of each of many little processes."""
    _STATISTICS.write_text("1")
    spawn(program, 10)
    spent: dict[str, list[int]] = {name: [] for name in programs}
    before = {name: run_time(found)[0] for name, found in programs.items()}
    for _ in range(_RUNS):
        spawn(program, 1)
        for name, found in programs.items():
            total = run_time(found)[0]
            spent[name].append(total - before[name])
            before[name] = total
    return spent


SENSOR = ("process_fork", "process_exec", "process_exit", "credentials_changed")


def classified(folder: Path) -> dict[str, float]:
    """Measure the sensor where policies ask for binaries: it gives each process its class."""
    program = Path(tempfile.mkdtemp()) / "usr" / "nothing"
    write_program(program)
    pins = sense(folder)
    (sensor,) = sensor_folder(pins).glob("sensor-*")
    found: dict[str, float] = {}
    for number, made in generations(folder):
        with armed(pins, number, made), ExitStack() as ends:
            pinned = ((name, sensor / "programs" / name) for name in SENSOR)
            programs = {n: ends.enter_context(Program.pinned(p)) for n, p in pinned}
            spent = run_times(programs, program).values()
            cost = sum(statistics.median(runs) for runs in spent)
            found[made.name] = cost + EMPTY_HOOK * len(SENSOR)
    return found


def fork_exec_exit(folder: Path) -> dict[str, float]:
    """Measure the sensor over many little processes."""
    program = Path(tempfile.mkdtemp()) / "usr" / "nothing"
    write_program(program)
    os.chdir(program.parent)
    names = SENSOR
    gc.disable()
    with Object(
        "process", (folder / "process.o").read_bytes(), is_tracing=True
    ) as sensor:
        sensor.resize("events", 1 << 24)
        sensor.load()
        programs = {name: sensor.program(name) for name in names}
        differences = []
        for _ in range(4):
            # So many that what attaching leaves to be done is a small part of it.
            bare = spawn(program, 500)
            links = [attach_traced(programs[name], name) for name in names]
            spawn(program, 5)
            differences.append(spawn(program, 500) - bare)
            for link in links:
                link.close()
        links = [attach_traced(programs[name], name) for name in names]
        spent = run_times(programs, program)
    hooks = EMPTY_HOOK * len(names)
    medians = {name: statistics.median(runs) for name, runs in spent.items()}
    return {
        "fork_exec_exit": sum(medians.values()) + hooks,
        **medians,
        "fork_exec_exit_mean": sum(map(sum, spent.values())) / _RUNS + hooks,
        "fork_exec_exit_whole": statistics.median(differences),
    }


# ---------------------------------------------------------------- apply

_APPLIES = 6


def apply(folder: Path) -> dict[str, float]:
    """Apply bundles in turn that differ in values; return processors' seconds.

    Waiting is left out: while the guest waits for the host's disk its clock runs on.
    """
    place = ["--root", "/sys/fs/bpf/lockgate-bench", "--state", "/run/lockgate-bench"]
    found = {}
    for stand in sorted({bundle.parent for bundle in folder.glob("*/bundle-0")}):
        seconds = []
        for number in range(_APPLIES):
            bundle = stand / f"bundle-{number % 2}"
            start = time.process_time()
            with redirect_stdout(output := io.StringIO()):
                code = main(["apply", str(bundle), *place])
            if code:
                raise SystemExit(output.getvalue())
            seconds.append(time.process_time() - start)
        with redirect_stdout(io.StringIO()):
            main(["unload", *place])
        found[f"{stand.name}_first"] = seconds[0]
        found[stand.name] = statistics.median(seconds[1:])
    return found


PARTS = {
    "apply": apply,
    "classified": classified,
    "fork_exec_exit": fork_exec_exit,
    "memory": memory,
    "scale": scale,
    "sites": sites,
}


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Path(sys.argv[2]))))
