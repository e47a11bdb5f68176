"""The pinned compiler: the same bytes anywhere, errors as diagnostics, a patient cache."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lockgate.codegen.program import render_programs
from lockgate.codegen.shape import Feature, Shape
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import (
    ZIGLANG,
    cache_key,
    compile_c,
    find_compiler,
    strip_comments,
)
from tests.places import PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

FEATURES = (
    "prefixes_v6",
    "more_addresses",
    "host_policy",
    "audit",
    "unenforced",
    "cgroups",
)

BUILD = """
import hashlib, os, sys
os.umask(int(sys.argv[1], 8))
from tests.toolchain.test_clang import full_shape
from lockgate.codegen.program import render_programs
from lockgate.diagnostics import Diagnostics
from lockgate.toolchain.clang import compile_c
objects = compile_c(render_programs(full_shape()), Diagnostics())
for name, object_ in objects.items():
    print(name, hashlib.sha256(object_).hexdigest())
"""


def full_shape(reason: str = "a reason") -> Shape:
    """Return the shape with every feature."""
    return Shape(tuple(Feature(name, True, reason) for name in FEATURES))


def test_the_same_bytes_in_two_places(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Folder, time zone, language, home, umask and time do not show in an object."""
    seen = set()
    for i, (zone, language, umask) in enumerate(
        (("UTC", "C", "022"), ("Asia/Kolkata", "de_DE.UTF-8", "077"))
    ):
        folder = tmp_path / f"place {i}"
        folder.mkdir()
        environment = os.environ | {
            "TZ": zone,
            "LANG": language,
            "LC_ALL": language,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "CPATH": "/usr/include",
            "PYTHONPATH": str(pytestconfig.rootpath),
        }
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", BUILD, umask],
            cwd=folder,
            env=environment | PACKAGES,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.count("\n") == 5
        seen.add(done.stdout)
        assert not any(folder.iterdir())  # zig's caches are gone, too
        time.sleep(1.1)
    assert len(seen) == 1


def test_objects_name_no_folder(tmp_path: Path) -> None:
    """Nothing of where it was compiled is in an object."""
    objects = compile_c(render_programs(full_shape()), Diagnostics())
    for object_ in objects.values():
        for word in (b"/tmp", b"/home", b"/usr", b"site-packages", bytes(tmp_path)):
            assert word not in object_


def test_a_reason_does_not_change_an_object() -> None:
    """The policy line that asked for a feature is a comment, and comments are not compiled."""
    compiler = find_compiler()
    one, two = (
        render_programs(full_shape(reason)) for reason in ("x.yaml:3", "y.yaml:99")
    )
    assert one["shape.h"] != two["shape.h"]
    assert cache_key("tc.c", one, compiler) == cache_key("tc.c", two, compiler)
    assert compile_c(one, Diagnostics()) == compile_c(two, Diagnostics())


def test_a_feature_changes_the_key() -> None:
    """The cache knows programs apart, also when only a header differs."""
    compiler = find_compiler()
    without = Shape(tuple(Feature(name, False, "") for name in FEATURES))
    keys = {
        cache_key("tc.c", render_programs(shape), compiler)
        for shape in (full_shape(), without)
    }
    assert len(keys) == 2


def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled before is not compiled again."""
    sources = {"one.c": "int one(void) { return 1; }\n"}
    first = compile_c(sources, Diagnostics(), cache_folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1

    def never(*_: object) -> bytes:
        raise AssertionError("clang was called")

    monkeypatch.setattr("lockgate.toolchain.clang._compile", never)
    assert compile_c(sources, Diagnostics(), cache_folder=tmp_path) == first
    commented = {"one.c": "int one(void) { return 1; } // why\n"}
    assert compile_c(commented, Diagnostics(), cache_folder=tmp_path) == first
    with pytest.raises(AssertionError, match="called"):
        compile_c({"one.c": "int one;\n"}, Diagnostics(), cache_folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a /* b */ c", "a  c"),
        ("a // b\nc", "a\nc"),
        ("a /* b\n c */\nd", "a\n\nd"),
        ('x = "/* no // comment */"; // y', 'x = "/* no // comment */";'),
        ('x = "\\"// "; /* y */', 'x = "\\"// ";'),
    ],
)
def test_comments(text: str, expected: str) -> None:
    """Strings stay, and lines keep their numbers."""
    assert strip_comments(text) == expected


def test_refused_c() -> None:
    """Clang's words become a diagnostic, without the folder it ran in."""
    diagnostics = Diagnostics()
    assert compile_c({"bad.c": "int x = y;\n"}, diagnostics) == {}
    (found,) = diagnostics.found
    assert found.code == "E4001"
    assert "bad.c:1:9" in found.message
    assert "undeclared" in found.message
    assert "lockgate-" not in found.message


def test_warnings_are_errors() -> None:
    """Our C is free of them."""
    diagnostics = Diagnostics()
    compile_c({"bad.c": "static int unused;\n"}, diagnostics)
    assert [found.code for found in diagnostics.found] == ["E4001"]


def test_headers_of_the_machine_are_out_of_reach() -> None:
    """Only our own headers can be included."""
    for header in ("linux/bpf.h", "stddef.h", "bpf/bpf_helpers.h"):
        diagnostics = Diagnostics()
        compile_c({"bad.c": f"#include <{header}>\n"}, diagnostics)
        assert "not found" in diagnostics.found[0].message


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wrong version and a clang that is none are told with the cure."""
    find_compiler.cache_clear()
    monkeypatch.setattr("lockgate.toolchain.clang.version", lambda _: "0.1.0")
    diagnostics = Diagnostics()
    assert compile_c({"a.c": "int a;\n"}, diagnostics) == {}
    find_compiler.cache_clear()
    other = tmp_path / "clang"
    other.write_text("#!/bin/sh\necho I am no compiler\n")
    other.chmod(0o755)
    for path in (str(other), str(tmp_path / "absent")):
        assert compile_c({"a.c": "int a;\n"}, diagnostics, clang=path) == {}
    assert [found.code for found in diagnostics.found] == ["E4002"] * 3
    assert ZIGLANG in (diagnostics.found[0].help or "")


@pytest.mark.parametrize(
    ("number", "cure"), [(errno.EAGAIN, "try again"), (errno.EACCES, "--clang")]
)
def test_a_compiler_that_does_not_run(
    number: int, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is short of processes needs patience, and no other compiler."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    find_compiler()
    monkeypatch.setattr("lockgate.toolchain.clang.run_in", refuse)
    diagnostics = Diagnostics()
    assert compile_c({"a.c": f"int nobody_compiled_{number};\n"}, diagnostics) == {}
    (found,) = diagnostics.found
    assert (found.code, cure in (found.help or "")) == ("E4002", True)


def test_another_clang_is_recorded(tmp_path: Path) -> None:
    """A clang by path compiles, and is not taken for the pinned one."""
    other = tmp_path / "clang"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} -m ziglang clang "$@"\n')
    other.chmod(0o755)
    compiler = find_compiler(str(other))
    assert not compiler.is_pinned
    assert find_compiler().is_pinned
    assert compiler.clang == find_compiler().clang
    sources = render_programs(full_shape())
    assert cache_key("tc.c", sources, compiler) != cache_key(
        "tc.c", sources, find_compiler()
    )
    assert compile_c(sources, Diagnostics(), clang=str(other)).keys() == {
        "cgroup.o",
        "stub_cgroup.o",
        "stub_tc.o",
        "sweep.o",
        "tc.o",
    }
