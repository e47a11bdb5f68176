"""What the runtime reads and decides without a kernel."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest

from lockgate_runtime import environment, guard, jiffies
from lockgate_runtime.attach import DIRECTION, Attachment
from lockgate_runtime.attach.cgroup import attachment_number
from lockgate_runtime.endpoints import Placement, placements_of, read_placements
from lockgate_runtime.errors import BpfError, NodeError
from lockgate_runtime.layout import ENUMERATIONS, pack_slot, unpack_slot
from lockgate_runtime.manifest import Feature
from lockgate_runtime.node_part import interface_size
from lockgate_runtime.pins import Pins, boot_time
from lockgate_runtime.slot import Slot
from lockgate_runtime.state import State, Total
from lockgate_runtime.verbs import VERBS
from lockgate_runtime.verbs.apply import _duration as duration
from tests.places import PACKAGES


def test_the_slot_falls_back_by_the_clock() -> None:
    """Until the deadline the written place is active, after it the other one."""
    assert (Slot(1).active, Slot(1).other, Slot(1).is_pending) == (1, 0, False)
    ahead = Slot(1, boot_time() + 10**10)
    assert (ahead.active, ahead.is_pending, ahead.has_fallen_back) == (1, True, False)
    behind = Slot(1, boot_time() - 1)
    assert (behind.active, behind.is_pending, behind.has_fallen_back) == (
        0,
        False,
        True,
    )
    assert unpack_slot(pack_slot(1, 12345)) == (1, 12345, 0, False)
    whole = pack_slot(0, 12345, 1, is_handed_over=True)
    assert unpack_slot(whole) == (0, 12345, 1, True)


def test_attachments_have_names_that_can_be_read_back() -> None:
    """A pin's name is all that is needed to detach."""
    for hook in DIRECTION:
        place = Attachment("tcx", hook, 17)
        assert Attachment.named(place.name) == place
    assert Attachment.named("qdisc-17") is None
    assert set(DIRECTION) == set(ENUMERATIONS["hook"])


def test_cgroup_numbers_are_marked() -> None:
    """No number of a cgroup is an ifindex, and their low bits differ, too."""
    assert attachment_number(5) == 0xFFFFFFFA
    assert attachment_number(1 << 40 | 5) == 0xFFFFFFFA
    both = [*range(1, 40), *map(attachment_number, range(1, 40))]
    assert interface_size(both) == 128


def test_placements_are_rows_or_documents(tmp_path: Path) -> None:
    """A plain list, a document, or a List of documents; by namespace and name."""
    document = {
        "apiVersion": "lockgate.dev/v1",
        "kind": "Endpoint",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"cgroup": "system.slice/db.service"},
    }
    file = tmp_path / "list.json"
    for content in ([document], document, {"kind": "List", "items": [document]}):
        file.write_text(json.dumps(content))
        assert read_placements(file) == {
            "shop/db": Placement(cgroup="system.slice/db.service")
        }
    rows = [{"name": "web", "interface": "veth1"}]
    assert placements_of(rows, "x") == {"default/web": Placement(interface="veth1")}


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        '"text"',
        '[{"name": "web"}]',
        '[{"interface": "veth1"}]',
        '[{"name": "web", "interface": "veth1", "cgroup": "x"}]',
        "[7]",
    ],
)
def test_wrong_placements_are_refused(tmp_path: Path, content: str) -> None:
    """Nothing is guessed."""
    file = tmp_path / "list.json"
    file.write_text(content)
    with pytest.raises(NodeError) as caught:
        read_placements(file)
    assert caught.value.code == "E5014"


def test_times_have_units() -> None:
    """Seconds by default; nothing is not a time."""
    assert [duration(t) for t in ("60s", "60", "5m", "1h", "250ms")] == [
        *(60, 60, 300, 3600, 0.25)
    ]
    for wrong in ("", "0s", "-1s", "5 s", "5d"):
        with pytest.raises(argparse.ArgumentTypeError):
            duration(wrong)


def test_guard_is_read() -> None:
    """Protocol and port, and the address that is given."""
    found = guard.parse_guard("tcp/22", "198.51.100.7")
    assert found == guard.Guard("tcp", 22, ip_address("198.51.100.7"))
    for wrong in ("22", "tcp", "tcp/0", "tcp/70000", "icmp/8", "tcp/ssh"):
        with pytest.raises(ValueError, match="is not"):
            guard.parse_guard(wrong, "198.51.100.7")


