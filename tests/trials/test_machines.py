"""``lockgate test`` tries operations in machines, as any user, and sees what policies do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lockgate.vm.kernels import SERIES, missing

if TYPE_CHECKING:
    from pathlib import Path

HERE = [series for series in SERIES if not missing(series)][-1:]

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(
        not HERE, reason="needs QEMU and a kernel: ./dev test fetches what apt offers"
    ),
]

POLICIES = """\
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: shell}
spec:
  kprobes:
  - call: security_bprm_check
    syscall: false
    args: [{index: 0, type: linux_binprm}]
    selectors:
    - matchBinaries: [{operator: In, values: [/usr/sbin/nginx]}]
      matchArgs: [{index: 0, operator: Equal, values: [/opt/shell]}]
      matchActions: [{action: Sigkill}]
---
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: secret}
spec:
  lsmhooks:
  - hook: file_open
    args: [{index: 0, type: file}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: [/etc/secret]}]
      matchBinaries: [{operator: NotIn, values: [/usr/sbin/keeper]}]
      matchActions: [{action: Override, argError: -1}]
---
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: connections}
spec:
  kprobes:
  - call: tcp_connect
    syscall: false
    args: [{index: 0, type: sock}]
    selectors:
    - matchArgs: [{index: 0, operator: DAddr, values: [10.0.0.0/8]}]
    - matchArgs: [{index: 0, operator: DAddr, values: [11.0.0.0/8]}]
      matchActions: [{action: Sigkill}]
"""

PODS = """\
apiVersion: cilium.io/v1alpha1
kind: TracingPolicyNamespaced
metadata: {name: pods, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  containerSelector: {matchLabels: {name: main}}
  lsmhooks:
  - hook: file_open
    args: [{index: 0, type: file}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: [/etc/of-pods]}]
      matchActions: [{action: Override, argError: -1}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: main, image: web:1}, {name: side, image: side:1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: main, image: db:1}]}
"""

HOLD = """\
test "what holds" {
  expect kill of shell when exec "/opt/shell" by "/usr/sbin/nginx"
  expect nothing when exec "/opt/shell" by "/usr/sbin/apache"
  expect deny of secret when read "/etc/secret"
  expect deny when truncate "/etc/secret" as 0
  expect nothing when read "/etc/secret" by "/usr/sbin/keeper"
  expect event of connections when connect "10.0.0.7" tcp/443
  expect kill when connect "11.0.0.7" tcp/443
  expect nothing when connect "fd00::1" tcp/443
  expect nothing when send "10.0.0.7" udp/53
  expect allow when write "/tmp/any"
  expect allow when rename "/tmp/one" "/tmp/two"
  expect allow when unshare user as 1000
  expect deny of pods when read "/etc/of-pods" in pod shop/web container main
  expect nothing when read "/etc/of-pods" in pod shop/web container side
  expect nothing when read "/etc/of-pods" in pod shop/db
  expect nothing when read "/etc/of-pods"
}
"""

DIFFER = """\
test "what does not" {
  expect deny when read "/etc/any"
  expect allow when read "/etc/secret"
  expect kill when exec "/opt/shell"
  expect event of shell when exec "/opt/shell"
  expect deny when create "/proc/none"
  expect deny when read "/etc/of-pods" as 0 in pod shop/db container main
}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write policies and tests."""
    folder = tmp_path_factory.mktemp("trials")
    (folder / "policies.yaml").write_text(f"{POLICIES}---\n{PODS}")
    (folder / "all.gatetest").write_text(HOLD + DIFFER)
    return folder


def test_in_machines(files: Path) -> None:
    """Each statement comes out as its block says, on every kernel."""
    done = subprocess.run(  # noqa: S603  # our own words
        [
            *(sys.executable, "-m", "lockgate.cli", "test"),
            *("-f", str(files / "policies.yaml"), str(files / "all.gatetest")),
            *("--kernel", ",".join(HERE), "-o", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    for row in found["results"]:
        holds = row["test"] == "what holds"
        is_judged = "create" not in row["statement"]
        expected = "passed" if holds else "failed" if is_judged else "unknown"
        assert row["status"] == expected, row
    assert len({row["kernel"] for row in found["results"]}) == len(HERE)
    assert found["summary"]["coverage"]["percent"] == 100
    # The killed connection was accepted all the same, and people are told.
    assert done.stderr.count("W6209") == len(HERE)
    assert done.returncode == 1
