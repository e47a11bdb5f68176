"""Maps, programs and links do what bpf(2) says, and refusals are told."""

from __future__ import annotations

import errno
import json
import struct
from typing import TYPE_CHECKING

import pytest

from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
from lockgate_runtime.bpf import Map, MapType, Program, ProgramType
from lockgate_runtime.bpf_object import Object
from lockgate_runtime.errors import BpfError
from lockgate_runtime.jiffies import jiffies_per_second, measure_jiffies_per_second
from lockgate_runtime.maps import fill_array
from lockgate_runtime.verify import verify_object
from tests.kernel.e2e.bundles import CACHE
from tests.kernel.e2e.network import start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.kernel

EXAMPLE = """
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

struct __sk_buff { u32 len; };
struct config { u32 factor, unused; };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

const volatile u32 first = 0;
const volatile struct config config = {};

struct {
	__uint(type, 2);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} numbers SEC(".maps");

SEC("tc")
int multiply(struct __sk_buff *skb)
{
	u32 key = 2;
	u64 *value = bpf_map_lookup_elem(&numbers, &key);

	return value ? *value * config.factor : -1;
}

SEC("tc")
int BAD(struct __sk_buff *skb)
{
	u32 key = skb->len;
	u64 *value = bpf_map_lookup_elem(&numbers, &key);

	return *value;
}

char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def elf() -> bytes:
    """Give an object with a good program and a bad one."""
    diagnostics = Diagnostics()
    objects = compile_c({"example.c": EXAMPLE}, diagnostics, cache_folder=CACHE)
    assert objects, diagnostics
    return objects["example.o"]


def test_an_object_is_sized_given_constants_filled_and_run(elf: bytes) -> None:
    """Sizes and constants are of this load, and the kernel sees both."""
    with Object("example", elf) as target:
        assert set(target.programs) == {"multiply", "BAD"}
        target.skip("BAD")
        target.resize("numbers", 5)
        target.set_constant("config", struct.pack("<II", 7, 0))
        assert not target.has_constant("nothing", 8)
        with pytest.raises(ValueError, match="8 bytes"):
            target.set_constant("config", b"\0")
        target.load(statistics=True)
        (row,) = target.verifications()
        with target.map("numbers") as numbers, target.program("multiply") as program:
            fill_array(numbers, [struct.pack("<5Q", 1, 2, 3, 4, 5)])
            assert program.test_run(bytes(64)).value == 21
            assert program.info.name == "multiply"
            assert program.info.verified_instructions == row.verified_instructions > 0
            assert numbers.info.max_entries == 5


def test_a_refusal_has_the_verifiers_words(elf: bytes) -> None:
    """An unchecked pointer: the log names the instruction."""
    with Object("example", elf) as target, pytest.raises(BpfError) as caught:
        target.load()
    assert caught.value.errno == errno.EACCES
    assert "map_value_or_null" in caught.value.log


def test_verify_tells_good_from_bad(elf: bytes, tmp_path: Path) -> None:
    """One bad program does not hide what the verifier says of the other."""
    rows = {row["program"]: row for row in verify_object("example", elf)}
    assert rows["multiply"]["is_accepted"]
    assert rows["multiply"]["verified_instructions"] > 5
    assert not rows["BAD"]["is_accepted"]
    assert any("map_value_or_null" in line for line in rows["BAD"]["log"])
    file = tmp_path / "example.o"
    file.write_bytes(elf)
    from lockgate_runtime.__main__ import main

    assert main(["verify", str(file), "-o", "json"]) == 1


def test_verify_prints_json(elf: bytes, tmp_path: Path) -> None:
    """Nothing of libbpf's own gets between."""
    import sys

    file = tmp_path / "example.o"
    file.write_bytes(elf)
    done = start(
        sys.executable, "-m", "lockgate_runtime", "verify", str(file), "-o", "json"
    )
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["summary"] == {"accepted": 0, "refused": 1}
    assert answer["results"][0]["outcome"] == "refused"
    assert done.stderr == ""


def test_a_short_frame_is_no_verdict(elf: bytes) -> None:
    """The kernel's EINVAL is an error, and nothing that looks like a drop."""
    with Object("example", elf) as target:
        target.skip("BAD")
        target.load()
        with target.program("multiply") as program, pytest.raises(BpfError) as caught:
            program.test_run(bytes(13))
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("kind", [MapType.ARRAY, MapType.HASH])
def test_maps_in_batches(kind: MapType) -> None:
    """What is written in batches is read back in batches, and one by one."""
    count = 1000
    keys = struct.pack(f"<{count}I", *range(count))
    values = struct.pack(f"<{count}Q", *(i * i for i in range(count)))
    with Map.create(kind, "many", 4, 8, count) as many:
        many.set_many(keys, values)
        found = dict(many.items(300))
        assert len(found) == count
        assert found[struct.pack("<I", 31)] == struct.pack("<Q", 961)
        assert many.get(struct.pack("<I", 30)) == struct.pack("<Q", 900)
        assert sorted(many.keys()) == sorted(found)
        if kind is MapType.HASH:
            assert many.delete(struct.pack("<I", 30))
            assert not many.delete(struct.pack("<I", 30))
            assert many.get(struct.pack("<I", 30)) is None
        many.freeze()
        with pytest.raises(BpfError) as caught:
            many.set(struct.pack("<I", 1), bytes(8))
        assert caught.value.errno == errno.EPERM
        with pytest.raises(ValueError, match="4 bytes"):
            many.get(b"\0")


def test_a_program_that_is_refused_says_why() -> None:
    """Also one without an object."""
    with pytest.raises(BpfError) as caught:
        Program.load(ProgramType.SCHED_CLS, "bad", struct.pack("<BBhi", 0x95, 0, 0, 0))
    assert "R0 !read_ok" in caught.value.log


def test_jiffies_are_measured() -> None:
    """Where the kernel shows its configuration, the measured rate is that one."""
    assert measure_jiffies_per_second() == jiffies_per_second()
