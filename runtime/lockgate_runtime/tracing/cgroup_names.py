"""What a cgroup is: a pod's container, or a unit of systemd, by its path."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

from lockgate_runtime.tracing.proc import cgroup_root

if TYPE_CHECKING:
    from pathlib import Path

_AGE = 1.0
"""Seconds after which the tree is read again for a cgroup that is not known."""
_POD = re.compile(r"pod([0-9a-f]{8}[-_](?:[0-9a-f]{4}[-_]){3}[0-9a-f]{12})")
_CONTAINER = re.compile(r"(?:^|[-/:])([0-9a-f]{64})(?:\.scope)?$")
_RUNTIME = re.compile(r"(cri-containerd|crio|docker|libpod)[-:]")
_RUNTIMES = {"cri-containerd": "containerd", "crio": "cri-o", "libpod": "podman"}
_SHOWN_ID = 31
"""Characters of a container's id that the reference shows in ``docker``."""


class CgroupNames:
    """Names of cgroups by their ids (inode numbers below ``root``)."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or cgroup_root()
        self._paths: dict[int, str] = {}
        self._read = -_AGE

    def find(self, number: int) -> dict[str, Any]:
        """Return what to add to a process: ``docker``, ``pod``, ``systemd_unit``."""
        path = self._paths.get(number)
        if path is None and number and self._root:
            now = time.monotonic()
            if now - self._read >= _AGE:
                self._read = now
                self._paths = dict(_walk(self._root))
                path = self._paths.get(number)
        return describe(path) if path else {}


def describe(path: str) -> dict[str, Any]:
    """Say whose a cgroup's path is.

    >>> describe("/system.slice/ssh.service")
    {'systemd_unit': 'ssh.service'}
    """
    found: dict[str, Any] = {}
    container, pod = _CONTAINER.search(path), _POD.search(path)
    if container:
        found["docker"] = container[1][:_SHOWN_ID]
    if pod:
        found["pod"] = {"uid": pod[1].replace("_", "-")}
        if container:
            runtime = _RUNTIME.search(path)
            name = runtime[1] if runtime else "containerd"
            found["pod"]["container"] = {
                "id": f"{_RUNTIMES.get(name, name)}://{container[1]}"
            }
    elif not container:
        units = [
            part for part in path.split("/") if part.endswith((".service", ".scope"))
        ]
        if units:
            found["systemd_unit"] = units[-1]
    return found


def _walk(root: Path) -> list[tuple[int, str]]:
    found = []
    for folder, _, _ in os.walk(root):
        try:
            found.append((os.stat(folder).st_ino, folder[len(str(root)) :] or "/"))  # noqa: PTH116 - many thousand
        except OSError:
            continue
    return found
