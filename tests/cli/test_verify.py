"""``lockgate verify``: exit codes, answers and attestations, on this kernel and on others."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockgate.artifact import write_bundle
from lockgate.cli import kernel_trials, verify
from lockgate.cli.main import main
from lockgate.diagnostics import Diagnostics
from lockgate.driver import Settings, compile_policies
from lockgate.results import placeless
from lockgate.toolchain.clang import compile_c
from lockgate.vm import SERIES, Kernel, KernelError, MachineError, missing
from lockgate_runtime.bundle import Bundle
from lockgate_runtime.cgroup_probe import CgroupProbe

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
NOBODY = "65534"

ANSWER: dict[str, Any] = {
    "kernel": "6.1.0-9-amd64",
    "outcome": "accepted",
    "programs": [
        {
            "program": "to_endpoint",
            "section": "tc",
            "instructions": 10,
            "verified_instructions": 20,
            "total_states": 3,
            "stack": [8, 16],
            "microseconds": 1234,
            "object": "tc",
            "is_accepted": True,
        }
    ],
    "packets": {
        "sent": 7,
        "possible": 9,
        "through": ["tc/to_endpoint"],
        "different": 0,
        "unasked": {},
        "differences": [],
    },
}


@pytest.fixture
def bundle(shop_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the shop's bundle into the current folder, which is the test's own."""
    shutil.copytree(shop_bundle, tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    return Path("bundle")


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """Make a folder with two kernels that nobody boots."""
    for release in ("6.1.0-9-amd64", "6.12.3-amd64"):
        (tmp_path / "kernels/lib/modules" / release).mkdir(parents=True)
        (tmp_path / f"kernels/vmlinuz-{release}").touch()
    return tmp_path / "kernels"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Answer for the kernels; return what they were asked."""
    questions: list[tuple[str, str, int]] = []

    def answer(
        kernel: Kernel, paths: list[Path], packets: int, seconds: float
    ) -> list[dict[str, Any]]:
        assert seconds == 600
        questions.extend((kernel.release, str(path), packets) for path in paths)
        return [ANSWER | {"kernel": kernel.release} for _ in paths]

    monkeypatch.setattr(kernel_trials, "try_on", answer)
    return questions


@pytest.mark.usefixtures("asked")
def test_attestation_has_no_times(bundle: Path, kernels: Path) -> None:
    """What is written beside the bundle is what the kernel said, without how fast it was."""
    assert main(["verify", str(bundle), "--kernels", str(kernels)]) == 0
    names = sorted(p.name for p in Path().glob("*.json"))
    assert names == [
        "bundle.verify-6.1.0-9-amd64.json",
        "bundle.verify-6.12.3-amd64.json",
    ]
    text = Path(names[0]).read_text()
    predicate = json.loads(text)["predicate"]
    assert predicate["kernel"] == "6.1.0-9-amd64"
    assert predicate["programs"][0]["verified_instructions"] == 20
    assert predicate["packets"]["sent"] == 7
    assert "microseconds" not in text
    assert str(Path.cwd()) not in text


@pytest.mark.usefixtures("asked")
def test_text(bundle: Path, kernels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty line stands between two kernels and none at the end; columns are straight."""
    words = ["--kernel", "6.1,6.12", "--kernels", str(kernels)]
    assert main(["verify", str(bundle), *words]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    release = "6.12.3-amd64"
    assert second.replace(release, "6.1.0-9-amd64").rstrip("\n") == first
    assert second.endswith(f"written to bundle.verify-{release}.json\n")
    said, head, row, packets, _ = first.splitlines()
    assert said == "bundle on Linux 6.1.0-9-amd64: accepted"
    assert packets.startswith("7 packets of 9 kinds")
    for word, value in (("verified", "20"), ("ms", "1.2")):
        end = head.index(word) + len(word)
        assert row[:end].endswith(f" {value}"), word
    assert row[head.index("stack") :] == "8+16"


def test_series_and_packets(
    bundle: Path,
    kernels: Path,
    asked: list[tuple[str, str, int]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The kernels of the list are asked, in its order, with as many packets as wanted."""
    words = ["--kernel", "6.12,6.1", "--kernels", str(kernels), "--packets", "5"]
    assert main(["verify", str(bundle), *words, "-o", "json"]) == 0
    releases = ["6.12.3-amd64", "6.1.0-9-amd64"]
    assert asked == [(release, "bundle", 5) for release in releases]
    answer = json.loads(capsys.readouterr().out)
    assert answer["version"] == 1
    assert [row["kernel"] for row in answer["results"]] == releases
    assert answer["results"][0]["attestation"] == "bundle.verify-6.12.3-amd64.json"
    assert answer["summary"] == {"accepted": 2, "refused": 0, "unknown": 0}
    assert main(["verify", str(bundle), *words[:4]]) == 0
    assert asked[-1][2] == verify.PACKETS


def test_a_refusal_is_1_and_an_unknown_2(
    bundle: Path,
    kernels: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What could not be asked outweighs a refusal; every kernel is asked all the same."""
    outcomes: dict[str, str] = {"6.1.0-9-amd64": "refused"}

    def answer(kernel: Kernel, *_: object) -> list[dict[str, Any]]:
        outcome = outcomes.get(kernel.release, "accepted")
        if outcome == "dies":
            raise MachineError("E6553", "the guest died\n  Kernel panic", "more time")
        return [ANSWER | {"kernel": kernel.release, "outcome": outcome}]

    monkeypatch.setattr(kernel_trials, "try_on", answer)
    words = ["verify", str(bundle), "--kernels", str(kernels)]
    assert main(words) == 1
    outcomes["6.12.3-amd64"] = "dies"
    assert main(words) == 2
    told = capsys.readouterr().out
    assert "bundle on Linux 6.12.3-amd64: unknown [E6553]\n  the guest died" in told
    assert "bundle on Linux 6.1.0-9-amd64: refused" in told
    assert main([*words, "-o", "json"]) == 2
    answer_ = json.loads(capsys.readouterr().out)
    (unknown,) = (row for row in answer_["results"] if row["outcome"] == "unknown")
    assert unknown["error"]["code"] == "E6553"


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["bundle", "--kernel", "9.9", "--kernels", "kernels"], "E6551", 2),
        (["bundle", "--kernels", "nowhere"], "E6551", 2),
        (["bundle", "--kernels", "empty"], "E6551", 2),
        (["nowhere", "--kernels", "kernels"], "E5011", 2),
        (["damaged", "--kernels", "kernels"], "E5010", 1),
        (["bundle", "--kernels", "kernels", "--packets", "-1"], "E2203", 2),
        (["bundle", "--kernel", ","], "E2203", 2),
    ],
)
@pytest.mark.usefixtures("kernels", "asked")
def test_what_cannot_be_judged(
    words: list[str],
    code: str,
    exit_code: int,
    bundle: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each has its code, in text and in JSON; a damaged bundle is refused before a boot."""
    Path("empty").mkdir()
    shutil.copytree(bundle, "damaged")
    with Path("damaged/report.md").open("a") as file:
        file.write("changed\n")
    assert main(["verify", *words]) == exit_code
    captured = capsys.readouterr()
    assert f"[{code}]" in captured.out + captured.err
    assert main(["verify", *words, "-o", "json"]) == exit_code
    answer = json.loads(capsys.readouterr().out)
    (error,) = answer["diagnostics"] or [answer["results"][0]["error"]]
    assert error["code"] == code
    assert error["help"]
    assert not list(Path().glob("*.json"))


def test_what_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel or a busybox that is not here is fetched; what cannot be had is told."""
    fetched: list[str] = []

    def fetch(name: str) -> None:
        fetched.append(name)
        raise KernelError("E6551", f"no {name}", "give a folder")

    monkeypatch.setattr(kernel_trials, "find_busybox", lambda: None)
    monkeypatch.setattr(kernel_trials, "find_kernel", lambda _: None)
    monkeypatch.setattr(kernel_trials, "fetch_package", fetch)
    monkeypatch.setattr(kernel_trials, "fetch_kernel", fetch)
    ((name, fault),) = kernel_trials.choose_kernels(["6.1"], None, lambda _: None)
    assert (name, fetched) == ("6.1", ["busybox-static", "6.1"])
    assert isinstance(fault, KernelError)
    assert fault.message == "no 6.1"


def test_a_bundle_that_was_replaced_meanwhile(
    bundle: Path,
    kernels: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a kernel said of another bundle is not written beside this one."""
    digest = Bundle.open(bundle).manifest.digest

    def answer(*_: object) -> list[dict[str, Any]]:
        return [ANSWER | {"digest": digest}]

    monkeypatch.setattr(kernel_trials, "try_on", answer)
    words = ["verify", str(bundle), "--kernels", str(kernels), "--kernel", "6.1 , 6.1"]
    assert main(words) == 0
    digest = "0" * 64
    Path("bundle.verify-6.1.0-9-amd64.json").unlink()
    assert main(words) == 2
    assert capsys.readouterr().out.count("[E6556]") == 1
    assert not list(Path().glob("*.json"))


def test_a_guest_that_says_nothing() -> None:
    """No answer is no acceptance; a fault in the guest is one here."""
    with pytest.raises(MachineError, match="gave no answer\nTraceback"):
        kernel_trials._read_results("", "Traceback")
    fault = {"diagnostics": [placeless("E5004", "no libbpf", "install it")]}
    with pytest.raises(Exception, match="no libbpf"):
        kernel_trials._read_results(json.dumps(fault), "")


@pytest.mark.kernel
def test_this_kernel(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every packet meets the decision of the tables, on whatever kernel this is."""
    code = main(["verify", str(bundle), "--packets", "500", "-o", "json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert code == 0, result
    assert result["kernel"] == os.uname().release
    assert result["packets"]["sent"] == 500
    assert result["packets"]["different"] == 0
    assert result["packets"]["through"] == ["tc/from_endpoint", "tc/to_endpoint"]
    assert {row["object"] for row in result["programs"]} == {
        "stub_tc",
        "sweep",
        "tc",
    }
    assert not list(Path().glob("*.json")), "the running kernel is not attested"


@pytest.mark.kernel
def test_cgroups_are_asked_at_their_own_programs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An endpoint that is a cgroup meets the programs for cgroups, which are believed or not."""
    case = ROOT / "golden/cgroup_endpoint"
    inputs = [case / "policy.yaml", case / "cluster.yaml"]
    bundle = compile_policies(inputs, settings=Settings(cache=None)).bundle
    assert bundle is not None
    write_bundle(bundle, tmp_path / "bundle")
    words = ["verify", str(tmp_path / "bundle"), "--packets", "200", "-o", "json"]
    assert main(words) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    programs = ["cgroup/cgroup_egress", "cgroup/cgroup_ingress"]
    assert result["packets"]["through"] == programs
    assert result["packets"]["sent"] > 100
    monkeypatch.setattr(CgroupProbe, "returns", {0: True, 1: False})
    assert main(words) == 1


@pytest.mark.kernel
def test_a_flipped_cell_is_seen(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program whose map has another decision in one place is refused, with the packet."""
    from lockgate_runtime import maps

    fill: Callable[..., None] = maps.fill_array

    def fill_wrong(target: Any, pieces: Any) -> None:  # noqa: ANN401  # a map, its content
        content = bytearray(b"".join(pieces))
        if target.info.name == "cells":
            content[32] = 2 if content[32] == 3 else 3  # the decision of the ninth cell
        fill(target, [bytes(content)])

    monkeypatch.setattr(maps, "fill_array", fill_wrong)
    assert main(["verify", str(bundle), "--packets", "4000"]) == 1
    told = capsys.readouterr().out
    assert "bundle on Linux" in told
    assert ": refused" in told
    assert "the tables say" in told


@pytest.mark.kernel
def test_wrong_only_together(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packets that are right alone and wrong after others are no acceptance."""
    from lockgate_runtime.packet_runs import PacketRuns

    send: Callable[..., Any] = PacketRuns.send

    def count_one_less(*arguments: object) -> Any:  # noqa: ANN401  # what send returns
        wrong, counted = send(*arguments)
        return wrong, {number: count - 1 for number, count in counted.items()}

    monkeypatch.setattr(PacketRuns, "send", count_one_less)
    assert main(["verify", str(bundle), "--packets", "100"]) == 1
    assert "right when sent alone" in capsys.readouterr().out


@pytest.mark.vm
@pytest.mark.skipif(
    bool(missing(SERIES[0])),
    reason="needs QEMU and a kernel: ./dev test fetches what apt offers",
)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_another_kernel_without_privilege(shop_bundle: Path) -> None:
    """Somebody without any capability certifies a bundle on another kernel."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # /tmp may be root's own
        home = Path(name)
        shutil.copytree(shop_bundle, home / "bundle")
        (home / "newer.o").write_bytes(_newer())
        for path in (home, *home.rglob("*")):
            os.chown(path, int(NOBODY), int(NOBODY))
        identity = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
        nothing = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        paths = [ROOT / "compiler", ROOT / "runtime", *site.getsitepackages()]
        command = [_python(), "-m", "lockgate.cli", "verify", "bundle", "newer.o"]
        done = subprocess.run(  # noqa: S603 - our own command
            [
                *("setpriv", *identity, *nothing, "--", *command),
                *("--kernel", SERIES[0], "--packets", "300", "-o", "json"),
            ],
            cwd=home,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "PYTHONPATH": ":".join(map(str, paths)),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        result, newer = json.loads(done.stdout)["results"]
        assert result["outcome"] == "accepted", result
        assert result["kernel"].startswith(f"{SERIES[0]}.")
        assert result["packets"]["sent"] == 300
        assert result["packets"]["different"] == 0
        statement = json.loads((home / result["attestation"]).read_text())
        assert statement["predicate"]["kernel"] == result["kernel"]
        assert newer["outcome"] == "refused"
        assert {row["program"]: row["is_accepted"] for row in newer["programs"]} == {
            "newer": False,
            "plain": True,
        }
        assert [path.name for path in home.glob("*.json")] == [result["attestation"]]


NEWER = r"""
#define SEC(name) __attribute__((section(name), used))
struct __sk_buff { unsigned len; };
SEC("tc") int newer(struct __sk_buff *skb)
{
	long extended;

	/* r0 = (s8)r2, an instruction that Linux has since 6.6. */
	asm volatile("r2 = 5\n.8byte 0x00000000000820bf\n%0 = r0"
		: "=r"(extended) :: "r0", "r2");
	return extended;
}
SEC("tc") int plain(struct __sk_buff *skb) { return skb->len > 3; }
char LICENSE[] SEC("license") = "GPL";
"""


def _newer() -> bytes:
    """Return an object of which Linux 6.1 refuses one program."""
    return compile_c({"newer.c": NEWER}, Diagnostics())["newer.o"]


@pytest.mark.kernel
def test_the_newer_object_is_good_here(tmp_path: Path) -> None:
    """A kernel that knows the instruction accepts it: the refusal elsewhere is of that kernel."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 6):
        pytest.skip("needs Linux 6.6, which knows the instruction")
    (tmp_path / "newer.o").write_bytes(_newer())
    assert main(["verify", str(tmp_path / "newer.o")]) == 0


def _python() -> str:
    """Return a Python of this version that everybody may run; skip where there is none."""
    system = f"/usr/bin/python3.{sys.version_info.minor}"
    for path in (Path(sys.executable).resolve(), Path(system)):
        if path.exists() and all(folder.stat().st_mode & 1 for folder in path.parents):
            return str(path)
    pytest.skip(f"needs a Python that other users may run, such as {system}")
