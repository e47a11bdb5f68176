"""What a cgroup is: a pod's container, or a unit of systemd, by its path."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate_runtime.tracing.proc import cgroup_root

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate_runtime.tracing.pod_names import PodNames

_AGE = 1.0
"""Seconds after which the tree is read again for a cgroup that is not known."""
_KUBELET = "kubepods"
"""What the kubelet calls the cgroups of pods, in whatever form, and of none but pods."""
_HEX = "[0-9a-f]"
_POD = re.compile(
    rf"pod({_HEX}{{8}}[-_](?:{_HEX}{{4}}[-_]){{3}}{_HEX}{{12}}|{_HEX}{{32}})(?:\.slice)?$"
)
"""A pod's uid; that of a pod from a file of the node has no dashes."""
_CONTAINER = re.compile(rf"(?:^|[-:])({_HEX}{{64}})(?:\.scope)?$")
_RUNTIME = re.compile(r"(cri-containerd|crio|docker|libpod)[-:]")
_RUNTIMES = {"cri-containerd": "containerd", "crio": "cri-o", "libpod": "podman"}
_SHOWN_ID = 31
"""Characters of a container's id that the reference shows in ``docker``."""


class CgroupName(NamedTuple):
    """What a path says: uid of a pod, id of a container, who runs it, unit of systemd.

    ``is_pod``: it is some pod's, or holds those of pods.  What is not said is empty.
    """

    pod: str = ""
    container: str = ""
    runtime: str = ""
    unit: str = ""
    is_pod: bool = False


def name_cgroup(path: str) -> CgroupName:
    """Read a path below the mount.

    In a pod the first container's id is that of the pod's own, whatever runs inside of it.

    >>> name_cgroup("/system.slice/ssh.service").unit
    'ssh.service'
    """
    parts = [part for part in path.split("/") if part]
    pods = [(n, found) for n, part in enumerate(parts) if (found := _POD.search(part))]
    first = pods[-1][0] + 1 if pods else 0
    containers = [
        (found[1], part) for part in parts[first:] if (found := _CONTAINER.search(part))
    ]
    uid = pods[-1][1][1].replace("_", "-") if pods else ""
    is_pod = bool(uid) or any(_KUBELET in part for part in parts)
    if containers:
        id_, part = containers[0]
        runtime = _RUNTIME.search(part)
        name = runtime[1] if runtime else "containerd"
        return CgroupName(uid, id_, _RUNTIMES.get(name, name), "", is_pod)
    units = [part for part in parts if part.endswith((".service", ".scope"))]
    unit = units[-1] if units and not is_pod else ""
    return CgroupName(uid, unit=unit, is_pod=is_pod)


class CgroupNames:
    """Names of cgroups by their ids (inode numbers below ``root``); ``pods`` knows more."""

    def __init__(self, root: Path | None = None, pods: PodNames | None = None) -> None:
        self._root = root or cgroup_root()
        self.pods = pods
        self._paths: dict[int, str] = {}
        self._read = -_AGE

    def find(self, number: int) -> dict[str, Any]:
        """Return what to add to a process: ``docker``, ``pod``, ``systemd_unit``."""
        path = self.path(number)
        return describe(path, self.pods) if path else {}

    def path(self, number: int) -> str | None:
        """Return the path of a cgroup below the root; None where there is none."""
        path = self._paths.get(number)
        if path is None and number and self._root:
            now = time.monotonic()
            if now - self._read >= _AGE:
                self._read = now
                self._paths = dict(_walk(self._root))
                path = self._paths.get(number)
        return path


def describe(path: str, pods: PodNames | None = None) -> dict[str, Any]:
    """Say whose a cgroup's path is, with the fields of the reference.

    >>> describe("/system.slice/ssh.service")
    {'systemd_unit': 'ssh.service'}
    """
    name = name_cgroup(path)
    found: dict[str, Any] = {}
    if name.container:
        found["docker"] = name.container[:_SHOWN_ID]
    if name.pod or (pods and name.container in pods.by_container):
        found["pod"] = _describe_pod(name, pods)
    if name.unit:
        found["systemd_unit"] = name.unit
    return found


def _describe_pod(name: CgroupName, pods: PodNames | None) -> dict[str, Any]:
    row = pods.find(name) if pods else None
    known = {} if row is None else row.fields
    found = {**known, "uid": known.get("uid", name.pod)}
    if name.container:
        container = {} if row is None else row.containers.get(name.container, {})
        found["container"] = {
            "id": f"{name.runtime}://{name.container}",
            **container,
        }
    return found


def _walk(root: Path) -> list[tuple[int, str]]:
    found = []
    for folder, _, _ in os.walk(root):
        try:
            found.append((os.stat(folder).st_ino, folder[len(str(root)) :] or "/"))  # noqa: PTH116 - many thousand
        except OSError:
            continue
    return found