def test_guard_finds_the_session_of_an_ancestor() -> None:
    """As under sudo, which takes SSH_CONNECTION away from its command."""
    code = (
        "import os, subprocess, sys; from lockgate_runtime import guard;"
        "print(guard.parse_guard('tcp/22').peer) if len(sys.argv) > 1 else "
        "subprocess.run([sys.executable, '-c', sys.orig_argv[2], 'inner'],"
        " env={n: v for n, v in os.environ.items() if n[:6] == 'PYTHON'}, check=True)"
    )
    done = subprocess.run(  # noqa: S603  # written above
        [sys.executable, "-c", code],
        env=PACKAGES | {"SSH_CONNECTION": "::ffff:198.51.100.7 5000 192.0.2.1 22"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "198.51.100.7\n", done.stderr


def test_a_kernel_may_be_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every bundle, or for one that needs more."""
    monkeypatch.setattr(environment, "kernel_version", lambda: (5, 15))
    with pytest.raises(NodeError) as caught:
        environment.check_kernel()
    assert caught.value.code == "E5003"
    monkeypatch.setattr(environment, "kernel_version", lambda: (6, 1))
    environment.check_kernel([Feature("ring buffers", "5.8")])
    with pytest.raises(NodeError) as caught:
        environment.check_kernel([Feature("token", "6.9")])
    assert caught.value.code == "E5006"
    assert "token (Linux 6.9)" in caught.value.message


def test_pins_need_a_bpf_file_system(tmp_path: Path) -> None:
    """Elsewhere, or with a dot in a name, nothing is pinned; the cure is a command."""
    with pytest.raises(NodeError) as caught:
        environment.check_bpffs(tmp_path / "pins")
    assert caught.value.code == "E5002"
    assert "mount -t bpf bpf" in caught.value.cure


def test_a_big_endian_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are read by the kernel as they are."""
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(NodeError) as caught:
        environment.check_architecture()
    assert caught.value.code == "E5007"


def test_no_privilege_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the capabilities, not by the user's number."""
    monkeypatch.setattr(Path, "read_text", lambda _self: "CapEff:\t0000000000000000\n")
    with pytest.raises(NodeError) as caught:
        environment.check_capabilities()
    assert caught.value.code == "E5001"


def test_libbpf_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package."""
    from lockgate_runtime import libbpf

    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError("libbpf.so.1: cannot open shared object file")

    monkeypatch.setattr("lockgate_runtime.libbpf.ctypes.CDLL", refuse)
    libbpf.load_libbpf.cache_clear()
    with pytest.raises(NodeError) as caught:
        libbpf.load_libbpf()
    assert caught.value.code == "E5004"
    assert "libbpf1" in caught.value.cure


def test_the_configured_rate_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONFIG_HZ, and no option whose name begins like it."""
    text = "CONFIG_HZ_250=y\nCONFIG_HZ=300\n# CONFIG_HZ_100 is not set\n"
    monkeypatch.setattr(jiffies, "_configurations", lambda: ["", text])
    assert jiffies.jiffies_per_second() == 300


def test_state_is_written_at_once_and_read_back(tmp_path: Path) -> None:
    """Totals, with names; what is lost or torn reads as nothing."""
    state = State(Path("/sys/fs/bpf/lg-test"), tmp_path)
    assert state.read_totals() == (0, {})
    state.write_totals(3, {77: Total(5, 500, "a rule")})
    assert state.read_totals() == (3, {77: Total(5, 500, "a rule")})
    (state.folder / "totals.json").write_text('{"last": 3, "ru')
    assert state.read_totals() == (0, {})
    assert state.read_node(9) == {}
    state.remove()
    assert not state.folder.exists()


def test_the_lock_is_of_one_at_a_time(tmp_path: Path) -> None:
    """Without waiting it is refused; a waiter gets it when it is free."""
    pins = Pins(tmp_path / "root")
    got: list[str] = []

    def wait() -> None:
        with pins.lock(waiting=lambda: got.append("waiting")):
            got.append("locked")

    with pins.lock():
        with pytest.raises(NodeError) as caught, pins.lock(wait=False):
            pass
        assert caught.value.code == "E5030"
        waiter = threading.Thread(target=wait)
        waiter.start()
        while not got:
            pass
        pins.root.rmdir()  # as unload does: the waiter must not take the old folder
    waiter.join(5)
    assert got == ["waiting", "locked"]
    assert pins.root.exists()


def test_errors_name_errno() -> None:
    """People search for ENOMEM, not for 12."""
    assert str(BpfError(12, "fill cells")).startswith("fill cells: ENOMEM (")


def test_the_runtime_needs_nothing_of_the_compiler() -> None:
    """Every verb's help works where lark, jinja2, yaml and pyroute2 cannot be imported."""
    code = (
        "import sys\n"
        "for name in ('lark', 'jinja2', 'yaml', 'pyroute2', 'ziglang', 'lockgate'):\n"
        "    sys.modules[name] = None\n"
        "from lockgate_runtime.__main__ import main\n"
        "main(sys.argv[1:])\n"
    )
    for verb in VERBS:
        done = subprocess.run(  # noqa: S603  # written above
            [sys.executable, "-c", code, verb, "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "examples:" in done.stdout
