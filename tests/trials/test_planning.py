"""Expectations about operations become a plan, or are refused at the word that is wrong."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lockgate.codes import CODES
from lockgate.diagnostics import Diagnostics
from lockgate.ir.cluster import Container, Pod
from lockgate.language.reading import Language, read_file
from lockgate.source import Source, Span
from lockgate.trials.operations import OPERATIONS, plan_operation, socket_address
from lockgate.trials.planning import PROGRAM, plan_trials
from lockgate.trials.pods import made
from lockgate_runtime.tracing.cgroup_names import name_cgroup

PLACE = Span(Source("pods.yaml", ""), 1, 1)
PODS = [
    Pod("shop", name, "", None, (), (), containers, ("", ""), PLACE)
    for name, containers in {
        "bare": (),
        "web": (Container("main", "", "containerd", "web:1"),),
        "db": (Container("main", "ab" * 32, "", ""), Container("side", "", "", "")),
    }.items()
]


def planned(statement: str) -> tuple[list[dict[str, object]], Diagnostics]:
    """Return the rows of one statement, and what was found wrong."""
    diagnostics = Diagnostics()
    source = Source("t.gatetest", f'test "t" {{\n  {statement}\n}}\n')
    tests = read_file(source, Language.TESTS, diagnostics).tests
    assert diagnostics.ok
    trials = plan_trials(tests, (), PODS, diagnostics)
    return [trial.row for trial in trials], diagnostics


def test_a_row() -> None:
    """A statement says who does what, as whom."""
    rows, diagnostics = planned(
        'expect deny when exec "/bin/sh" "-c" "true" by "/usr/sbin/nginx" as 1000'
    )
    assert diagnostics.ok
    assert rows == [
        {
            "operation": "exec",
            "operands": ["/bin/sh", "-c", "true"],
            "needs": [["program", "/bin/sh"]],
            "program": "/usr/sbin/nginx",
            "user": 1000,
            "cgroup": "",
        }
    ]


def test_an_end() -> None:
    """Somebody listens where a connection goes, and the workload takes the kernel's form."""
    rows, _ = planned('expect event when connect "10.0.0.7" tcp/443')
    assert rows[0]["needs"] == [
        ["address", "10.0.0.7"],
        ["listener", "tcp 10.0.0.7 443"],
    ]
    assert rows[0]["operands"] == ["1", "020001bb0a0000070000000000000000"]
    assert rows[0]["program"] == PROGRAM


def test_addresses_as_the_kernel_has_them() -> None:
    """Sizes are those of sockaddr_in and sockaddr_in6."""
    assert len(socket_address(ip_address("10.0.0.7"), 1)) == 16
    six = socket_address(ip_address("fd00::1"), 0x1234)
    assert (len(six), six[2:4]) == (28, b"\x12\x34")


@pytest.mark.parametrize(
    ("statement", "column", "message"),
    [
        ('allow when reed "/x"', 21, "there is no operation 'reed'"),
        ("allow when read", 21, "'read' takes an absolute path"),
        ('allow when read "x"', 26, "'x' is not an absolute path"),
        ('allow when read "/x" "/y"', 31, "'read' takes an absolute path, and no more"),
        ('allow when connect "10.0.0.300" tcp/1', 29, "'10.0.0.300' is not an IP"),
        ('allow when connect "224.0.0.1" tcp/1', 29, "no address that a host can have"),
        ('allow when connect "10.0.0.1" tcp/0', 40, "'tcp/0' is not a port"),
        ('allow when connect "10.0.0.1" tcp', 40, "'tcp' is not a port"),
        ('allow when send "10.0.0.1" tcp/1', 37, "'send' is not about tcp"),
        ("allow when unshare mount", 29, "'mount' is none of cgroup"),
        ("allow when setuid root", 28, "'root' is not a number"),
        ('allow when read "/x" by "cat"', 34, "'cat' is no absolute path"),
        ('allow when read "/x" as root', 34, "'root' is not the number of a user"),
        ('deny of web when read "/x"', 18, "there is no tracing policy 'web'"),
        ('deny when read "/x" in pod web', 37, "there is no pod 'web'"),
        ('deny when read "/x" in pod shop/db', 37, "shop/db has several containers"),
        (
            *('deny when read "/x" in pod shop/web container side', 56),
            "shop/web has no container 'side'",
        ),
    ],
)
def test_refused(statement: str, column: int, message: str) -> None:
    """Each mistake is told where it stands."""
    _, diagnostics = planned(f"expect {statement}")
    (found,) = diagnostics.found
    assert found.code == "E6206"
    assert message in found.message
    assert found.span is not None
    assert (found.span.line, found.span.column) == (2, column)


@pytest.mark.parametrize(
    ("workload", "container"),
    [("bare", None), ("web", None), ("web", "main"), ("db", "main"), ("db", "side")],
)
def test_a_pod(workload: str, container: str | None) -> None:
    """Its cgroup says whose it is, with what the pod has or is given: as a kubelet's would."""
    chosen = f" container {container}" if container else ""
    rows, _ = planned(f'expect deny when read "/x" as 7 in pod shop/{workload}{chosen}')
    name = name_cgroup(str(rows[0]["cgroup"]))
    (pod,) = (made(pod) for pod in PODS if pod.name == workload)
    ids = {one.name: one.id for one in pod.containers}
    assert name.is_pod
    assert name.pod == pod.uid
    assert name.container == (ids[container or "main"] if ids else "")
    assert made(pod) == pod


def test_every_operation_is_explained() -> None:
    """The page of the code names all of them, and nothing else is planned."""
    page = CODES["E6206"]
    words = page.cause.replace(",", " ").replace(";", " ").split()
    assert not set(OPERATIONS) - set(words)


def test_every_operation_is_planned() -> None:
    """What a table says can be tried has operands and needs."""
    texts = {
        "exec": ("/a",),
        "rename": ("/a", "/b"),
        "link": ("/a", "/b"),
        "symlink": ("/a", "/b"),
        "connect": ("::1", "tcp/1"),
        "send": ("::1", "udp/1"),
        "bind": ("::1", "udp/1"),
        "listen": ("::1", "tcp/1"),
        "setuid": ("1",),
        "setgid": ("1",),
        "unshare": ("user",),
    }
    for name in OPERATIONS:
        operands, _ = plan_operation(name, texts.get(name, ("/a",)))
        assert operands
